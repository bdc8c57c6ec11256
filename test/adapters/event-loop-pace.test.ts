import { setImmediate as nextRound } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createEventLoopPace } from '../../src/adapters/node/event-loop-pace.ts';

describe('the pace of the event loop', () => {
  it('has a few begin immediately, and again in each round', async () => {
    const pace = createEventLoopPace(2);
    expect([pace.begin(), pace.begin()]).toEqual([undefined, undefined]);
    expect(pace.begin()).toBeInstanceOf(Promise);
    await nextRound();
    await nextRound();
    expect([pace.begin(), pace.begin()]).toEqual([undefined, undefined]);
  });

  it('has the others begin in their order, no more than a few in a round', async () => {
    const pace = createEventLoopPace(2);
    const begun: number[] = [];
    const work = async (number: number): Promise<void> => {
      const begin = pace.begin();
      if (begin !== undefined) await begin;
      begun.push(number);
    };
    const all = Promise.all([1, 2, 3, 4, 5, 6, 7].map(work));
    const rounds: number[] = [];
    while (begun.length < 7) {
      await nextRound();
      rounds.push(begun.length);
    }
    await all;
    expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const most = rounds.map((count, round) => count - (rounds[round - 1] ?? 2));
    expect(Math.max(...most)).toBe(2);
  });
});
