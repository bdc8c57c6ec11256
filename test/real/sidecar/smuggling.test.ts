import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';
import { realParts } from '../real-parts.ts';
import { exchange, openAttackedPlace, takeOurs } from './attacked-place.ts';
import { EVIL, RAW_ATTACKS } from './attacks.ts';

const SOON = 10_000;

describe('the Envoy sidecar', () => {
  const place = realParts(() => openAttackedPlace('HTTP/1.1'));

  /** Resolves with the paths of what arrived in the meantime, this call last. */
  async function survives(): Promise<(string | undefined)[]> {
    const response = await fetch(`http://${place().host}/service/next`);
    expect([response.status, await response.text()]).toEqual([200, 'ok']);
    return takeOurs(place()).requests.map(({ path }) => path);
  }

  it('lets a request through that has nothing wrong', async () => {
    const answer = await exchange(
      place().port,
      `GET /service/a HTTP/1.1\r\nHost: ${place().host}\r\nConnection: close\r\n\r\n`,
      SOON,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    const arrived = takeOurs(place());
    expect(arrived.requests.map(({ path }) => path)).toEqual(['/a']);
  });

  it.each(RAW_ATTACKS)('sends one Authorization, its own, or nothing: $name', async ({ bytes, nothing }) => {
    const answer = await exchange(place().port, bytes.replaceAll('{host}', place().host));
    const arrived = takeOurs(place());
    expect(arrived.requests.length).toBeLessThanOrEqual(1);
    const later = await survives();
    if (nothing !== true) return;
    expect(arrived.bytes).toBe('');
    expect(later).toEqual(['/next']);
    expect(answer).not.toMatch(/^HTTP\/1\.. 2/);
  });

  it('keeps requests apart that come together', async () => {
    const one = (path: string): string =>
      `GET /service/${path} HTTP/1.1\r\nHost: ${place().host}\r\nAuthorization: ${EVIL}\r\n`;
    await exchange(place().port, `${one('1')}\r\n${one('2')}\r\n${one('3')}Connection: close\r\n\r\n`, SOON);
    const arrived = takeOurs(place());
    expect(arrived.requests.map(({ path }) => path)).toEqual(['/1', '/2', '/3']);
  });

  it('serves on after 200 connections that send nothing, and its probe even when no connection is left', async () => {
    const some = await openSockets(200);
    await survives();
    const all = [...some, ...(await openSockets(900))];
    const probe = await fetch(`http://127.0.0.1:${place().probePort}/ready`);
    for (const socket of all) socket.destroy();
    expect(probe.status).toBe(200);
    await until(
      'a success',
      () =>
        survives().then(
          () => true,
          () => false,
        ),
      SOON,
    );
  });

  async function openSockets(count: number): Promise<readonly Socket[]> {
    const sockets = Array.from({ length: count }, () => connect(place().port, '127.0.0.1').on('error', () => {}));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    return sockets;
  }
});
