import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, vi } from 'vitest';
import { realParts } from '../../real/real-parts.ts';
import { type AttackedPlace, exchange, openAttackedPlace, takeOurs } from '../../real/sidecar/attacked-place.ts';
import { RAW_ATTACKS, type RawAttack } from '../../real/sidecar/attacks.ts';
import { type RowRun, row } from '../row.ts';
import { SteadyCalls } from '../steady-calls.ts';

/** What makes the sidecar connect somewhere else. */
const ELSEWHERE = /CONNECT|absolute form|Host|another host/;

// The rows share what arrives at the service.
vi.setConfig({ maxConcurrency: 1 });

describe('the sidecar', () => {
  const place = realParts(() => openAttackedPlace('HTTP/1.1'));

  /** Calls of the application, in the pauses between attacks. */
  async function callNormally(run: RowRun): Promise<void> {
    const call = async (): Promise<number> => (await fetch(`http://${place().host}/service/next`)).status;
    const calls = run.count(new SteadyCalls({ call, validity: () => async () => true }));
    await calls.succeed(5);
    await calls.stop();
    takeOurs(place());
  }

  /** Sends the attacks one after the other. Each request that arrives has our Authorization, and no other. */
  async function send(attacks: readonly RawAttack[], { port, host }: AttackedPlace): Promise<void> {
    expect(attacks.length).toBeGreaterThan(5);
    for (const { bytes, nothing } of attacks) {
      const answer = await exchange(port, bytes.replaceAll('{host}', host));
      const arrived = takeOurs(place());
      expect(arrived.requests.length).toBeLessThanOrEqual(1);
      if (nothing === true) expect([arrived.bytes, /^HTTP\/1\.. 2/.test(answer)]).toEqual(['', false]);
    }
  }

  row('A14', async (run) => {
    await send(
      RAW_ATTACKS.filter(({ name }) => ELSEWHERE.test(name)),
      place(),
    );
    await callNormally(run);
  });

  row('A15', async (run) => {
    await send(
      RAW_ATTACKS.filter(({ name }) => !ELSEWHERE.test(name)),
      place(),
    );
    await callNormally(run);
  });

  row('A16', async (run) => {
    const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.filter(({ internal }) => !internal));
    for (const { address, family } of addresses.filter((one) => one.family === 'IPv4'))
      expect([family, await refuses(address, place().port)]).toEqual([family, true]);
    expect(await refuses('127.0.0.1', place().port)).toBe(false);
    await callNormally(run);
  });
});

/** Whether no connection to the address can be opened. */
async function refuses(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
