import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';
import type { SidecarPlace } from './place.ts';
import { sidecarPlaces } from './places.ts';

const SOON = 10_000;
const MIB = 1024 * 1024;

/** Bytes of memory that the kernel cannot take back without ending Envoy. */
function memoryOf({ sidecar }: SidecarPlace): number {
  const [, kibibytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${sidecar.pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

async function isReady({ sidecar }: SidecarPlace): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${sidecar.probePort}/ready`).catch(() => undefined);
  return response?.status === 200;
}

describe('the Envoy sidecar', () => {
  const open = sidecarPlaces();
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  async function connectTo(port: number, count: number): Promise<readonly Socket[]> {
    const opened = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}));
    sockets.push(...opened);
    await Promise.all(opened.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
    return opened;
  }

  it('keeps little for connections to its probe that send half a request', async () => {
    const place = await open();
    const before = memoryOf(place);
    const opened = await connectTo(place.sidecar.probePort, 800);
    for (const socket of opened) {
      socket.resume();
      socket.write(`GET /ready HTTP/1.1\r\nHost: a\r\nA: ${'a'.repeat(50_000)}`);
    }
    await pause(500);
    expect(memoryOf(place) - before).toBeLessThan(40 * MIB);
    expect(await isReady(place)).toBe(true);
    await until('the end of all', () => opened.every(({ destroyed }) => destroyed), SOON);
  });

  it('rejects requests rather than exceed its memory, and serves its probe', { timeout: 60_000 }, async () => {
    const place = await open({ more: { resources: { limits: { memory: '64Mi' } } } });
    const { promise, resolve } = Promise.withResolvers<void>();
    place.service.work = async (request, response) => {
      await promise;
      await place.service.execute(request, response);
    };
    const { port } = place.sidecar;
    const head = `POST /service/a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 60000\r\n\r\n`;
    const opened = await connectTo(port, 900);
    let answers = '';
    for (const socket of opened) {
      socket.on('data', (part: Buffer) => {
        answers += part.toString('latin1');
      });
      socket.write(head + 'y'.repeat(60_000));
      await pause(5);
    }
    await pause(1000);
    expect(answers).toContain(' 503 ');
    expect(answers).toContain('envoy overloaded');
    expect(memoryOf(place)).toBeLessThan(64 * MIB);
    expect(await isReady(place)).toBe(true);
    resolve();
    for (const socket of opened) socket.destroy();
    const again = async (): Promise<boolean> => (await fetch(`${place.url}/orders`)).status === 200;
    await until('a success', again, SOON);
  });

  it('writes no token that the challenge quotes', async () => {
    const place = await open();
    const token = place.current().accessToken.reveal();
    place.service.challenge = `Bearer error="invalid_token", error_description="not valid: ${token} ${'a'.repeat(300)}"`;
    place.revoke();
    await (await fetch(`${place.url}/orders`)).arrayBuffer();
    await until('the line', () => place.sidecar.said().includes('token_rejected'), SOON);
    const line = place.sidecar.said();
    expect(line).toContain('not valid: ');
    expect(line.includes(token)).toBe(false);
  });

  it('writes a bounded part of a challenge', async () => {
    const place = await open();
    place.service.challenge = `Bearer error="invalid_token", a="${'b'.repeat(2000)}"`;
    place.revoke();
    await (await fetch(`${place.url}/orders`)).arrayBuffer();
    await until('the line', () => place.sidecar.said().includes('token_rejected'), SOON);
    expect(/b+"/.exec(place.sidecar.said())?.[0].length).toBeLessThan(200);
  });
});
