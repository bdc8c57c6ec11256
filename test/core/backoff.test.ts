import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoff, type FailedAttempt, SHORTEST_PAUSE } from '../../src/core/backoff.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const YEAR = 365 * 24 * HOUR;

function attempt(parts: Partial<FailedAttempt> = {}): FailedAttempt {
  return { failure: 'transient', failures: 1, lifetime: HOUR, remaining: 20 * MINUTE, ...parts };
}

const jitter = fc.double({ min: 0, max: 1, noNaN: true });
const failures = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(1e6, Number.MAX_SAFE_INTEGER));
const lifetime = fc.integer({ min: 0, max: YEAR });
const remaining = fc.integer({ min: -HOUR, max: YEAR });

describe('the pause after a transient failure', () => {
  it.each([
    { name: 'is at most 2 s after the first', failures: 1, lifetime: HOUR, pause: 2 * SECOND },
    { name: 'is at most 2 s after the second', failures: 2, lifetime: HOUR, pause: 2 * SECOND },
    { name: 'is at most 16 s after the fifth', failures: 5, lifetime: HOUR, pause: 16 * SECOND },
    { name: 'is never more than 30 s', failures: 6, lifetime: HOUR, pause: 30 * SECOND },
    { name: 'is never more than 30 s after a million', failures: 1e6, lifetime: YEAR, pause: 30 * SECOND },
    { name: 'is never more than 2 % of the lifetime', failures: 9, lifetime: 5 * MINUTE, pause: 6 * SECOND },
    { name: 'is at most 2 s for a token of three', failures: 9, lifetime: 3 * SECOND, pause: 2 * SECOND },
    { name: 'is at most 2 s where no lifetime is known', failures: 9, lifetime: 0, pause: 2 * SECOND },
  ])('$name', ({ failures: count, lifetime: life, pause }) => {
    expect(backoff(attempt({ failures: count, lifetime: life }), 1)).toBe(pause);
  });

  it('is drawn again from the whole range, so that many requests do not come together', () => {
    const late = attempt({ failures: 10 });
    expect([0, 0.25, 0.5, 1].map((drawn) => backoff(late, drawn))).toEqual([1000, 8250, 15_500, 30_000]);
  });

  it.each([
    ['the first failure', 1, HOUR],
    ['the second failure', 2, HOUR],
    ['any failure of a token with a lifetime of 30 s', 9, 30 * SECOND],
  ])('is spread over a second after %s', (_sentence, count, life) => {
    const drawn = [0, 0.5, 1].map((each) => backoff(attempt({ failures: count, lifetime: life }), each));
    expect(drawn).toEqual([SECOND, 1.5 * SECOND, 2 * SECOND]);
  });

  it('stays within its bounds for any number of failures and any jitter', () => {
    fc.assert(
      fc.property(failures, lifetime, remaining, jitter, (count, life, left, drawn) => {
        const pause = backoff(attempt({ failures: count, lifetime: life, remaining: left }), drawn);
        expect(pause).toBeGreaterThanOrEqual(SHORTEST_PAUSE);
        expect(pause).toBeLessThanOrEqual(Math.max(2 * SECOND, Math.min(30 * SECOND, 0.02 * life)));
      }),
    );
  });

  it('rises with the number of failures for the same jitter', () => {
    fc.assert(
      fc.property(failures, lifetime, jitter, (count, life, drawn) => {
        const [before, after] = [count, count + 1].map((each) =>
          backoff(attempt({ failures: each, lifetime: life }), drawn),
        );
        expect(after).toBeGreaterThanOrEqual(before ?? Number.NaN);
      }),
    );
  });
});

describe('the pause after a failure of configuration', () => {
  it.each([
    [1, 30 * SECOND],
    [2, MINUTE],
    [3, 2 * MINUTE],
    [4, 4 * MINUTE],
    [5, 8 * MINUTE],
    [6, 10 * MINUTE],
    [1000, 10 * MINUTE],
  ])('is, after %d in a row, %d ms for any lifetime', (count, pause) => {
    const refused = attempt({ failure: 'configuration', failures: count, lifetime: 3 * SECOND });
    expect(backoff(refused, 0)).toBe(pause);
    expect(backoff(refused, 1)).toBe(pause);
  });

  it('stays within its bounds for any number of failures', () => {
    fc.assert(
      fc.property(failures, lifetime, remaining, jitter, (count, life, left, drawn) => {
        const refused = attempt({ failure: 'configuration', failures: count, lifetime: life, remaining: left });
        expect(backoff(refused, drawn)).toBeGreaterThanOrEqual(30 * SECOND);
        expect(backoff(refused, drawn)).toBeLessThanOrEqual(10 * MINUTE);
      }),
    );
  });
});

describe('a Retry-After', () => {
  it.each([
    { name: 'is honored', asked: MINUTE, left: HOUR, pause: MINUTE },
    { name: 'of a year ends with the current token', asked: YEAR, left: 20 * MINUTE, pause: 20 * MINUTE },
    { name: 'of a year is 10 min without a valid token', asked: YEAR, left: 0, pause: 10 * MINUTE },
    { name: 'of a year is 10 min if the token expired long ago', asked: YEAR, left: -HOUR, pause: 10 * MINUTE },
    { name: 'of zero does not change the own pause', asked: 0, left: HOUR, pause: SECOND },
    { name: 'in the past does not change the own pause', asked: -HOUR, left: HOUR, pause: SECOND },
    { name: 'without end ends with the current token', asked: Infinity, left: MINUTE, pause: MINUTE },
    { name: 'of an invalid number does not change the own pause', asked: Number.NaN, left: HOUR, pause: SECOND },
    { name: 'of undefined does not change the own pause', asked: undefined, left: HOUR, pause: SECOND },
  ])('$name', ({ asked, left, pause }) => {
    expect(backoff(attempt({ retryAfter: asked, remaining: left }), 0)).toBe(pause);
  });

  it('never shortens the own pause', () => {
    const refused = attempt({ failure: 'configuration', failures: 6, retryAfter: SECOND });
    expect(backoff(refused, 0)).toBe(10 * MINUTE);
  });

  it('is never less than a second, or more than a year', () => {
    const kind = fc.constantFrom('transient' as const, 'configuration' as const);
    fc.assert(
      fc.property(kind, failures, fc.double(), remaining, (failure, count, retryAfter, left) => {
        const pause = backoff(attempt({ failure, failures: count, retryAfter, remaining: left }), 0.5);
        expect(pause).toBeGreaterThanOrEqual(SECOND);
        expect(pause).toBeLessThanOrEqual(Math.max(left, 10 * MINUTE));
      }),
    );
  });
});
