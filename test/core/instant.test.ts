import { describe, expect, it } from 'vitest';
import { deadline, isPast, until } from '../../src/core/instant.ts';

const NOW = { wall: Date.UTC(2026, 0, 1), monotonic: 1_000_000 };

describe('a deadline', () => {
  it('is kept on both clocks', () => {
    expect(deadline(NOW.wall + 5000, NOW)).toEqual({ wall: NOW.wall + 5000, monotonic: 1_005_000 });
  });

  it.each<[sentence: string, wall: number, monotonic: number, left: number]>([
    ['is at the distance on both clocks', 5000, 5000, 5000],
    ['comes sooner if the wall clock was set forward', 2000, 5000, 2000],
    ['comes no later if the wall clock was set back', 9000, 5000, 5000],
    ['is not past one millisecond before', 1, 1, 1],
    ['is past at its very moment', 0, 0, 0],
    ['is past if only the wall clock has reached it, as after a suspension of the machine', 0, 5000, 0],
    ['is past if only the monotonic clock has reached it', 5000, 0, 0],
    ['is never at a negative distance', -7000, -3000, 0],
  ])('%s', (_sentence, wall, monotonic, left) => {
    const due = { wall: NOW.wall + wall, monotonic: NOW.monotonic + monotonic };
    expect(until(due, NOW)).toBe(left);
    expect(isPast(due, NOW)).toBe(left === 0);
  });
});
