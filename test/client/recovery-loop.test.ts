import { describe, expect, it } from 'vitest';
import type { Sha256 } from '../../src/core/token.ts';
import { minutes, seconds } from '../support/acquirer.ts';
import { startClientAndAcquirer } from '../support/client-and-acquirer.ts';

const HOUR = minutes(60);

describe('tokens that are revoked again and again', () => {
  it.each([
    ['while calls go on', 250],
    ['with one call after each revocation', undefined],
  ])('cost no call in 100 revocations, each 3 s after a reissue, %s', { timeout: 60_000 }, async (_, every) => {
    const revoked = new Set<Sha256>();
    const parts = await startClientAndAcquirer({ lifetime: HOUR, takes: (hash) => !revoked.has(hash) });
    let failed = (await parts.callOnce()) === 200 ? 0 : 1;
    for (let revocations = 1; revocations <= 100; revocations += 1) {
      revoked.add(parts.only().cycle.held.token?.sha256 ?? '');
      if (every === undefined) failed += (await parts.callOnce()) === 200 ? 0 : 1;
      else failed += (await parts.callsFor(3000, every)).failed;
    }
    expect(failed).toBe(0);
    expect(revoked.size).toBe(100);
    expect(parts.endpoint.requests).toHaveLength(101);
  });

  it('are distinguished from tokens that no gateway accepted', async () => {
    const revoked = new Set<Sha256>();
    const parts = await startClientAndAcquirer({ lifetime: HOUR, takes: (hash) => !revoked.has(hash) });
    revoked.add(parts.source.current().sha256);
    expect(await parts.callOnce()).toBe(200);
    revoked.add(parts.source.current().sha256);
    expect(await parts.callOnce()).toBe(200);
    expect(parts.causes).toEqual(['never_accepted', 'revoked']);
  });
});

describe('a gateway that rejects every token', () => {
  it.each([
    ['100 calls a second', 10],
    ['a call each 3 s', 3000],
  ])('causes at most 10 token requests in 60 s, with %s', { timeout: 60_000 }, async (_, every) => {
    let rejects = false;
    const parts = await startClientAndAcquirer({ lifetime: HOUR, takes: () => !rejects });
    await parts.callsFor(seconds(20), 1000);
    const before = parts.endpoint.requests.length;
    rejects = true;
    await parts.callsFor(seconds(60), every);
    expect(parts.endpoint.requests.length - before).toBeLessThanOrEqual(10);
    expect(parts.endpoint.requests.length - before).toBeGreaterThanOrEqual(5);
  });

  it('causes growing pauses, though another of its routes accepts every token', async () => {
    // Calls alternate: the first of a pair goes to a route that works, the second to one that never does.
    let calls = 0;
    const parts = await startClientAndAcquirer({ lifetime: HOUR, takes: () => calls % 2 === 0 });
    const before = parts.endpoint.requests.length;
    for (; calls < 60; calls += 1) await parts.callOnce();
    expect(parts.endpoint.requests.length - before).toBeLessThanOrEqual(10);
  });
});

describe('a gateway that accepts a token only 3 s after its issue', () => {
  const takes = (_: Sha256, seen: number, now: number): boolean => now - seen >= 3000;

  it.each([
    ['every 4 s', 4000],
    ['every 2 s, so that the newest is never accepted', 2000],
  ])(
    'costs no call and no reissue with renewals %s and 100 calls a second',
    { timeout: 60_000 },
    async (_, interval) => {
      const renewal = { interval };
      const parts = await startClientAndAcquirer({ lifetime: seconds(12), specification: { renewal }, takes });
      await parts.clock.advance(seconds(3));
      const { calls, failed } = await parts.callsFor(seconds(40), 10);
      expect([calls, failed]).toEqual([4000, 0]);
      expect(parts.causes).toEqual([]);
      expect(parts.endpoint.requests.length).toBeGreaterThan(seconds(40) / interval - 2);
    },
  );
});

describe('a client whose clock is wrong by more than a lifetime', () => {
  it.each([
    ['ahead', 2 * HOUR],
    ['behind', -2 * HOUR],
  ])('loses no call while its clock is %s, and requests no token itself', async (_, ahead) => {
    const renewals = { lifetime: seconds(60), ahead };
    const parts = await startClientAndAcquirer({ ...renewals, takes: (__, seen, now) => now - seen < seconds(60) });
    const { calls, failed } = await parts.callsFor(seconds(300), 500);
    expect([calls, failed]).toEqual([600, 0]);
    expect(parts.events.filter(({ event }) => 'trigger' in event && event.trigger === 'reissue')).toEqual([]);
    const relation = ahead > 0 ? 'ahead of' : 'behind';
    expect(parts.faults).toEqual([
      expect.stringMatching(
        `^The clock of this machine is about \\S+ ${relation} the token-acquirer's. Check both clocks.$`,
      ),
    ]);
  });
});
