import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_LIFETIME,
  DEFAULT_RENEWAL,
  intervalWarning,
  isSameRule,
  jitterOf,
  lifetimeOf,
  percentText,
  type RenewalRule,
  renewalTime,
} from '../../src/core/renewal.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const YEAR = 365 * 24 * HOUR;
const ISSUED_AT = Date.UTC(2026, 0, 1, 12);

const anyExpiresIn = fc.oneof(
  fc.constantFrom(undefined, null, 0, -1, '60', 'abc', '', ' ', 3, 5, 60, 300, 3600, 1e12, NaN, Infinity, -Infinity),
  fc.double(),
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.anything(),
);
const jitter = fc.double({ min: 0, max: 1, noNaN: true });
const interval = fc.oneof(fc.integer({ min: 1, max: 2 * YEAR }), fc.double({ min: 0, noNaN: true }));
const policy = fc.oneof(
  fc.record({ interval }),
  fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }) }),
) satisfies fc.Arbitrary<RenewalRule>;

describe('the lifetime of a token', () => {
  it.each([
    ['an hour', 3600, HOUR],
    ['three seconds', 3, 3 * SECOND],
    ['half a second', 0.5, 500],
    ['a numeric string', '60', MINUTE],
    ['a numeric string with blanks', ' 60 ', MINUTE],
    ['a year', 31_536_000, YEAR],
    ['thirty thousand years', 1e12, YEAR],
    ['no end', Infinity, YEAR],
  ])('is the one of the server for %s', (_, expiresIn, lifetime) => {
    expect(lifetimeOf(expiresIn)).toEqual({ lifetime, stated: true });
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['zero', 0],
    ['less than a millisecond', 0.0001],
    ['a negative number', -1],
    ['a negative string', '-60'],
    ['a word', 'abc'],
    ['an empty string', ''],
    ['blanks', '  '],
    ['NaN', Number.NaN],
    ['a boolean', true],
    ['a list', [3600]],
    ['an object', { valueOf: () => 3600 }],
    ['a bigint', 3600n],
  ])('is the default if the server states %s', (_, expiresIn) => {
    expect(lifetimeOf(expiresIn)).toEqual({ lifetime: DEFAULT_LIFETIME, stated: false });
    expect(lifetimeOf(expiresIn, MINUTE)).toEqual({ lifetime: MINUTE, stated: false });
  });

  it('is a whole number of milliseconds from 1 to a year for any input and default', () => {
    const fallback = fc.integer({ min: 1, max: 10 * YEAR });
    fc.assert(
      fc.property(anyExpiresIn, fallback, (expiresIn, standIn) => {
        const { lifetime } = lifetimeOf(expiresIn, standIn);
        expect(Number.isInteger(lifetime)).toBe(true);
        expect(lifetime).toBeGreaterThanOrEqual(1);
        expect(lifetime).toBeLessThanOrEqual(YEAR);
      }),
    );
  });
});

