import { describe, expect, it } from 'vitest';
import {
  type CopyState,
  changed,
  consulted,
  damaged,
  failed,
  failedLook,
  heldOff,
  lagOf,
  left,
  lookEvery,
  lookIn,
  lookWithin,
  moved,
  outdated,
  read,
  reading,
  reformed,
  removed,
  seen,
  seenInPart,
  suspected,
  UNKNOWN_COPY,
  writing,
  written,
} from '../../src/core/copy-state.ts';
import { USUAL_FORM } from '../../src/core/token-volume.ts';
import { buildToken } from '../support/tokens.ts';

const NOW = 1_000_000;
const TOKEN = buildToken();
const A = { ...USUAL_FORM, key: 'a', delivery: 'secret' as const };
const KNOWN = seen(read(UNKNOWN_COPY), TOKEN, NOW);

describe('a copy that was moved', () => {
  const secret = (key: string) => ({ ...USUAL_FORM, key, delivery: 'secret' as const });
  const endpoint = (key: string) => ({ ...USUAL_FORM, key, delivery: 'endpoint' as const });
  const copied = (key: string, ...keys: string[]) => ({
    ...secret(key),
    copies: keys.map((copy) => ({ key: copy, form: 'bearer' as const })),
  });

  it.each<[sentence: string, before: readonly string[], from: object, to: object, after: readonly string[]]>([
    ['to another key leaves the former ones', [], secret('a'), secret('b'), ['a', 'a.json']],
    ['twice leaves all', ['a', 'a.json'], secret('b'), secret('c'), ['a', 'a.json', 'b', 'b.json']],
    ['back no longer leaves those keys', ['a', 'a.json'], secret('b'), secret('a'), ['b', 'b.json']],
    ['out of the store leaves its keys', [], secret('a'), endpoint('a'), ['a', 'a.json']],
    ['out of the store and to another key leaves the former ones', [], secret('a'), endpoint('b'), ['a', 'a.json']],
    ['while it is stored nowhere leaves nothing', [], endpoint('a'), endpoint('b'), []],
    ['back into the store leaves nothing', ['a', 'a.json'], endpoint('a'), secret('a'), []],
    ['to a key that it had before leaves each key once', ['a', 'b'], secret('b'), secret('c'), ['a', 'b', 'b.json']],
    ['without a copy leaves the key of that copy', [], copied('a', 'x', 'y'), copied('a', 'y'), ['x']],
    ['with another copy leaves nothing', [], secret('a'), copied('a', 'x'), []],
    ['to a key whose copy keeps the former one leaves the document', [], secret('a'), copied('b', 'a'), ['a.json']],
    ['out of the store leaves its copies, too', [], copied('a', 'x'), endpoint('a'), ['a', 'a.json', 'x']],
  ])('%s', (_sentence, formerKeys, from, to, after) => {
    const place = (given: object) => given as ReturnType<typeof secret>;
    expect(moved({ ...KNOWN, formerKeys }, place(from), place(to))).toMatchObject({
      holds: undefined,
      notBefore: 0,
      formerKeys: after,
    });
  });

  it('nowhere else is what it was', () => {
    expect(moved(KNOWN, secret('a'), secret('a'))).toBe(KNOWN);
  });

  it('to another header is written again under its key', () => {
    const renamed = { ...A, header: { name: 'X-Auth-Token', prefix: '' } };
    expect(moved(KNOWN, A, renamed)).toMatchObject({ holds: undefined, formerKeys: [] });
    expect(moved(KNOWN, renamed, { ...renamed, header: { name: 'x-auth-token', prefix: '' } })).toBe(KNOWN);
  });
});

describe('copies that an earlier process left', () => {
  it('are to be removed, each once', () => {
    expect(left({ ...KNOWN, formerKeys: ['a', 'x'] }, ['x', 'y']).formerKeys).toEqual(['a', 'x', 'y']);
    expect(left(KNOWN, [])).toBe(KNOWN);
  });
});

