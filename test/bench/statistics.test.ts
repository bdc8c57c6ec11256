import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanCount, median, quantile, sum } from './statistics.ts';

describe('quantiles', () => {
  it.each([
    ['the only value', [7], 0.99, 7],
    ['half of an even number, which is the lower middle', [1, 2, 3, 4], 0.5, 2],
    ['all but one in a hundred', Array.from({ length: 200 }, (_, index) => index + 1), 0.99, 198],
    ['one in a thousand of few', [1, 2, 3], 0.999, 3],
    ['values as they come, not sorted', [9, 1, 5], 0.5, 5],
    ['values of two digits, by size and not as text', [10, 9, 8], 1, 10],
  ])('find %s', (_, values, share, expected) => {
    expect(quantile(values, share)).toBe(expected);
  });

  it('of nothing are not a number', () => {
    expect(median([])).toBeNaN();
  });

  it('are one of the values and rise with the share', () => {
    const values = fc.array(fc.double({ noNaN: true }), { minLength: 1 });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(values, share, share, (all, one, other) => {
        const [low, high] = [quantile(all, Math.min(one, other)), quantile(all, Math.max(one, other))];
        expect(all).toContain(low);
        expect(low).toBeLessThanOrEqual(high);
      }),
    );
  });
});

describe('a count over windows', () => {
  it.each<[string, number[], number, readonly [number, number], number]>([
    ['of the whole time is all that is within', [0, 5, 10], 10, [0, 10], 2],
    ['of what comes every 2 is half its length, wherever it begins', [0, 2, 4, 6, 8, 10, 12], 10, [0, 12], 5],
    ['counts what all windows see as one', [5], 8, [0, 10], 1],
    ['counts what half of them see as half', [1], 8, [0, 10], 0.5],
    ['leaves out what was before and after', [-3, 30], 8, [0, 10], 0],
  ])('%s', (_, times, window, span, expected) => {
    expect(meanCount(times, window, span)).toBeCloseTo(expected, 9);
  });

  it('cannot be had of a window that is longer than the time', () => {
    expect(() => meanCount([], 11, [0, 10])).toThrow('The window is longer');
  });

  it('lies between the fewest and the most that a single window has', () => {
    const times = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 40 });
    fc.assert(
      fc.property(times, (all) => {
        const count = meanCount(all, 60, [0, 100]);
        expect(count).toBeGreaterThanOrEqual(0);
        expect(count).toBeLessThanOrEqual(all.length + 1e-9);
      }),
    );
  });
});

describe('a sum', () => {
  it('of nothing is 0', () => {
    expect([sum([]), sum([1, 2, 3.5])]).toEqual([0, 6.5]);
  });
});
