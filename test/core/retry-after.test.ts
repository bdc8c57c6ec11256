import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askedPause, parseRetryAfter } from '../../src/core/retry-after.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const SECOND = 1000;
const epoch = (after: number): string => String(NOW / SECOND + after);

function pauseOf(status: number, headers: Readonly<Record<string, string>>): number | undefined {
  return askedPause(status, (name) => headers[name], NOW);
}

describe('Retry-After', () => {
  it.each<[string, string | null | undefined, number | undefined]>([
    ['seconds', '17', 17_000],
    ['seconds with a fraction', '1.5', 1500],
    ['a fraction of a millisecond', '0.0004', 0],
    ['blanks around seconds', ' 5 ', 5000],
    ['a date', 'Thu, 01 Jan 2026 12:01:30 GMT', 90_000],
    ['a date as asctime writes it', 'Thu Jan  1 12:01:00 2026', 60_000],
    ['a date in the past', 'Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['a negative number', '-5', undefined],
    ['an exponent', '1e3', undefined],
    ['a point without digits', '5.', undefined],
    ['an endless number', '9'.repeat(400), undefined],
    ['a word', 'soon', undefined],
    ['a date without a weekday', '2027-01-01', undefined],
    ['an empty text', '', undefined],
    ['null', null, undefined],
    ['nothing', undefined, undefined],
  ])('is read as %s', (_what, text, pause) => {
    expect(parseRetryAfter(text, NOW)).toBe(pause);
  });
});

describe('the pause that an answer requests', () => {
  it.each<[string, Readonly<Record<string, string>>, number | undefined]>([
    ['RateLimit-Reset', { 'ratelimit-reset': '30' }, 30_000],
    ['X-RateLimit-Reset in seconds', { 'x-ratelimit-reset': '30' }, 30_000],
    ['X-RateLimit-Reset with a fraction', { 'x-ratelimit-reset': '1.5' }, 1500],
    ['X-RateLimit-Reset in seconds since 1970', { 'x-ratelimit-reset': epoch(45) }, 45_000],
    ['X-RateLimit-Reset in milliseconds since 1970', { 'x-ratelimit-reset': String(NOW + 45_500) }, 45_500],
    ['X-RateLimit-Reset in the past', { 'x-ratelimit-reset': epoch(-45) }, 0],
    ['X-RateLimit-Reset as a date', { 'x-ratelimit-reset': 'Thu, 01 Jan 2026 12:00:09 GMT' }, 9000],
    ['X-Rate-Limit-Reset, as Okta writes it', { 'x-rate-limit-reset': epoch(20) }, 20_000],
    ['RateLimit of the drafts', { ratelimit: '"default";r=0;t=30' }, 30_000],
    ['RateLimit of the older drafts', { ratelimit: 'limit=10, remaining=0, reset=31' }, 31_000],
    ['the spent policy of RateLimit', { ratelimit: '"day";r=90;t=86000, "minute";r=0;t=12' }, 12_000],
    ['the longest of two spent policies', { ratelimit: '"a";r=0;t=5, "b";r=0;t=12' }, 12_000],
    ['Retry-After before all others', { 'retry-after': '2', 'x-ratelimit-reset': '30', 'ratelimit-reset': '9' }, 2000],
    ['the others after an invalid Retry-After', { 'retry-after': 'soon', 'x-ratelimit-reset': '30' }, 30_000],
    ['nothing for nonsense', { 'x-ratelimit-reset': 'later', 'ratelimit-reset': '-1', ratelimit: 'many' }, undefined],
    ['nothing without a header', {}, undefined],
  ])('is, with 429, %s', (_what, headers, pause) => {
    expect(pauseOf(429, headers)).toBe(pause);
  });

  it.each([
    [429, 30_000],
    [503, 30_000],
    [400, undefined],
    [401, undefined],
    [500, undefined],
  ])('counts a window with %d: %s', (status, pause) => {
    expect(pauseOf(status, { 'x-ratelimit-reset': '30', 'x-ratelimit-remaining': '99' })).toBe(pause);
    expect(pauseOf(status, { 'x-ratelimit-reset': '30' })).toBe(pause);
  });

  it.each([400, 401, 403, 500])('counts a window with %d if no request is left in it', (status) => {
    expect(pauseOf(status, { 'x-ratelimit-reset': '30', 'x-ratelimit-remaining': '0' })).toBe(30_000);
    expect(pauseOf(status, { 'ratelimit-reset': '30', 'ratelimit-remaining': '0' })).toBe(30_000);
    expect(pauseOf(status, { ratelimit: '"default";r=0;t=30' })).toBe(30_000);
    expect(pauseOf(status, { ratelimit: '"default";r=3;t=30' })).toBeUndefined();
  });

  it('is never negative and never not a number, whatever the headers say', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[-"a-z]{0,3};?[rt]?=?[0-9.]{0,20}$/));
    const names = ['retry-after', 'ratelimit', 'ratelimit-reset', 'x-ratelimit-reset', 'x-ratelimit-remaining'];
    const headers = fc.record(Object.fromEntries(names.map((name) => [name, text])));
    fc.assert(
      fc.property(headers, fc.constantFrom(400, 429, 503), (given, status) => {
        expect(pauseOf(status, given as Record<string, string>) ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