describe('the time of renewal', () => {
  it.each<[string, number, RenewalRule, number, number]>([
    ['is 67 % of the lifetime', HOUR, DEFAULT_RENEWAL, 0, 2_412_000],
    ['is up to 5 % of the time until then earlier', HOUR, DEFAULT_RENEWAL, 1, 2_291_400],
    ['is the interval', HOUR, { interval: 10 * MINUTE }, 0, 10 * MINUTE],
    ['is the interval less the jitter', HOUR, { interval: 10 * MINUTE }, 1, 570 * SECOND],
    ['is the interval less the jitter in a long life', 24 * HOUR, { interval: 10 * MINUTE }, 1, 570 * SECOND],
    ['is near the interval in a life of 30 days', 30 * 24 * HOUR, { interval: HOUR }, 1, 57 * MINUTE],
    ['is 90 % of the lifetime for a longer interval', HOUR, { interval: 2 * HOUR }, 0, 54 * MINUTE],
    ['is 90 % of the lifetime for an endless interval', HOUR, { interval: Infinity }, 0, 54 * MINUTE],
    ['is 90 % of the lifetime for a larger part', HOUR, { at: 1 }, 0, 54 * MINUTE],
    ['is never long before a short interval', HOUR, { interval: SECOND }, 1, 950],
    ['is within a life of three seconds', 3 * SECOND, DEFAULT_RENEWAL, 1, 1910],
    ['is within a life of a millisecond', 1, DEFAULT_RENEWAL, 0, 1],
    ['is immediate for no lifetime at all', 0, DEFAULT_RENEWAL, 0.5, 0],
  ])('%s', (_, lifetime, renewal, drawn, after) => {
    expect(renewalTime(ISSUED_AT, ISSUED_AT + lifetime, renewal, drawn)).toBe(ISSUED_AT + after);
  });

  it('lies within the life of the token and within 90 % of it, for anything that a server states', () => {
    fc.assert(
      fc.property(anyExpiresIn, policy, jitter, (expiresIn, renewal, drawn) => {
        const { lifetime } = lifetimeOf(expiresIn);
        const renewAt = renewalTime(ISSUED_AT, ISSUED_AT + lifetime, renewal, drawn);
        expect(Number.isInteger(renewAt)).toBe(true);
        expect(renewAt).toBeGreaterThanOrEqual(ISSUED_AT);
        expect(renewAt).toBeLessThanOrEqual(ISSUED_AT + lifetime);
        // Times are whole milliseconds, so rounding can add half of one.
        expect(renewAt - ISSUED_AT).toBeLessThanOrEqual(0.9 * lifetime + 0.5);
      }),
    );
  });

  it('moves only earlier by jitter, and by 5 % of the time to renewal at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: YEAR }), policy, jitter, (lifetime, renewal, drawn) => {
        const [without, withIt] = [0, drawn].map((each) =>
          renewalTime(ISSUED_AT, ISSUED_AT + lifetime, renewal, each),
        ) as [number, number];
        expect(withIt).toBeLessThanOrEqual(without);
        expect(without - withIt).toBeLessThanOrEqual(0.05 * (without - ISSUED_AT) + 1);
      }),
    );
  });
});

