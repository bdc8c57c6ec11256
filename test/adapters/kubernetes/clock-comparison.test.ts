import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubeconfigApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { createClockComparison } from '../../../src/adapters/kubernetes/api/clock-comparison.ts';
import { createSecretTokenStore } from '../../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { createFakeClock, type FakeClock } from '../../fakes/fake-clock.ts';
import { startKubernetesApi } from '../../fakes/kubernetes-api.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

let clock: FakeClock;
let told: string[];
let ask: (off: number, took?: number) => Promise<void>;

beforeEach(() => {
  clock = createFakeClock();
  told = [];
  const begin = createClockComparison({ clock, onFault: (message) => void told.push(message) });
  ask = async (off, took = 0) => {
    const compare = begin();
    await clock.advance(took);
    compare(new Date(clock.now() - off).toUTCString());
  };
});

describe('the comparison of the clocks', () => {
  it.each([
    ['right', 0, 0],
    ['59 s ahead', 59 * SECOND, 0],
    ['59 s behind', -59 * SECOND, 0],
    // The date may be the time at which the answer began.
    ['right, and the answer takes 10 minutes', 5 * MINUTE, 10 * MINUTE],
  ])('reports nothing for a clock that is %s', async (_sentence, off, took) => {
    await ask(off, took);
    expect(told).toEqual([]);
  });

  it.each([
    ['an hour ahead', 60 * MINUTE, 0, 'The clock here is 60 min ahead of that of the API server'],
    ['two minutes ahead', 2 * MINUTE, 0, 'is 2 min ahead of'],
    ['an hour behind', -60 * MINUTE, 0, 'is 60 min behind that of the API server'],
    ['an hour behind, and the answer takes a minute', -60 * MINUTE, MINUTE, 'is 60 min behind'],
  ])('reports a clock that is %s, with a remedy', async (_sentence, off, took, words) => {
    await ask(off, took);
    expect(told).toEqual([expect.stringContaining(words)]);
    expect(told[0]).toContain('Set the clocks of the nodes by NTP.');
  });

  it('reports a wrong clock once, and again after it was right', async () => {
    for (const off of [60 * MINUTE, 60 * MINUTE, 61 * MINUTE]) await ask(off);
    expect(told).toHaveLength(1);
    await ask(0);
    await ask(60 * MINUTE);
    expect(told).toHaveLength(2);
  });

  it.each([undefined, '', 'yesterday'])('ignores the date %s', (date) => {
    createClockComparison({ clock, onFault: (message) => void told.push(message) })()(date);
    expect(told).toEqual([]);
  });
});

describe('a connection to the API server', () => {
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  it('compares the clocks with each answer, whatever its status', async () => {
    const fake = await startKubernetesApi();
    stops.push(() => fake.stop());
    const now = (): number => Date.now() + 60 * MINUTE;
    const compareClocks = createClockComparison({ clock: { now }, onFault: (message) => void told.push(message) });
    const api = kubeconfigApiServer(fake.kubeconfig, { compareClocks });
    stops.unshift(() => api.close());
    const reading = createSecretTokenStore(api).read({ namespace: 'billing', secret: 'absent' }, ['dynamics']);
    await expect(reading).rejects.toThrow('There is no Secret');
    expect(told).toEqual([expect.stringContaining('60 min ahead of')]);
  });
});
