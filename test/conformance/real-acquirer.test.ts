import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AcquirerProcess } from '../e2e/acquirer-process.ts';
import { type Stage, stages } from '../e2e/stage.ts';
import { realParts } from '../real/real-parts.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { blocksIn } from '../support/code-blocks.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { Client, EXAMPLE_LANGUAGES } from './clients.ts';

const USE = join(import.meta.dirname, '../../docs/use');

interface Place {
  readonly stage: Stage;
  readonly acquirer: AcquirerProcess;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Brings what is stored to the client's volume, as the kubelet does later. */
  bring(): void;
  stored(): string;
}

const { open, closeAll } = stages();
const clients: Client[] = [];
const folders: { remove(): void }[] = [];
let authority: CertificateAuthority;
beforeAll(() => {
  authority = createCertificateAuthority();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await closeAll();
});
afterAll(() => {
  authority.remove();
  for (const folder of folders) folder.remove();
});

/** A token-acquirer with a certificate of a private CA, its gateway, and the volume of a client. */
async function openPlace(): Promise<Place> {
  const { cert, key } = authority.issue();
  const stage = await open({ lifetime: 600 });
  const at = (name: string): string => join(stage.workplace.root, name);
  writeFileSync(at('tls.crt'), cert);
  writeFileSync(at('tls.key'), key);
  const endpoint = { certificateFile: at('tls.crt'), privateKeyFile: at('tls.key') };
  stage.workplace.configure(stage.configuration({ beside: { endpoint } }));
  const acquirer = stage.acquirer();
  const url = await acquirer.url('reissue');
  await acquirer.logged('token-stored');
  const volume = at('volume');
  mkdirSync(volume);
  const bring = (): void => {
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
    CA_FILE: authority.caFile,
    ORIGIN: new URL(stage.gateway.url).origin,
  };
  const stored = (): string => readFileSync(join(stage.workplace.volume(), 'dynamics'), 'utf8');
  return { stage, acquirer, url: `${stage.gateway.url}/incidents`, env, bring, stored };
}

const reissues = (acquirer: AcquirerProcess): number =>
  acquirer.lines.filter(({ event, trigger }) => event === 'token-issued' && trigger === 'reissue').length;

describe.each(EXAMPLE_LANGUAGES)('the client in $name, with a token-acquirer,', (language) => {
  const program = realParts(async () => {
    const folder = temporaryDirectory();
    folders.push(folder);
    return { ...(await language.prepare(folder.path)), stop: async () => {} };
  });

  it('replaces a revoked token in the same call, and takes a newer one of its file', async () => {
    const { stage, acquirer, url, env, bring, stored } = await openPlace();
    const client = new Client(program(), env, `the client in ${language.name}`);
    clients.push(client);
    expect(await client.call(url)).toBe('200');
    await stage.revoke(stored());
    expect(await client.call(url)).toBe('200');
    await until('the reissue', () => reissues(acquirer) === 1, 10_000);
    expect(await client.call(url)).toBe('200');
    const second = stored();
    stage.workplace.credential('dynamics', { interval: '1s' });
    await until('another token', () => stored() !== second, 20_000);
    stage.workplace.credential('dynamics', { interval: '10m' });
    bring();
    await stage.revoke(second);
    expect(await client.call(url)).toBe('200');
    expect(reissues(acquirer)).toBe(1);
    expect(await client.call(`${stage.gateway.url}/nothing-here`)).toBe('404');
  }, 90_000);
});

describe('the snippets of the pages', () => {
  /** Runs the second block of the page next to the example. Resolves with its output. */
  async function runSnippet(page: string, example: string, command: string): Promise<string> {
    const { env, stage } = await openPlace();
    const folder = stage.workplace.root;
    copyFileSync(join(USE, 'examples', example), join(folder, example.split('/').at(-1) ?? ''));
    const [, snippet] = blocksIn(page, readFileSync(join(USE, page), 'utf8'));
    const text = snippet?.text.replaceAll('https://gateway.example.com/dynamics', stage.gateway.url) ?? '';
    const here = text
      .replaceAll('https://gateway.example.com', env['ORIGIN'] ?? '')
      .replace('/dynamics/incidents', '/incidents');
    writeFileSync(
      join(folder, 'snippet'),
      here.startsWith('crm') ? `from token_client import TokenClient\n${here}` : here,
    );
    const options = { cwd: folder, env: { PATH: process.env['PATH'], ...env } };
    const { stdout } = await promisify(execFile)(command, ['snippet'], options);
    return stdout;
  }

  it('in Python call the service', async () => {
    expect(await runSnippet('python.md', 'python/token_client.py', 'python3')).toMatch(/^200 b'{"incidents":/);
  }, 60_000);

  it('in the shell call the service', async () => {
    expect(await runSnippet('shell.md', 'shell/token.sh', 'sh')).toMatch(/^{"incidents":/);
  }, 60_000);
});