describe('the mean interval', () => {
  it('is at least 0.95 of the one asked for, for any lifetime and any interval', () => {
    const lifetimes = fc.integer({ min: 1, max: YEAR });
    const draws = fc.array(jitter, { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(lifetimes, fc.integer({ min: 1, max: 1000 }), draws, (lifetime, part, drawn) => {
        const asked = lifetime / part;
        const intervals = drawn.map(
          (each) => renewalTime(ISSUED_AT, ISSUED_AT + lifetime, { interval: asked }, each) - ISSUED_AT,
        );
        const mean = intervals.reduce((sum, one) => sum + one, 0) / intervals.length;
        const possible = Math.min(asked, 0.9 * lifetime);
        // Times are whole milliseconds, so rounding can add half of one.
        expect(mean).toBeGreaterThanOrEqual(0.95 * possible - 0.5);
        expect(mean).toBeLessThanOrEqual(possible + 0.5);
      }),
    );
  });
});

describe('the jitter of a stored token', () => {
  it('is what was drawn, so that the same time comes out again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: YEAR }), policy, jitter, (lifetime, renewal, drawn) => {
        const token = { issuedAt: ISSUED_AT, expiresAt: ISSUED_AT + lifetime };
        const renewAt = renewalTime(token.issuedAt, token.expiresAt, renewal, drawn);
        const found = jitterOf({ ...token, renewAt }, renewal);
        expect(found).toBeGreaterThanOrEqual(0);
        expect(found).toBeLessThanOrEqual(1);
        const again = renewalTime(token.issuedAt, token.expiresAt, renewal, found ?? Number.NaN);
        expect(Math.abs(again - renewAt)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is that of the draw to a thousandth for lives of a minute and more', () => {
    fc.assert(
      fc.property(fc.integer({ min: MINUTE, max: YEAR }), jitter, (lifetime, drawn) => {
        const token = { issuedAt: ISSUED_AT, expiresAt: ISSUED_AT + lifetime };
        const renewAt = renewalTime(token.issuedAt, token.expiresAt, DEFAULT_RENEWAL, drawn);
        expect(jitterOf({ ...token, renewAt }, DEFAULT_RENEWAL)).toBeCloseTo(drawn, 3);
      }),
    );
  });

  const token = { issuedAt: ISSUED_AT, expiresAt: ISSUED_AT + HOUR, renewAt: ISSUED_AT + 10 * MINUTE };

  it.each<[string, typeof token, RenewalRule]>([
    ['the policy was another', token, DEFAULT_RENEWAL],
    ['the interval was longer', token, { interval: 9 * MINUTE }],
    [
      'its lifetime is long and the interval was longer',
      { ...token, expiresAt: ISSUED_AT + 24 * HOUR },
      { interval: MINUTE },
    ],
    ['the interval was shorter by more than the jitter', token, { interval: 14 * MINUTE }],
    ['the token has no life', { ...token, expiresAt: ISSUED_AT, renewAt: ISSUED_AT }, { interval: MINUTE }],
    ['its time of renewal is no time', { ...token, renewAt: Number.NaN }, { interval: 10 * MINUTE }],
  ])('is unknown if %s', (_, stored, renewal) => {
    expect(jitterOf(stored, renewal)).toBeUndefined();
  });

  it.each<[string, number, number, RenewalRule]>([
    ['an interval that was short compared with the lifetime', 24 * HOUR, 0, { interval: 10 * MINUTE }],
    ['a part of the lifetime', HOUR, 2_232_000, DEFAULT_RENEWAL],
    ['an interval', HOUR, 7 * MINUTE, { interval: 10 * MINUTE }],
  ])('is the largest for a token of version 0.1.0 with %s', (_, lifetime, after, renewal) => {
    const stored = { issuedAt: ISSUED_AT, expiresAt: ISSUED_AT + lifetime, renewAt: ISSUED_AT + after };
    expect(jitterOf(stored, renewal)).toBe(1);
  });
});

describe('two policies', () => {
  it.each<[RenewalRule, RenewalRule, boolean]>([
    [{ interval: MINUTE }, { interval: MINUTE }, true],
    [{ interval: MINUTE }, { interval: HOUR }, false],
    [{ at: 0.5 }, { at: 0.5 }, true],
    [{ at: 0.5 }, { at: 0.6 }, false],
    [{ at: 0.5 }, { interval: MINUTE }, false],
    [{ interval: MINUTE }, { at: 0.5 }, false],
  ])('of %j and %j are the same: %s', (one, other, same) => {
    expect(isSameRule(one, other)).toBe(same);
  });
});

describe('a warning about the interval', () => {
  it.each([
    ['a second', SECOND, undefined, true],
    ['just below ten seconds', 10 * SECOND - 1, undefined, true],
    ['ten seconds', 10 * SECOND, undefined, false],
    ['an hour', HOUR, undefined, false],
    ['a second of a token of an hour', SECOND, HOUR, true],
    ['five seconds of a token of a minute', 5 * SECOND, MINUTE, true],
    ['six seconds of a token of 20 s', 6 * SECOND, 20 * SECOND, false],
    ['a second of a token of 20 s', SECOND, 20 * SECOND, true],
    ['half a minute of a token of a day', 30 * SECOND, 24 * HOUR, false],
  ])('is checked for %s', (_sentence, given, lifetime, expected) => {
    const warning = intervalWarning(given, lifetime);
    if (expected)
      expect(warning).toMatch(/^The renewal interval \S+ is very short\. .*correct its unit, such as 10m or 1h\.$/);
    else expect(warning).toBeUndefined();
  });
});

describe('the default renewal', () => {
  const chart = (file: string): string =>
    readFileSync(join(import.meta.dirname, '../../charts/token-acquirer/templates', file), 'utf8');

  it('is the one that the chart uses for its warnings', () => {
    expect(chart('_warnings.tpl')).toContain(`default "${percentText(DEFAULT_RENEWAL.at)}"`);
  });

  it('is the one that the notes of the chart name', () => {
    expect(chart('NOTES.txt')).toMatch(new RegExp(`${DEFAULT_RENEWAL.at * 100} % of\\s+the lifetime`));
  });
});