describe('the pause after failed calls', () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [5, 16_000],
    [6, 30_000],
    [1000, 30_000],
  ])('is after %i in a row %i ms', (failures, pause) => {
    const state = failed({ ...KNOWN, failures: failures - 1 }, false, NOW);
    expect(state.failures).toBe(failures);
    expect(heldOff(state, NOW)).toBe(pause);
    expect(heldOff(state, NOW + pause - 1)).toBe(1);
    expect(heldOff(state, NOW + pause)).toBe(0);
    expect(heldOff(state, NOW + 2 * pause)).toBe(0);
  });

  it('is 30 s where a person has to act', () => {
    expect(heldOff(failed(KNOWN, true, NOW), NOW)).toBe(30_000);
  });

  it('is followed by a look', () => {
    expect(lookIn(failed(KNOWN, false, NOW), NOW)).toBe(0);
  });

  it.each<[sentence: string, transition: (state: CopyState) => CopyState]>([
    ['a new token', outdated],
    ['another key', (state) => moved(state, A, { ...A, key: 'b' })],
    ['news of what others did', (state) => suspected(state, NOW + 600)],
  ])('ends with %s', (_sentence, transition) => {
    expect(heldOff(transition(failed(KNOWN, true, NOW)), NOW + 600)).toBe(0);
  });

  it('is short where news came during the failed call', () => {
    const state = failed(suspected(reading(KNOWN, NOW), NOW + 10), true, NOW + 20);
    expect(heldOff(state, NOW + 20)).toBe(480);
  });

  it('is not longer than usual where news came during the failed call', () => {
    const disputed = [1, 2, 3, 4, 5, 6].reduce((before) => damaged(before, NOW), KNOWN);
    expect(heldOff(failed(suspected(disputed, NOW), false, NOW), NOW)).toBe(1000);
  });

  it.each<[sentence: string, transition: (state: CopyState) => CopyState]>([
    ['a write', (state) => written(state, 1, [], NOW)],
    ['a read that finds the token', (state) => seen(state, TOKEN, NOW)],
    ['a removal of the keys', (state) => removed(state, NOW)],
  ])('ends with the success of %s that the failed call overlapped', (_sentence, transition) => {
    expect(heldOff(transition(failed(KNOWN, true, NOW)), NOW)).toBe(0);
  });

  it('begins anew once a call succeeded', () => {
    const failing = { ...KNOWN, failures: 7 };
    for (const state of [seen(failing, TOKEN, NOW), written(failing, 1, [], NOW), removed(failing, NOW)]) {
      expect(state.failures).toBe(0);
    }
  });
});

describe('the next look at a copy', () => {
  it.each<[sentence: string, state: CopyState, at: number, after: number]>([
    ['comes 30 s after the last one', KNOWN, NOW, 30_000],
    ['comes immediately when 30 s are over', KNOWN, NOW + 30_000, 0],
    ['comes immediately where nothing was seen yet', UNKNOWN_COPY, NOW, 0],
    ['comes immediately where the CA changed', changed(KNOWN), NOW, 0],
    ['comes immediately where someone may have changed it', suspected(KNOWN, NOW), NOW, 0],
    ['comes 500 ms after the last read', suspected(reading(KNOWN, NOW), NOW), NOW, 500],
    ['comes after the pause between repairs', suspected(damaged(damaged(KNOWN, NOW), NOW), NOW), NOW, 200],
    ['comes after 30 s also where a repair was undone', damaged(KNOWN, NOW), NOW, 30_000],
    ['comes after 30 s where the keys were removed', removed(changed(suspected(KNOWN, NOW)), NOW), NOW, 30_000],
    ['comes after 30 s where what others did was overwritten', writing(suspected(KNOWN, NOW)), NOW, 30_000],
  ])('%s', (_sentence, state, at, after) => {
    expect(lookIn(state, at)).toBe(after);
  });

  it('comes immediately before a request, also during a dispute and after a failure, and that only once', () => {
    const disputed = [1, 2, 3, 4, 5].reduce((before) => damaged(before, NOW), failed(KNOWN, true, NOW));
    const state = consulted(suspected(disputed, NOW));
    expect([lookIn(state, NOW), heldOff(state, NOW)]).toEqual([0, 0]);
    for (const next of [reading(state, NOW), writing(state), removed(state, NOW)]) expect(next.urgent).toBe(false);
  });

  it('comes immediately where only the token was seen, and not what belongs next to it', () => {
    expect(lookIn(seenInPart(KNOWN, TOKEN), NOW)).toBe(0);
    expect(seenInPart(KNOWN, TOKEN)).toMatchObject({ holds: TOKEN, volumeChanged: false });
    expect(seenInPart(UNKNOWN_COPY, TOKEN)).toMatchObject({ holds: TOKEN, volumeChanged: true });
  });

  it('comes 30 s after a read that followed the news', () => {
    expect(lookIn(seen(reading(suspected(KNOWN, NOW), NOW), TOKEN, NOW), NOW)).toBe(30_000);
  });

  it('comes again for news during a read', () => {
    const state = seen(suspected(reading(suspected(KNOWN, NOW), NOW), NOW + 10), TOKEN, NOW + 20);
    expect(lookIn(state, NOW + 20)).toBe(480);
  });

  it('comes not before a repair may be undone again, also after a failure', () => {
    const state = suspected(failed(reading(KNOWN, NOW), true, NOW), NOW + 100);
    expect(heldOff(state, NOW + 100)).toBe(400);
  });
});

