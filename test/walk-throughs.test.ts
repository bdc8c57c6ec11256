import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { mountedTokens } from '../src/client/index.ts';
import { stages } from './e2e/stage.ts';
import { type CodeBlock, codeBlocks } from './support/code-blocks.ts';
import { keepOutput } from './support/outputs.ts';
import { registerSecret } from './support/secrets.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { until } from './support/until.ts';
import { runBlock, steady } from './support/walk-through.ts';

/** Each document here is followed from its first block to its last, as it is written. Only host names are replaced. */
const ROOT = resolve(import.meta.dirname, '..');
const blocksOf = (document: string): CodeBlock[] => codeBlocks(ROOT).filter((block) => block.document === document);

const { open, closeAll } = stages();
const folders: ReturnType<typeof temporaryDirectory>[] = [];
const running: Background[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.stop()));
  await closeAll();
  for (const folder of folders.splice(0)) folder.remove();
});

function emptyFolder(): string {
  const folder = temporaryDirectory();
  folders.push(folder);
  return folder.path;
}

/** A folder of the project as after a clone and `npm ci`, in which a walk leaves its files. */
function projectFolder(): string {
  const folder = emptyFolder();
  for (const name of ['package.json', 'src', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name));
  return folder;
}

/** A block that runs until Ctrl-C, in a process group as a terminal makes one. */
class Background {
  readonly #child: ChildProcess;
  output = '';

  constructor(folder: string, text: string) {
    this.#child = spawn('sh', ['-c', text], { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    keepOutput(this.#child, 'a block that runs');
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (part: Buffer) => (this.output += part.toString()));
  }

  /** Throws with its output where it has ended by itself. */
  get runs(): boolean {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return true;
    throw new Error(`The block has ended:\n${this.output}`);
  }

  /** Presses Ctrl-C, and waits for all processes of the block. */
  async stop(): Promise<void> {
    const group = -(this.#child.pid ?? 0);
    if (!isAlive(group)) return;
    process.kill(group, 'SIGINT');
    await until('The end of the block', () => !isAlive(group), 30_000);
  }
}

function isAlive(group: number): boolean {
  try {
    return process.kill(group, 0);
  } catch {
    return false;
  }
}

/** Resolves with the output of a block. Throws where a command of it fails. */
async function run(folder: string, text: string, input = ''): Promise<string> {
  const { code, output } = await runBlock({ folder, text, input });
  if (code !== 0) throw new Error(`${text}\nended with ${code}:\n${output}`);
  return output;
}

describe('docs/install/without-a-cluster.md', () => {
  it('leads to a token, and shows what its commands print', { timeout: 120_000 }, async () => {
    const stage = await open({ lifetime: 3600 });
    const folder = projectFolder();
    const token = join(folder, 'tokens/billing/billing-tokens/dynamics.json');
    const input = `client_id=billing\nclient_secret=${stage.passwords.client}\n`;
    let printed: string[] = [];
    let compared = 0;
    for (const { language, line, text } of blocksOf('docs/install/without-a-cluster.md')) {
      const written = text.replaceAll('https://login.example.com/realms/corp', stage.server.issuer);
      const [, name] = /^# (\S+)\n/.exec(written) ?? [];
      if (language === 'yaml') writeFileSync(join(folder, name ?? ''), written);
      else if (language === '') {
        expect(
          `${line}: ${steady(text)
            .filter((one) => !printed.includes(one))
            .join('\n')}`,
        ).toBe(`${line}: `);
        compared += 1;
      } else if (/ run --config /.test(written)) {
        await Promise.all(running.splice(0).map((program) => program.stop()));
        const program = new Background(folder, written);
        running.push(program);
        await until('The token', () => program.runs && program.output.includes('token-') && existsSync(token), 30_000);
      } else printed = steady(await run(folder, written, input));
      const caller = join(folder, 'callers/billing-app');
      if (existsSync(caller)) registerSecret(readFileSync(caller, 'utf8').trim());
    }
    expect(compared).toBe(2);
    expect(JSON.parse(readFileSync(token, 'utf8'))).toMatchObject({ token_type: 'Bearer' });
  });
});

describe('docs/use/testing.md', () => {
  const [files, call] = blocksOf('docs/use/testing.md').filter(({ language }) => language === 'sh');

  it('writes a token that the client library takes', async () => {
    const folder = emptyFolder();
    await run(folder, files?.text ?? '');
    const faults: string[] = [];
    const directory = join(folder, 'test-tokens');
    const tokens = mountedTokens({ directory, onFault: ({ message }) => faults.push(message) });
    const token = tokens.source('dynamics').current();
    tokens.close();
    expect([token.accessToken.reveal(), token.expiresAt, faults]).toEqual([
      'test-token',
      Date.parse('2099-01-01T00:00:00Z'),
      [],
    ]);
  });

  it('calls a service with that token', async () => {
    const folder = emptyFolder();
    await run(folder, files?.text ?? '');
    const received: (string | undefined)[] = [];
    const service = createServer(({ headers }, answer) => {
      received.push(headers.authorization);
      answer.end('[]');
    }).listen(0, '127.0.0.1');
    await once(service, 'listening');
    const { port } = service.address() as AddressInfo;
    await run(folder, call?.text.replace('127.0.0.1:8080', `127.0.0.1:${port}`) ?? '');
    service.close();
    expect(received).toEqual(['Bearer test-token']);
  });
});
