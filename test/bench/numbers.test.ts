import { describe, expect, it } from 'vitest';
import { bytes, milliseconds, nanoseconds, number, ratioText } from './report/numbers.ts';

describe('numbers', () => {
  it.each<[string, (value: number) => string, number, string]>([
    ['have three digits that count', number, 0.012345, '0.0123'],
    ['have no zeros that say nothing', number, 1.5, '1.5'],
    ['are whole from a hundred on', number, 155.4, '155'],
    ['have thousands apart', number, 1_234_567, '1,234,567'],
    ['that are none are a dash', number, Number.NaN, '–'],
    ['that are ratios have two decimals', ratioText, 1.5, '1.50 ×'],
    ['that are small ratios have what counts', ratioText, 0.0011, '0.0011 ×'],
    ['that are times have a unit', milliseconds, 11.234, '11.2 ms'],
    ['that are short times have a smaller one', nanoseconds, 61.74, '61.7 ns'],
    ['that are short times, but not that short, a larger one', nanoseconds, 5590, '5.59 µs'],
    ['that are sizes have units of a thousand', bytes, 9590, '9.59 kB'],
    ['that are larger sizes, of a million', bytes, 141_000_000, '141 MB'],
  ])('%s', (_, text, value, expected) => {
    expect(text(value)).toBe(expected);
  });
});
