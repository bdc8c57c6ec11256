import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalExecutionState } from '../../src/adapters/node/local-execution-state.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { ClientApp } from '../../src/ports/execution-state.ts';
import { FakeExecutionState } from '../fakes/fake-execution-state.ts';
import { type AppUnderTest, describeExecutionState, type ExecutionStateUnderTest } from './execution-state.ts';

async function fake(): Promise<ExecutionStateUnderTest> {
  const state = new FakeExecutionState();
  const appAt = (app: ClientApp): AppUnderTest => ({
    app,
    start: async () => state.set('running', app),
    stop: async () => state.set('stopped', app),
    obscure: async () => state.set('unknown', app),
  });
  const apps = [appAt({ healthUrl: 'http://a.test' }), appAt({ healthUrl: 'http://b.test' })] as const;
  return { state, apps, close: async () => {} };
}

function local(): ReturnType<typeof createLocalExecutionState> {
  return createLocalExecutionState({ clock: createSystemClock(), interval: 10, timeout: 100 });
}

/** A server that answers, is closed, or says nothing. */
async function appWithHealthUrl(): Promise<AppUnderTest & { close(): Promise<void> }> {
  let server: Server | undefined;
  let port = 0;
  async function close(): Promise<void> {
    const closing = server;
    server = undefined;
    if (closing !== undefined) await new Promise((resolve) => closing.close(resolve));
  }
  async function listen(answer: string): Promise<void> {
    await close();
    server = createServer((socket) => {
      socket.on('error', () => {});
      if (answer === '') socket.resume();
      else socket.once('data', () => socket.end(answer));
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  }
  await listen('');
  await close();
  return {
    app: { healthUrl: `http://127.0.0.1:${port}/healthz` },
    start: () => listen('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
    stop: close,
    obscure: () => listen(''),
    close,
  };
}

async function healthUrls(): Promise<ExecutionStateUnderTest> {
  const apps = [await appWithHealthUrl(), await appWithHealthUrl()] as const;
  return {
    state: local(),
    apps,
    close: async () => {
      for (const app of apps) await app.close();
    },
  };
}

/** A process whose number is in a file. */
function appWithPidFile(pidFile: string): AppUnderTest {
  let child: ChildProcess | undefined;
  async function stop(): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined) return;
    const exit = once(ending, 'exit');
    ending.kill('SIGKILL');
    await exit;
  }
  return {
    app: { pidFile },
    async start() {
      child ??= spawn('sleep', ['60'], { stdio: 'ignore' });
      writeFileSync(pidFile, `${child.pid}\n`);
    },
    stop,
    obscure: async () => writeFileSync(pidFile, 'starting\n'),
  };
}

async function pidFiles(): Promise<ExecutionStateUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'execution-state-'));
  const apps = [appWithPidFile(join(folder, 'a.pid')), appWithPidFile(join(folder, 'b.pid'))] as const;
  return {
    state: local(),
    apps,
    close: async () => {
      for (const app of apps) await app.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describeExecutionState('The fake', fake);
describeExecutionState('A health URL', healthUrls);
describeExecutionState('A PID file', pidFiles);
