import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clockSkew, isHarmful } from '../../src/core/clock-skew.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const SECOND = 1000;
const HOUR = 3600 * SECOND;

describe('the skew of the local clock', () => {
  it.each([
    ['is zero for equal clocks', 0, 200, 0, 0],
    ['is zero within the second that `Date` omits', 900, 950, 0, 0],
    ['is zero however long the answer took', 0, 10 * SECOND, 4 * SECOND, 0],
    ['is ahead by an hour less that second', HOUR, HOUR + 200, 0, HOUR - SECOND],
    ['is behind by an hour', -HOUR, -HOUR + 200, 0, -HOUR + 200],
  ])('%s', (_sentence, sentAt, answeredAt, serverDate, skew) => {
    const exchange = { sentAt: NOW + sentAt, answeredAt: NOW + answeredAt, serverDate: NOW + serverDate };
    expect(clockSkew(exchange)).toBe(skew);
  });

  it('is never more than the real difference, and at most a second and the round trip less', () => {
    const apart = fc.integer({ min: -HOUR, max: HOUR });
    const delay = fc.integer({ min: 0, max: 10 * SECOND });
    fc.assert(
      fc.property(apart, delay, delay, fc.integer({ min: 0, max: HOUR }), (offset, out, back, start) => {
        const sent = NOW + start;
        const serverDate = Math.floor((sent + out) / SECOND) * SECOND;
        const skew = clockSkew({ sentAt: sent + offset, answeredAt: sent + out + back + offset, serverDate });
        expect(Math.abs(skew)).toBeLessThanOrEqual(Math.abs(offset));
        expect(Math.abs(offset) - Math.abs(skew)).toBeLessThanOrEqual(SECOND + out + back);
      }),
    );
  });
});

describe('a clock that is wrong', () => {
  it.each([
    ['by 31 s harms a token of an hour', 31, HOUR, true],
    ['by 29 s harms no token of an hour', 29, HOUR, false],
    ['by 31 s backwards harms a token of an hour', -31, HOUR, true],
    ['by 7 s harms a token of a minute', 7, 60 * SECOND, true],
    ['by 5 s harms no token of a minute', 5, 60 * SECOND, false],
    ['by 4 s harms no token of a second', 4, SECOND, false],
  ])('%s', (_sentence, skew, lifetime, harmful) => {
    expect(isHarmful(skew * SECOND, lifetime)).toBe(harmful);
  });
});
