import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { needPackages } from '../real/install/debian.ts';
import { isOnPath } from '../real/install/run.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import { keepOutput } from '../support/outputs.ts';
import { until } from '../support/until.ts';
import type { AcquirerProcess } from './acquirer-process.ts';
import { type Stage, stages } from './stage.ts';

const ROOT = join(import.meta.dirname, '../..');
/** One call for each line of standard input; writes what came of it. */
const DRIVER = `
import sys
token = Token("dynamics")
for line in sys.stdin:
    try:
        token.get(line.strip())
        print("ok", flush=True)
    except urllib.error.HTTPError as error:
        print(error.code, flush=True)
`;

/** The program of the document, which calls on request. */
class Program {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(env: Readonly<Record<string, string>>) {
    const [block, ...others] = codeBlocks(ROOT).filter(({ language }) => language === 'python');
    if (others.length > 0) throw new Error('Only one Python block of the documents is run.');
    this.#child = spawn('python3', ['-c', `${block?.text}\n${DRIVER}`], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    keepOutput(this.#child, 'the Python client');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async call(url: string): Promise<string> {
    this.#child.stdin.write(`${url}\n`);
    const { value } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    return value ?? 'ended';
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

const { open, closeAll } = stages();
const programs: Program[] = [];
let authority: CertificateAuthority;
beforeAll(async () => {
  await needPackages({
    part: 'a client in Python',
    missing: 'python3',
    packages: ['python3'],
    present: () => isOnPath('python3'),
  });
  authority = createCertificateAuthority();
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.end()));
  await closeAll();
});
afterAll(() => authority.remove());

/** Runs the shell program of the document once. Resolves with the status that it prints. */
async function runShell(env: Readonly<Record<string, string>>, folder: string, url: string): Promise<string> {
  const block = codeBlocks(ROOT).find(({ text }) => text.startsWith('# call.sh\n'));
  const text = block?.text.replace('https://gateway.example.com/dynamics/incidents', url) ?? '';
  const { stdout } = await promisify(execFile)('sh', ['-c', text], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
  });
  return stdout.trim();
}

interface Place {
  readonly stage: Stage;
  readonly acquirer: AcquirerProcess;
  readonly program: Program;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Brings what is stored to the program's volume, as the kubelet does later. */
  bring(): void;
  stored(): string;
}

async function place({ tls = true } = {}): Promise<Place> {
  const { cert, key } = authority.issue();
  const stage = await open({ lifetime: 600 });
  const files = {
    certificateFile: join(stage.workplace.root, 'tls.crt'),
    privateKeyFile: join(stage.workplace.root, 'tls.key'),
  };
  writeFileSync(files.certificateFile, cert);
  writeFileSync(files.privateKeyFile, key);
  stage.workplace.configure(stage.configuration(tls ? { beside: { endpoint: files } } : {}));
  const acquirer = stage.acquirer();
  const url = await acquirer.url('reissue');
  await acquirer.logged('token-stored');
  const volume = join(stage.workplace.root, 'volume');
  const bring = (): void => {
    mkdirSync(volume, { recursive: true });
    for (const name of ['dynamics', 'dynamics.json']) {
      writeFileSync(join(volume, name), readFileSync(join(stage.workplace.volume(), name)));
    }
  };
  bring();
  const env = {
    TOKEN_DIRECTORY: volume,
    REISSUE_URL: url.replace(/\/$/, ''),
    REISSUE_NAMESPACE: 'billing',
    REISSUE_SECRET: 'billing-tokens',
    CALLER_TOKEN_FILE: stage.workplace.callerToken,
    ...(tls ? { CA_FILE: authority.caFile } : {}),
  };
  const program = new Program(env);
  programs.push(program);
  const stored = (): string => readFileSync(join(stage.workplace.volume(), 'dynamics'), 'utf8');
  return { stage, acquirer, program, url: `${stage.gateway.url}/incidents`, env, bring, stored };
}

const reissues = (acquirer: AcquirerProcess): number =>
  acquirer.lines.filter(({ event, trigger }) => event === 'token-issued' && trigger === 'reissue').length;

describe('the Python client of the documents', () => {
  it('reissues a revoked token in the same call, and goes on with it before and after its file follows', async () => {
    const { stage, acquirer, program, url, bring, stored } = await place();
    expect(await program.call(url)).toBe('ok');
    await stage.revoke(stored());
    expect(await program.call(url)).toBe('ok');
    await until('the reissue', () => reissues(acquirer) === 1, 10_000);
    expect(await program.call(url)).toBe('ok');
    bring();
    expect(await program.call(url)).toBe('ok');
    expect(reissues(acquirer)).toBe(1);
  }, 60_000);

  it('takes the newer token of its file, and asks for none', async () => {
    const { stage, acquirer, program, url, bring, stored } = await place();
    expect(await program.call(url)).toBe('ok');
    const first = stored();
    stage.workplace.credential('dynamics', { interval: '1s' });
    await until('another token', () => stored() !== first, 20_000);
    stage.workplace.credential('dynamics', { interval: '10m' });
    bring();
    await stage.revoke(first);
    expect(await program.call(url)).toBe('ok');
    expect(reissues(acquirer)).toBe(0);
  }, 60_000);

  it('reissues a revoked token on loopback without a CA file', async () => {
    const { stage, program, url, stored } = await place({ tls: false });
    expect(await program.call(url)).toBe('ok');
    await stage.revoke(stored());
    expect(await program.call(url)).toBe('ok');
  }, 60_000);

  it('leaves other errors to its caller', async () => {
    const { program, stage } = await place();
    expect(await program.call(`${stage.gateway.url}/nothing-here`)).toBe('404');
  }, 60_000);
});

describe('the shell program of the documents', () => {
  it.each([
    ['over TLS', true],
    ['on loopback without a CA file', false],
  ])(
    'reissues a revoked token %s, and gets it again before its file follows',
    async (_, tls) => {
      const { stage, acquirer, url, env, stored } = await place({ tls });
      const call = (): Promise<string> => runShell(env, stage.workplace.root, url);
      expect(await call()).toBe('200');
      await stage.revoke(stored());
      expect(await call()).toBe('200');
      expect(await call()).toBe('200');
      expect(reissues(acquirer)).toBe(1);
    },
    60_000,
  );

  it('asks for no token after another error', async () => {
    const { stage, acquirer, env } = await place();
    expect(await runShell(env, stage.workplace.root, `${stage.gateway.url}/nothing-here`)).toBe('404');
    expect(reissues(acquirer)).toBe(0);
  }, 60_000);
});
