import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { until } from '../../support/until.ts';
import { attack, callerOf, TOKEN_PATH } from '../attacker.ts';
import { row } from '../row.ts';

const CONNECTIONS = 10_000;
const TOGETHER = 200;
/** Or nothing: a connection that is closed while it still sends may lose the answer. */
const TOO_LARGE = /^(?:HTTP\/1\.1 413 |$)/;

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
}

function drained(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close', 'data']) socket.once(event, resolve);
  });
}

/** Sends a head and then a body without an end, until the server hangs up. Returns the answer and the bytes that were taken. */
async function pour(port: number, head: string): Promise<{ readonly answer: string; readonly sent: number }> {
  const socket = await opened(port);
  let answer = '';
  socket.on('data', (part: Buffer) => {
    answer += part.toString();
  });
  socket.write(head);
  const piece = Buffer.alloc(64 * 1024, 'a');
  let sent = 0;
  while (!socket.destroyed && answer === '' && sent < 1024 ** 3) {
    sent += piece.length;
    if (!socket.write(piece)) await drained(socket);
  }
  socket.destroy();
  return { answer, sent };
}

describe('a flood', () => {
  row(
    'A21',
    async (run) => {
      const world = await run.world();
      const port = Number(new URL(await world.acquirer.url('reissue')).port);
      const start = `POST ${TOKEN_PATH}/reissue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${callerOf(world)}\r\n`;
      const gigabyte = await pour(
        port,
        `${start}Content-Type: application/json\r\nContent-Length: ${1024 ** 3}\r\n\r\n`,
      );
      expect(gigabyte.answer).toMatch(TOO_LARGE);
      expect(gigabyte.sent).toBeLessThan(64 * 1024 * 1024);
      const chunks = await pour(
        port,
        `${start}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n`,
      );
      expect(chunks.answer).toMatch(TOO_LARGE);
      const headers = await pour(port, `${start}X-A: `);
      expect(headers.answer).toMatch(/^(?:HTTP\/1\.1 431 |$)/);
      const sockets: Socket[] = [];
      run.atEnd(() => {
        for (const socket of sockets) socket.destroy();
      });
      while (sockets.length < CONNECTIONS) {
        const some = await Promise.all(Array.from({ length: TOGETHER }, () => opened(port)));
        for (const [index, socket] of some.entries()) if (index % 2 === 0) socket.write(start);
        sockets.push(...some);
      }
      // In the meantime calls are served, the probes answer, and memory is bounded.
      expect((await attack(world, { rejected: 'f'.repeat(64) })).status).toBe(200);
      expect(await world.isReady()).toBe(true);
      const memory = readFileSync(`/proc/${world.acquirer.child.pid}/status`, 'utf8');
      expect(Number(/^VmRSS:\s+(\d+)/m.exec(memory)?.[1]) / 1024).toBeLessThan(300);
      await until('The end of all of them', () => sockets.every((socket) => socket.destroyed), 90_000);
      await world.calls.succeed(20);
      expect(world.calls.figures.failed).toBe(0);
    },
    300_000,
  );
});
