import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Surroundings, startSurroundings } from '../support/client-side.ts';
import { nodeFromPath } from '../support/nodes.ts';
import { keepOutput } from '../support/outputs.ts';

const BIN = join(import.meta.dirname, '../../src/client-app/bin.mjs');
const MAIN = join(import.meta.dirname, '../../src/client-app/main.ts');

let parts: Surroundings;
const children: ChildProcess[] = [];
beforeEach(async () => {
  parts = await startSurroundings();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await parts.stop();
});

type Line = Record<string, unknown>;

interface Program {
  readonly child: ChildProcess;
  readonly lines: Line[];
  /** The first line from `after` on that is so. */
  line(wanted: (line: Line) => boolean, after?: number): Promise<Line>;
  readonly ended: Promise<readonly [code: number | null, signal: string | null]>;
}

function environment(): Record<string, string> {
  const { gateway, directory, reissue } = parts;
  return {
    PATH: process.env['PATH'] ?? '',
    SERVICE_URL: `${gateway.url}/incidents`,
    TOKEN_DIRECTORY: directory,
    TOKEN_NAME: 'dynamics',
    REISSUE_URL: reissue.url,
    REISSUE_NAMESPACE: reissue.namespace,
    REISSUE_SECRET: reissue.secret,
    CALLER_TOKEN_FILE: reissue.callerTokenFile,
    CALL_EVERY: '20ms',
  };
}

interface StartOptions {
  readonly env?: Record<string, string>;
  readonly ipc?: boolean;
  readonly command?: readonly [string, ...string[]];
}

function start({ env = environment(), ipc = false, command = [process.execPath, MAIN] }: StartOptions = {}): Program {
  const [program, ...args] = command;
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc' as const] : [])] });
  children.push(child);
  keepOutput(child, 'client-app');
  const lines: Line[] = [];
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as Line));
  }
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  return {
    child,
    lines,
    ended,
    async line(wanted, after = 0) {
      const find = (): Line | undefined => lines.slice(after).find(wanted);
      await expect.poll(find, { timeout: 15_000 }).toBeDefined();
      return find() ?? {};
    },
  };
}

const isCall = (line: Line): boolean => line['event'] === 'call';

describe('the client-app', () => {
  it('calls the service and logs each call in a line of JSON, without the token', async () => {
    const { line, child, ended } = start();
    const { sha256, generation } = parts.current();
    expect(await line(isCall)).toMatchObject({
      level: 'info',
      event: 'call',
      ok: true,
      outcome: 'ok',
      status: 200,
      requests: 1,
      generation,
      sha256: sha256.slice(0, 8),
      took_ms: expect.any(Number),
    });
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await line(({ event }) => event === 'stopped')).toBeDefined();
  });

  it('recovers by itself when its token is revoked', async () => {
    const { line, lines } = start();
    await line(isCall);
    parts.gateway.accepted.clear();
    const replayed = await line(({ requests }) => requests === 2);
    expect(replayed).toMatchObject({ ok: true, sha256: parts.current().sha256.slice(0, 8) });
    await line(({ requests }) => requests === 1, lines.length);
    expect(lines.filter(({ ok }) => ok === false)).toEqual([]);
    expect(parts.acquirer.reissues).toHaveLength(1);
  });

  it('logs what fails, and goes on', async () => {
    parts.volume.write({});
    await parts.gateway.stop();
    const { line } = start();
    parts.mount(parts.current());
    expect(await line(isCall)).toMatchObject({ level: 'warn', ok: false, outcome: 'unreachable' });
    parts.volume.write({ 'dynamics.json': 'no token' });
    expect(await line(({ event }) => event === 'token-fault')).toMatchObject({
      level: 'warn',
      message: 'The key dynamics.json is not JSON.',
    });
  });

  it('shows its status on a page', async () => {
    const { line } = start();
    const { url } = await line(({ event }) => event === 'listening');
    await line(isCall);
    expect(await (await fetch(`${String(url)}/healthz`)).text()).toBe('ok\n');
    expect(await (await fetch(String(url))).json()).toMatchObject({
      service: parts.gateway.url,
      token: 'dynamics',
      ok: expect.any(Number),
      failed: 0,
      last: { ok: true, outcome: 'ok', status: 200, sha256: parts.current().sha256.slice(0, 8) },
    });
  });

  it('keeps its token only in memory where it has no volume', async () => {
    const { TOKEN_DIRECTORY: _, ...env } = environment();
    const { line } = start({ env });
    expect(await line(isCall)).toMatchObject({ ok: true });
    expect(parts.acquirer.gets).toHaveLength(1);
  });
});

describe('the end of the client-app', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('comes with %s, and is 0', async (signal) => {
    const { child, line, ended } = start();
    await line(isCall);
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
  });

  it('comes when its parent is gone', async () => {
    const { child, line, ended } = start({ ipc: true });
    await line(isCall);
    child.disconnect();
    expect(await ended).toEqual([0, null]);
  });

  it('comes with SIGTERM while it waits for its first token', async () => {
    parts.volume.write({});
    const { child, line, ended } = start();
    await line(({ event }) => event === 'listening');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
});

describe('the command client-app', () => {
  it('can be executed, and runs on the Node that the machine has', async () => {
    accessSync(BIN, constants.X_OK);
    const { child, line, ended } = start({ command: [nodeFromPath().path, BIN] });
    await line(isCall);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  async function refused(command: readonly [string, ...string[]], env: Record<string, string>) {
    const [program, ...args] = command;
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const ended = once(child, 'exit') as Promise<[number | null]>;
    const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { out, error, code };
  }

  it('reports all errors of its environment and exits with 2', async () => {
    const { code, error, out } = await refused([nodeFromPath().path, BIN], { CALL_EVERY: 'often' });
    expect([code, out]).toEqual([2, '']);
    expect(error.split('\n')).toEqual([
      'SERVICE_URL is not set.',
      'TOKEN_NAME is not set.',
      'CALL_EVERY is not a duration such as 30s, 10m or 1h30m.',
      'Neither TOKEN_DIRECTORY nor REISSUE_URL is set: say where the token comes from.',
      'Run client-app --help.',
      '',
    ]);
  });

  it('rejects an argument, and an address that is taken', async () => {
    const argument = await refused([process.execPath, MAIN, '--token=x'], {});
    expect([argument.code, argument.error]).toEqual([
      2,
      'client-app takes no arguments but check and token. Configure it with environment variables.\nRun client-app --help.\n',
    ]);
    const LISTEN = `127.0.0.1:${parts.gateway.port}`;
    const taken = await refused([process.execPath, MAIN], { ...environment(), LISTEN });
    expect([taken.code, taken.error]).toEqual([
      2,
      `LISTEN: ${LISTEN} cannot be listened on (EADDRINUSE).\nRun client-app --help.\n`,
    ]);
  });

  it('helps', async () => {
    const { code, out } = await refused([process.execPath, MAIN, '--help'], {});
    expect(code).toBe(0);
    expect(out).toContain('SERVICE_URL');
  });
});
