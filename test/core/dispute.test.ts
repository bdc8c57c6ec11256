import { describe, expect, it } from 'vitest';
import { type Dispute, isDisputed, pauseAfter, repaired } from '../../src/core/dispute.ts';

const MINUTE = 60_000;

/** Returns this many repairs, each as soon as possible, and the time of the latest. */
function row(length: number, gap?: number): Dispute | undefined {
  let dispute: Dispute | undefined;
  let now = 1000;
  for (let count = 0; count < length; count += 1) {
    now += gap ?? pauseAfter(dispute, now);
    dispute = repaired(dispute, now);
  }
  return dispute;
}

describe('repeated repairs of one token', () => {
  it.each([
    ['have no pause at first', 0, 0],
    ['have a pause of 100 ms after one', 1, 100],
    ['have a pause of 200 ms after two', 2, 200],
    ['have a pause of 1.6 s after five', 5, 1600],
    ['have a pause of 25.6 s after nine', 9, 25_600],
    ['have a pause of 30 s after ten', 10, 30_000],
    ['have a pause of 30 s after a hundred thousand', 100_000, 30_000],
  ])('%s', (_sentence, length, pause) => {
    const dispute = row(length);
    expect(pauseAfter(dispute, dispute?.at ?? 0)).toBe(pause);
  });

  it('come within 2 s of the change for five within seconds', () => {
    for (let length = 0; length < 5; length += 1) {
      const dispute = row(length);
      expect(pauseAfter(dispute, dispute?.at ?? 0)).toBeLessThan(2000);
    }
  });

  it('have no pause once it is over, and never a negative one', () => {
    const dispute = row(4);
    const at = dispute?.at ?? 0;
    expect([0, 300, 800, 801, 5000].map((passed) => pauseAfter(dispute, at + passed))).toEqual([800, 500, 0, 0, 0]);
  });

  it.each([
    ['are not a dispute after three', 3, 0, false],
    ['are a dispute after four', 4, 0, true],
    ['are a dispute for a minute', 4, MINUTE, true],
    ['are no dispute after a quiet minute', 4, MINUTE + 1, false],
  ])('%s', (_sentence, length, passed, expected) => {
    const dispute = row(length);
    expect(isDisputed(dispute, (dispute?.at ?? 0) + passed)).toBe(expected);
  });

  it('do not count together with a quiet minute between them', () => {
    const spread = row(20, MINUTE + 1);
    expect(spread?.repairs).toBe(1);
    expect(pauseAfter(spread, spread?.at ?? 0)).toBe(100);
    expect(isDisputed(spread, spread?.at ?? 0)).toBe(false);
  });

  it('count together at an interval of 30 s', () => {
    expect(row(4, MINUTE / 2)?.repairs).toBe(4);
  });
});
