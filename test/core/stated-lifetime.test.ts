import { describe, expect, it } from 'vitest';
import { statedSeconds } from '../../src/core/stated-lifetime.ts';

const NOW = Date.UTC(2026, 5, 1, 12);

describe('a lifetime that a server states', () => {
  it.each<[string, unknown, number | undefined]>([
    ['seconds', 3600, 3600],
    ['a part of a second', 0.5, 0.5],
    ['seconds as a text', ' 3600 ', 3600],
    ['zero', 0, 0],
    ['a negative number', -1, -1],
    ['the longest number of seconds', 999_999_999, 999_999_999],
    ['a Unix time', NOW / 1000 + 60, 60],
    ['a Unix time as a text', String(NOW / 1000 + 60), 60],
    ['a Unix time in milliseconds', NOW + 60_000, 60],
    ['a time', '2026-06-01T12:01:00Z', 60],
    ['a time with microseconds, as of Keystone', '2026-06-01T12:01:00.500000Z', 60.5],
    ['a time in lower case with a space', '2026-06-01 12:01:00z', 60],
    ['a time with an offset', '2026-06-01T14:01:00+02:00', 60],
    ['a time that is over', '2026-06-01T11:59:00Z', -60],
    ['a time without an offset, which nobody can know', '2026-06-01T12:01:00', undefined],
    ['a day', '2026-06-02', undefined],
    ['a time that does not exist', '2026-13-01T12:01:00Z', undefined],
    ['a word', 'never', undefined],
    ['an empty text', '', undefined],
    ['hexadecimal digits', '0x10', undefined],
    ['null', null, undefined],
    ['a list', [60], undefined],
    ['no number', Number.NaN, undefined],
    ['infinity', Number.POSITIVE_INFINITY, undefined],
    ['nothing', undefined, undefined],
  ])('is read from %s', (_what, stated, seconds) => {
    expect(statedSeconds(stated, NOW)).toBe(seconds);
  });
});
