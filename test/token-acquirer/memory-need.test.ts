import { describe, expect, it } from 'vitest';
import { memoryNeed, memoryWarning } from '../../src/token-acquirer/memory-need.ts';

const MEBIBYTE = 1024 * 1024;

describe('The memory that tokens need', () => {
  it.each([
    [1, 97],
    [1000, 136],
    [2400, 192],
    [5000, 296],
    [10_000, 496],
  ])('grows with their number: %i tokens, %i MiB', (tokens, mebibytes) => {
    expect(memoryNeed(tokens)).toBe(mebibytes * MEBIBYTE);
  });

  it('is warned of where the process may use less', () => {
    expect(memoryWarning(5000, 192 * MEBIBYTE)).toBe(
      '5000 tokens need about 296 MiB of memory, but this process may use 192 MiB. It may be ended before it has stored them. Raise the memory limit (of the chart: resources.limits.memory).',
    );
    expect(memoryWarning(2400, 192 * MEBIBYTE)).toBeUndefined();
    expect(memoryWarning(5000, undefined)).toBeUndefined();
  });
});
