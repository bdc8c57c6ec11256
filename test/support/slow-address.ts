import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface SlowAddress {
  readonly port: number;
  stop(): Promise<void>;
}

/** The number of connections that wait with a backlog of 1. */
const QUEUE = 2;

/** An address of loopback that takes a second to connect to, and answers each request then. Linux. */
export async function startSlowAddress(address: string): Promise<SlowAddress> {
  const path = new URL('../fixtures/slow-listener.ts', import.meta.url).pathname;
  const child: ChildProcess = spawn(process.execPath, [path, address], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const [said] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  const port = Number(said.toString());
  const waiting = Array.from({ length: QUEUE }, (): Socket => connect(port, address).on('error', () => {}));
  await Promise.all(waiting.map((socket) => once(socket, 'connect')));
  await pause(20);
  return {
    port,
    async stop() {
      for (const socket of waiting) socket.destroy();
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