describe('what is known of a copy', () => {
  it('is nothing at first', () => {
    expect(UNKNOWN_COPY).toMatchObject({ holds: undefined, unread: true, withdrawn: false });
    expect(read(UNKNOWN_COPY).unread).toBe(false);
  });

  it('is the token that was seen, and that it was not removed', () => {
    const state = seen(changed(removed(KNOWN, NOW)), TOKEN, NOW + 1);
    expect(state).toMatchObject({ holds: TOKEN, withdrawn: false, volumeChanged: false, seenAt: NOW + 1 });
  });

  it('is that the keys were removed', () => {
    expect(removed(KNOWN, NOW)).toMatchObject({ holds: undefined, withdrawn: true });
  });

  it('is the token whose form was rewritten', () => {
    expect(reformed(KNOWN, TOKEN).reformed).toBe(TOKEN.sha256);
  });

  it('is that former keys were removed, except those that were added during the write', () => {
    expect(written({ ...KNOWN, formerKeys: ['a', 'b'] }, 1, ['a'], NOW).formerKeys).toEqual(['b']);
  });
});

describe('how long a client waited for a generation', () => {
  const state = [1, 2, 3, 4, 5].reduce(
    (before, generation) => written(before, generation, [], NOW + generation),
    KNOWN,
  );

  it.each<[sentence: string, generation: number, seenAfter: number, lag: number | undefined]>([
    ['counts from its write', 5, 3000, 3000],
    ['is remembered for four writes', 2, 3000, 3000],
    ['is not remembered longer', 1, 3000, undefined],
    ['is not negative', 5, -3000, 0],
    ['is believed up to 10 min', 5, 600_000, 600_000],
    ['is not believed beyond', 5, 600_001, undefined],
    ['is not believed from a clock that is far behind', 5, -600_001, undefined],
  ])('%s', (_sentence, generation, seenAfter, lag) => {
    expect(lagOf(state, generation, NOW + generation + seenAfter)).toBe(lag);
  });
});

describe('a look at the store', () => {
  it.each([
    [false, 30_000],
    [true, 300_000],
  ])('comes, where the Secret is watched: %s, after %i ms', (isWatched, every) => {
    expect(lookEvery(isWatched)).toBe(every);
    expect(lookIn(KNOWN, NOW, lookEvery(isWatched))).toBe(every);
    expect(lookWithin(KNOWN, every)).toBe(every / 2);
  });

  it.each<[string, CopyState, number | undefined]>([
    ['is not older than a report of a change', suspected(KNOWN, NOW), 0],
    ['is not older than a request that is due', consulted(KNOWN), 0],
    ['is not enough where something else is to be stored, too', changed(KNOWN), undefined],
    ['is not enough after a failed write', failed(KNOWN, false, NOW), undefined],
    ['is not enough where only the token was seen', seenInPart(KNOWN, TOKEN), undefined],
    ['is not enough where nothing was seen yet', UNKNOWN_COPY, undefined],
  ])('%s', (_sentence, state, within) => {
    expect(lookWithin(state, 30_000)).toBe(within);
  });

  it('that failed is repeated, and does not mean that the copy has to be read', () => {
    const state = failedLook(KNOWN, false, NOW + 30_000);
    expect(heldOff(state, NOW + 30_000)).toBe(1000);
    expect(lookWithin(state, 30_000)).toBe(15_000);
    expect(lookIn(state, NOW + 30_000)).toBe(0);
  });
});
