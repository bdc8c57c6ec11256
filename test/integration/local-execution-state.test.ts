import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLocalExecutionState } from '../../src/adapters/node/local-execution-state.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { Execution, LocalApp } from '../../src/ports/execution-state.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { unprivileged } from '../support/unprivileged.ts';

const servers: Server[] = [];
const stops: (() => void)[] = [];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'local-execution-state-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A server that does with each connection what it is configured to do. */
async function serve(handle: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    handle(socket);
  });
  return `http://127.0.0.1:${await listen(server)}/healthz`;
}

function answer(text: string): (socket: Socket) => void {
  return (socket) => socket.once('data', () => socket.end(text));
}

/** The first finding other than none, which begins as `unknown`: so the second look is waited for. */
async function finding(app: LocalApp, timeout = 300): Promise<Execution> {
  const clock = createFakeClock();
  const state = createLocalExecutionState({ clock, timeout });
  stops.push(state.watch(app, () => {}));
  await vi.waitFor(() => expect(clock.waiting()).toBe(1), { timeout: 5000, interval: 2 });
  return state.observe(app);
}

describe('A health URL', () => {
  it.each([200, 204, 301, 401, 404, 500, 503])(
    'that answers %i means running: readiness never counts',
    async (status) => {
      const healthUrl = await serve(answer(`HTTP/1.1 ${status} X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n`));
      expect(await finding({ healthUrl })).toBe('running');
    },
  );

  it('means running where it never ends its answer', async () => {
    const healthUrl = await serve(answer('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx'));
    expect(await finding({ healthUrl })).toBe('running');
  });

  it('means stopped where no program listens', async () => {
    const healthUrl = await serve(() => {});
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await finding({ healthUrl })).toBe('stopped');
    expect(await finding({ healthUrl: healthUrl.replace('127.0.0.1', 'localhost') })).toBe('stopped');
  });

  it.each<[what: string, handle: (socket: Socket) => void]>([
    ['says nothing', (socket) => socket.resume()],
    ['hangs up', (socket) => socket.destroy()],
    ['resets the connection', (socket) => socket.resetAndDestroy()],
    ['does not speak HTTP', answer('220 mail.example.com ESMTP\r\n')],
    ['drips its headers', (socket) => drip(socket)],
  ])('that %s leaves it unknown', async (_what, handle) => {
    expect(await finding({ healthUrl: await serve(handle) })).toBe('unknown');
  });

  function drip(socket: Socket): void {
    socket.write('HTTP/1.1 200 OK\r\nX-Slow: ');
    const timer = setInterval(() => socket.write('x'), 20);
    socket.on('close', () => clearInterval(timer));
  }

  it.each([
    ['a host that does not exist', 'http://no-such-host.invalid/'],
    ['another scheme', 'ftp://127.0.0.1/'],
    ['no URL', 'localhost'],
    ['nothing', ''],
  ])('with %s leaves it unknown', async (_what, healthUrl) => {
    expect(await finding({ healthUrl }, 3000)).toBe('unknown');
  });

  it('is asked by https where it begins so', async () => {
    const first = Promise.withResolvers<number | undefined>();
    const url = await serve((socket) => {
      socket.once('data', (data) => {
        first.resolve(data[0]);
        socket.destroy();
      });
    });
    expect(await finding({ healthUrl: url.replace('http:', 'https:') })).toBe('unknown');
    // The first byte of a TLS handshake record (RFC 8446 section 5.1).
    expect(await first.promise).toBe(0x16);
  });

  it('is asked without a body, on its own connection that is closed', async () => {
    const seen: string[] = [];
    const server = createHttpServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.connection}`);
      response.end();
    });
    const healthUrl = `http://127.0.0.1:${await listen(server)}/live?app=billing`;
    expect(await finding({ healthUrl })).toBe('running');
    expect(seen).toEqual(['GET /live?app=billing close']);
    await vi.waitFor(async () => {
      const open = await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
      expect(open).toBe(0);
    });
  });
});

