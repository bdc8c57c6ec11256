import { describe, expect, it } from 'vitest';
import { type Dispute, isDisputed, pauseAfter, repaired } from '../../src/core/dispute.ts';

const MINUTE = 60_000;

/** So many repairs, each as soon as it may be, and when the latest was. */
function row(length: number, gap?: number): Dispute | undefined {
  let dispute: Dispute | undefined;
  let now = 1000;
  for (let count = 0; count < length; count += 1) {
    now += gap ?? pauseAfter(dispute, now);
    dispute = repaired(dispute, now);
  }
  return dispute;
}

describe('repairs of one token that follow each other', () => {
  it.each([
    ['none is no reason to wait', 0, 0],
    ['one is followed by 100 ms', 1, 100],
    ['two are followed by 200 ms', 2, 200],
    ['five are followed by 1.6 s', 5, 1600],
    ['nine are followed by 25.6 s', 9, 25_600],
    ['ten are followed by 30 s', 10, 30_000],
    ['a hundred thousand are followed by 30 s', 100_000, 30_000],
  ])('%s', (_sentence, length, pause) => {
    const dispute = row(length);
    expect(pauseAfter(dispute, dispute?.at ?? 0)).toBe(pause);
  });

  it('five within seconds are all within 2 s of what they undo', () => {
    for (let length = 0; length < 5; length += 1) {
      const dispute = row(length);
      expect(pauseAfter(dispute, dispute?.at ?? 0)).toBeLessThan(2000);
    }
  });

  it('are waited for no longer once the pause is over, and never less than not at all', () => {
    const dispute = row(4);
    const at = dispute?.at ?? 0;
    expect([0, 300, 800, 801, 5000].map((passed) => pauseAfter(dispute, at + passed))).toEqual([800, 500, 0, 0, 0]);
  });

  it.each([
    ['three are not yet a dispute', 3, 0, false],
    ['four are one', 4, 0, true],
    ['it lasts for a minute', 4, MINUTE, true],
    ['and is over after a quiet minute', 4, MINUTE + 1, false],
  ])('%s', (_sentence, length, passed, expected) => {
    const dispute = row(length);
    expect(isDisputed(dispute, (dispute?.at ?? 0) + passed)).toBe(expected);
  });

  it('are no row where a quiet minute is between them', () => {
    const seldom = row(20, MINUTE + 1);
    expect(seldom?.repairs).toBe(1);
    expect(pauseAfter(seldom, seldom?.at ?? 0)).toBe(100);
    expect(isDisputed(seldom, seldom?.at ?? 0)).toBe(false);
  });

  it('are one where they come from looks every 30 s', () => {
    expect(row(4, MINUTE / 2)?.repairs).toBe(4);
  });
});
