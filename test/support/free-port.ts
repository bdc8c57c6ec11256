import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to outgoing connections and to listeners of port 0, and below Kubernetes' own. */
const FIRST = 16_000;
const LAST = 29_999;
const TRIES = 20;

/**
 * Returns a port of loopback that was free a moment ago, for a program that cannot report its own port. Nobody else is
 * given it by chance in the meantime.
 */
export async function freePort(): Promise<number> {
  for (let left = TRIES; ; left -= 1) {
    const port = randomInt(FIRST, LAST + 1);
    try {
      await listenOnce(port);
      return port;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

async function listenOnce(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
