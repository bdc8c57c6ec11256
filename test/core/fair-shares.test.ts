import { describe, expect, it } from 'vitest';
import { fairShares } from '../../src/core/fair-shares.ts';

describe('fair shares', () => {
  it.each<[string, readonly number[], number, readonly number[]]>([
    ['give each one what it wants, where that is possible', [3, 0, 7], 10, [3, 0, 7]],
    ['give the same to all that want more', [60, 60, 60, 60], 200, [50, 50, 50, 50]],
    ['give little to those that want little, and the rest to the others', [1, 100, 2, 100], 23, [1, 10, 2, 10]],
    ['give what is left over to the first ones', [5, 5, 5], 7, [3, 2, 2]],
    ['give one to as many as there are places', [2, 2, 2], 2, [1, 1, 0]],
    ['are none where nobody wants one', [0, 0], 5, [0, 0]],
    ['are none of nobody', [], 5, []],
  ])('%s', (_, wants, places, expected) => {
    expect(fairShares(wants, places)).toEqual(expected);
  });

  it('of a thousand take less than 100 ms', () => {
    const began = performance.now();
    const shares = fairShares(
      Array.from({ length: 1000 }, (__, index) => index % 60),
      200,
    );
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(200);
    expect(performance.now() - began).toBeLessThan(100);
  });
});
