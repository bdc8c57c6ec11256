import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { stages } from './stage.ts';

const { open, closeAll } = stages();
afterEach(closeAll);

describe('token-acquirer run, on a real authorization server and gateway', () => {
  it('loses no call across 20 expiries under steady calls', { timeout: 120_000 }, async () => {
    const { acquirer, source, gateway, server } = await open({ lifetime: 2 });
    const { call } = await source(acquirer());
    const statuses = new Map<number, number>();
    const until = Date.now() + 20 * 2000 + 1000;
    while (Date.now() < until) {
      const answer = await call(`${gateway.url}/incidents`);
      await answer.body?.cancel();
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      await sleep(25);
    }
    expect([...statuses.keys()]).toEqual([200]);
    expect(statuses.get(200)).toBeGreaterThan(200);
    // Renewed at 62 to 67 % of 2 s: 20 expiries are some 33 requests, never more than one a second.
    expect(server.counts.tokenRequests).toBeLessThanOrEqual(42);
  });
});
