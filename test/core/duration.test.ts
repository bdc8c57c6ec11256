import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DURATION_FORM, formatDuration, parseDuration } from '../../src/core/duration.ts';
import { cpuTimeOf } from '../support/cpu-time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('the parser of a duration', () => {
  it.each([
    ['250ms', 250],
    ['1s', SECOND],
    ['90s', 90 * SECOND],
    ['10m', 10 * MINUTE],
    ['1h30m', 90 * MINUTE],
    ['1h1m1s1ms', HOUR + MINUTE + SECOND + 1],
    ['7d', 7 * DAY],
    ['1.5h', 90 * MINUTE],
    ['0.25s', 250],
    ['007s', 7 * SECOND],
  ])('reads %s as %d ms', (text, duration) => {
    expect(parseDuration(text)).toBe(duration);
  });

  it.each([
    ['nothing', ''],
    ['no unit', '10'],
    ['no amount', 'm'],
    ['an unknown unit', '10y'],
    ['a unit in capitals', '10M'],
    ['a sign', '-10m'],
    ['a plus', '+10m'],
    ['a blank inside', '10 m'],
    ['a blank before', ' 10m'],
    ['a newline after', '10m\n'],
    ['a comma', '1,5h'],
    ['a point without digits', '1.h'],
    ['digits only after the point', '.5h'],
    ['an exponent', '1e3s'],
    ['a trailing amount', '1h30'],
    ['ISO 8601', 'PT10M'],
    ['zero', '0s'],
    ['zero in every unit', '0d0h0m0s0ms'],
    ['more than a number can hold', `${'9'.repeat(400)}s`],
    ['other digits', '１０m'],
  ])('rejects %s', (_, text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('accepts only finite positive numbers', () => {
    const near = fc.stringMatching(/^[0-9.dhms ]{0,12}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        const duration = parseDuration(text);
        expect(duration === undefined || (Number.isFinite(duration) && duration > 0)).toBe(true);
      }),
    );
  });

  it('needs no longer for hostile text', () => {
    const took = cpuTimeOf(() => {
      for (const unit of ['1', '1.1', '1m', '1.1m']) parseDuration(`${unit.repeat(25_000)}!`);
    });
    expect(took).toBeLessThan(1000);
  });

  it('reads the forms that its error messages name', () => {
    for (const [form] of DURATION_FORM.matchAll(/\d\w*/g)) expect(parseDuration(form)).toBeGreaterThan(0);
  });
});

describe('the text of a duration', () => {
  it.each([
    [0, '0s'],
    [0.4, '0ms'],
    [1, '1ms'],
    [999, '999ms'],
    [999.9, '999ms'],
    [SECOND, '1s'],
    [1999, '1s'],
    [90 * SECOND, '1m30s'],
    [10 * MINUTE, '10m'],
    [HOUR, '1h'],
    [90 * MINUTE, '1h30m'],
    [DAY + SECOND, '1d1s'],
    [365 * DAY, '365d'],
    [-1500, '-1s'],
    [-90 * MINUTE, '-1h30m'],
  ])('is, for %d ms, %s', (duration, text) => {
    expect(formatDuration(duration)).toBe(text);
  });

  it('can be parsed again', () => {
    const milliseconds = fc.integer({ min: 1, max: 999 });
    const seconds = fc.integer({ min: 1, max: 100 * 365 * 86_400 }).map((amount) => amount * SECOND);
    fc.assert(
      fc.property(fc.oneof(milliseconds, seconds), (duration) => {
        expect(parseDuration(formatDuration(duration))).toBe(duration);
      }),
    );
  });

  it('never exceeds the duration', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e13, noNaN: true }), (duration) => {
        const said = parseDuration(formatDuration(duration)) ?? Number.NaN;
        expect(said).toBeLessThanOrEqual(duration);
        expect(duration - said).toBeLessThan(SECOND);
      }),
    );
  });
});
