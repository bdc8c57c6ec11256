import { describe, expect, it } from 'vitest';
import { rotationsTogether } from '../../src/core/rotation-pace.ts';

describe('rotating refresh tokens in requests together', () => {
  it.each([
    ['two at the start', 0, false, 2],
    ['two for a minute', 59_999, false, 2],
    ['any number after a minute', 60_000, false, Infinity],
    ['one after a mark was found', 1000, true, 1],
    ['one after a mark was found late', 3_600_000, true, 1],
  ])('are %s', (_sentence, uptime, suspect, together) => {
    expect(rotationsTogether({ uptime, suspect })).toBe(together);
  });
});