describe('A PID file', () => {
  function pidFile(content: string): LocalApp {
    const path = join(folder, 'app.pid');
    writeFileSync(path, content);
    return { pidFile: path };
  }

  it.each(['%d', '%d\n', '  %d \r\n'])(
    'means running where it holds the number of a living process: %j',
    async (form) => {
      expect(await finding(pidFile(form.replace('%d', `${process.pid}`)))).toBe('running');
    },
  );

  it('means stopped where it is missing', async () => {
    expect(await finding({ pidFile: join(folder, 'none.pid') })).toBe('stopped');
  });

  it('means stopped where it is of a dead process', async () => {
    const child = spawn('true', { stdio: 'ignore' });
    await once(child, 'exit');
    expect(await finding(pidFile(`${child.pid}`))).toBe('stopped');
    expect(await finding(pidFile('4194305'))).toBe('stopped');
  });

  it.each(['', '\n', '0', '-1', '1 2', '0x1', '1e3', 'pid', '12345678901', ' '.repeat(100), '1'.repeat(1000)])(
    'that holds %j leaves it unknown, and nobody is signalled',
    async (content) => {
      expect(await finding(pidFile(content))).toBe('unknown');
    },
  );

  it('leaves the state unknown where it is a folder or a FIFO', async () => {
    mkdirSync(join(folder, 'folder.pid'));
    execFileSync('mkfifo', [join(folder, 'fifo.pid')]);
    for (const name of ['folder.pid', 'fifo.pid']) {
      expect(await finding({ pidFile: join(folder, name) })).toBe('unknown');
    }
  });

  it("means running where it is of another user's process, and leaves the state unknown where it is unreadable", async () => {
    chmodSync(folder, 0o755);
    // Where the tests run as root, the child is nobody and this process another user's.
    const app = pidFile(process.getuid?.() === 0 ? `${process.pid}` : '1');
    chmodSync(join(folder, 'app.pid'), 0o644);
    expect(app).toEqual({ pidFile: join(folder, 'app.pid') });
    expect(await unprivileged('look at a PID file', join(folder, 'app.pid'))).toEqual({ value: 'running' });
    chmodSync(join(folder, 'app.pid'), 0o000);
    expect(await unprivileged('look at a PID file', join(folder, 'app.pid'))).toEqual({ value: 'unknown' });
  });
});

describe('Looking', () => {
  async function counted(): Promise<{ app: LocalApp; looks: () => number }> {
    let looks = 0;
    const healthUrl = await serve((socket) => {
      looks += 1;
      answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')(socket);
    });
    return { app: { healthUrl }, looks: () => looks };
  }

  it('happens once an interval, however many watch', async () => {
    const { app, looks } = await counted();
    const clock = createFakeClock();
    const state = createLocalExecutionState({ clock });
    for (let watcher = 0; watcher < 500; watcher += 1) stops.push(state.watch({ ...app }, () => {}));
    for (let look = 1; look <= 4; look += 1) {
      await vi.waitFor(() => expect(clock.waiting()).toBe(1), { timeout: 5000, interval: 2 });
      expect(looks()).toBe(look);
      await clock.advance(999);
      expect(looks()).toBe(look);
      await clock.advance(1);
    }
  });

  it('ends when the last watcher leaves, and what was found is forgotten', async () => {
    const { app, looks } = await counted();
    const clock = createFakeClock();
    const state = createLocalExecutionState({ clock });
    const leave = [1, 2].map(() => state.watch(app, () => {}));
    await vi.waitFor(() => expect(clock.waiting()).toBe(1), { timeout: 5000, interval: 2 });
    leave[0]?.();
    expect(state.observe(app)).toBe('running');
    leave[1]?.();
    expect(state.observe(app)).toBe('unknown');
    await clock.advance(10_000);
    expect(clock.waiting()).toBe(0);
    expect(looks()).toBe(1);
  });

  it('begins anew for a later watcher', async () => {
    const { app, looks } = await counted();
    const state = createLocalExecutionState({ clock: createSystemClock(), interval: 10 });
    state.watch(app, () => {})();
    const changed = vi.fn<() => void>();
    stops.push(state.watch(app, changed));
    await vi.waitFor(() => expect(state.observe(app)).toBe('running'), { timeout: 5000 });
    expect(changed).toHaveBeenCalledOnce();
    expect(looks()).toBeGreaterThan(0);
  });

  it('reports nothing of a look that was under way when the last watcher left', async () => {
    const begun = Promise.withResolvers<void>();
    const healthUrl = await serve((socket) => {
      begun.resolve();
      socket.resume();
    });
    const state = createLocalExecutionState({ clock: createFakeClock(), timeout: 5000 });
    const changed = vi.fn<() => void>();
    const leave = state.watch({ healthUrl }, changed);
    await begun.promise;
    leave();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(changed).not.toHaveBeenCalled();
  });
});
