import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { systemCode } from '../../../src/core/errors.ts';

const EVERY = 200;

export interface LockOptions {
  /** Called once where somebody else has the lock. */
  readonly onWait?: () => void;
}

/**
 * Runs the task while no other process runs one of the same name. The lock is a name in Linux's abstract socket
 * namespace, which the kernel frees however its holder ends: none can be left behind.
 */
export async function withLock<Value>(
  name: string,
  task: () => Promise<Value>,
  { onWait }: LockOptions = {},
): Promise<Value> {
  const address = addressOf(name);
  let held = await take(address);
  if (held === undefined) onWait?.();
  while (held === undefined) {
    await pause(EVERY);
    held = await take(address);
  }
  try {
    return await task();
  } finally {
    held.close();
  }
}

/** Takes one of several locks, as soon as one is free. This process keeps it until it calls the result, or ends. */
export async function takePlace(names: readonly string[]): Promise<() => void> {
  for (;;) {
    for (const name of names) {
      const held = await take(addressOf(name));
      if (held === undefined) continue;
      held.unref();
      return () => void held.close();
    }
    await pause(EVERY);
  }
}

function addressOf(name: string): string {
  return `\0token-acquirer-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

async function take(address: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.listen(address);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (systemCode(error) === 'EADDRINUSE') return undefined;
    throw error;
  }
}
