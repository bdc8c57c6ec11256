import { describe, expect, it } from 'vitest';
import {
  dueAfterOthers,
  LOOK_AT_MARK,
  markOf,
  NO_OTHERS,
  noted,
  type OtherWriters,
  othersAt,
  podIn,
} from '../../src/core/other-writers.ts';

const OWN = 'pod-a/00000001';
const OTHER = 'pod-b/00000002';
const MINUTE = 60_000;

/** Returns the knowledge after these marks were found, one per look, with the own mark written each time. */
function after(...found: readonly (string | undefined)[]): OtherWriters {
  return found.reduce<OtherWriters>(
    (others, mark, turn) => ({ ...noted(others, mark, OWN, turn * LOOK_AT_MARK), marked: true }),
    NO_OTHERS,
  );
}
const now = (turns: number): number => turns * LOOK_AT_MARK;

describe('another process', () => {
  it.each<[string, (string | undefined)[]]>([
    ['at the first start', [undefined, OWN, OWN]],
    ['if the previous process left its mark', [OTHER, OWN, OWN]],
    ['if the previous process writes one more mark before it ends', [OTHER, OTHER, OWN]],
    ['if someone removes the mark repeatedly', [undefined, undefined, undefined, undefined]],
  ])('is not detected %s', (_sentence, found) => {
    expect(othersAt(after(...found), now(found.length))).toEqual([]);
  });

  it('is detected once its mark was found twice after the own one', () => {
    expect(othersAt(after(undefined, OTHER, OTHER), now(2))).toEqual([OTHER]);
    expect(othersAt(after(undefined, OTHER, OWN, OTHER, OWN), now(4))).toEqual([OTHER]);
  });

  it('is dropped a minute after its last mark', () => {
    const others = after(undefined, OTHER, OTHER, OWN);
    expect(othersAt(others, now(2) + MINUTE - 1)).toEqual([OTHER]);
    expect(othersAt(others, now(2) + MINUTE)).toEqual([]);
    expect(noted(others, OWN, OWN, now(2) + MINUTE).seen.size).toBe(0);
  });

  it('is detected from the start again when it comes back', () => {
    const later = now(2) + MINUTE;
    const back = noted(after(undefined, OTHER, OTHER), OTHER, OWN, later);
    expect(othersAt(back, later)).toEqual([]);
  });

  it('can be several processes, in order', () => {
    expect(othersAt(after(undefined, 'c/1', 'b/1', 'c/1', 'b/1'), now(4))).toEqual(['b/1', 'c/1']);
  });

  it('in the same pod has another mark', () => {
    expect(markOf('pod-a', 0)).toBe('pod-a/00000000');
    expect(markOf('pod-a', 0.999_999)).toMatch(/^pod-a\/ffff[0-9a-f]{4}$/);
    expect(othersAt(after(undefined, 'pod-a/2', 'pod-a/2'), now(3)).map(podIn)).toEqual(['pod-a']);
  });

  it.each(['', '/1', 'a b/1', 'x'.repeat(254), 'a\u001b[31m/1'])('is ignored with the invalid mark %j', (mark) => {
    expect(podIn(mark)).toBe('unknown');
  });
});

describe('two processes', () => {
  /** Each looks every 10 s, the second one `apart` later. Returns the times at which each has found the other. */
  function found(apart: number): number[] {
    const marks = [OWN, OTHER];
    const known = [NO_OTHERS, NO_OTHERS];
    const at = [Number.NaN, Number.NaN];
    let mark: string | undefined;
    for (let turn = 0; turn < 20; turn += 1) {
      for (const one of [0, 1]) {
        const time = turn * LOOK_AT_MARK + one * apart;
        const next = noted(known[one] ?? NO_OTHERS, mark, marks[one] ?? '', time);
        known[one] = { ...next, marked: true };
        mark = marks[one];
        if (othersAt(next, time).length > 0 && Number.isNaN(at[one] ?? 0)) at[one] = time;
      }
    }
    return at;
  }

  it.each([1, 1000, 5000, 9999])('find each other within 40 s, with looks %i ms apart', (apart) => {
    for (const time of found(apart)) expect(time).toBeLessThanOrEqual(40_000);
  });

  it('find each other within a minute, if they read in step and write one after the other', () => {
    const marks = [OWN, OTHER] as const;
    const known = [NO_OTHERS, NO_OTHERS];
    let mark: string | undefined;
    const seen = new Set<string>();
    for (let turn = 0; turn <= 6; turn += 1) {
      const read = mark;
      for (const [one, own] of marks.entries()) {
        const next = noted(known[one] ?? NO_OTHERS, read, own, now(turn));
        known[one] = { ...next, marked: true };
        if (read !== own) mark = own;
        for (const other of othersAt(next, now(turn))) seen.add(other);
      }
    }
    expect([...seen].toSorted()).toEqual([OWN, OTHER]);
  });
});

describe('the process that yields', () => {
  const at = (wall: number) => ({ wall, monotonic: wall - 7 });

  it('renews 5 s later, and never later than a quarter of the time to the expiry', () => {
    expect(dueAfterOthers({ renewal: at(40_000), expiry: at(60_000) })).toEqual(at(45_000));
    expect(dueAfterOthers({ renewal: at(2000), expiry: at(3000) })).toEqual(at(2250));
    expect(dueAfterOthers({ renewal: at(2000), expiry: at(1000) })).toEqual(at(2000));
  });
});
