import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../src/client/retry-budget.ts';

/** Returns the number of replays in this many calls that all fail. */
function wasted(budget: RetryBudget, calls: number): number {
  let replays = 0;
  for (let call = 0; call < calls; call += 1) {
    budget.called();
    if (!budget.allowsReplay) continue;
    replays += 1;
    budget.replayedInVain();
  }
  return replays;
}

describe('a retry budget', () => {
  it.each([
    ['allows the first replays at rest', 10, 10],
    ['allows replays for a fifth of the calls after that', 1000, 209],
  ])('%s', (_, calls, replays) => {
    expect(wasted(new RetryBudget(), calls)).toBe(replays);
  });

  it('does not save more than its amount at rest', () => {
    const budget = new RetryBudget();
    for (let call = 0; call < 10_000; call += 1) budget.called();
    expect(wasted(budget, 12)).toBeLessThanOrEqual(12);
    expect(wasted(budget, 50)).toBeLessThanOrEqual(11);
  });

  it('charges nothing for replays that succeed', () => {
    const budget = new RetryBudget();
    for (let call = 0; call < 1000; call += 1) expect(budget.allowsReplay).toBe(true);
  });

  it('forbids all replays with an amount of zero', () => {
    expect(wasted(new RetryBudget({ atRest: 0 }), 1000)).toBe(0);
  });

  it('can be larger', () => {
    expect(wasted(new RetryBudget({ share: 1, atRest: 100 }), 1000)).toBe(1000);
  });
});
