import { describe, expect, it } from 'vitest';
import {
  type EvidenceState,
  evidenceLedTo,
  evidencePaused,
  NO_EVIDENCE,
  type Published,
  type Report,
  weigh,
} from '../../src/core/evidence.ts';
import { minutes, seconds } from '../support/acquirer.ts';

const CURRENT = 'c'.repeat(64);
const BEFORE = 'b'.repeat(64);
const NEXT = 'd'.repeat(64);
const WRITTEN = Date.parse('2026-11-29T12:00:00Z');
const NOW = 1_000_000;

function published(given: Partial<Published> = {}, previous: readonly string[] = [BEFORE]): Published {
  return {
    token: { sha256: CURRENT, previousSha256: previous },
    writtenAt: WRITTEN,
    followedBy: 'kubelet',
    ...given,
  };
}

function outcome(report: Report, token: Published | undefined = published(), state = NO_EVIDENCE, now = NOW): string {
  const weighing = weigh(report, token, state, now);
  return weighing.kind === 'count' ? 'counts' : weighing.because;
}

const after = (age: number, rejected?: string): Report => ({ at: WRITTEN + age, rejected });

/** The state after a report led to the current token, and so many of such tokens in a row were reported. */
const repeated = (repeats: number): EvidenceState => ({ ...NO_EVIDENCE, reissued: CURRENT, repeats });

describe('a report that names no token', () => {
  it.each<[string, Report, Published | undefined, string]>([
    ['counts once the file must have the current token', after(seconds(120)), published(), 'counts'],
    ['is ignored while the file may have the one before', after(seconds(119)), published(), 'file_follows'],
    ['is ignored where it is older than the current token', after(-1), published(), 'older'],
    ['is ignored in the moment of the write', after(0), published(), 'older'],
    ['counts immediately for the first token, for which the pod has waited', after(1), published({}, []), 'counts'],
    [
      'counts 10 s after a write with the nudge',
      after(seconds(10)),
      published({ followedBy: 'nudged-kubelet' }),
      'counts',
    ],
    ['is ignored until then', after(seconds(9)), published({ followedBy: 'nudged-kubelet' }), 'file_follows'],
    ['counts after a second without a kubelet', after(seconds(1)), published({ followedBy: 'reader' }), 'counts'],
    ['is ignored while the token is not stored', after(minutes(9)), published({ writtenAt: undefined }), 'older'],
  ])('%s', (_, report, token, expected) => {
    expect(outcome(report, token)).toBe(expected);
  });

  it('is ignored where there is no token', () => {
    expect(weigh(after(minutes(9)), undefined, NO_EVIDENCE, NOW)).toEqual({ kind: 'ignore', because: 'no_token' });
  });
});

describe('a report that names a token', () => {
  it.each<[string, string, string]>([
    ['counts for the current one', CURRENT, 'counts'],
    ['counts by the first digits of its hash', CURRENT.slice(0, 8), 'counts'],
    ['is ignored for the one before', BEFORE, 'not_current'],
    ['is ignored for one that nobody knows', 'e'.repeat(64), 'not_current'],
  ])('%s, however new the current token is', (_, rejected, expected) => {
    expect(outcome(after(1, rejected))).toBe(expected);
  });

  it('counts whatever its clock says', () => {
    expect(outcome(after(-minutes(60), CURRENT))).toBe('counts');
  });

  it('counts for a token that is not stored', () => {
    expect(outcome(after(1, CURRENT), published({ writtenAt: undefined }))).toBe('counts');
  });
});

describe('a second report', () => {
  const first = weigh(after(minutes(5)), published(), NO_EVIDENCE, NOW);
  const state = first.kind === 'count' ? first.state : NO_EVIDENCE;

  it('is ignored for a second, while the first one leads to a token', () => {
    expect(outcome(after(minutes(5)), published(), state, NOW + 1)).toBe('counted');
    expect(outcome(after(minutes(5), CURRENT), published(), state, NOW + 1)).toBe('counted');
    expect(outcome(after(minutes(5)), published(), state, NOW + seconds(1))).toBe('counts');
  });

  it('is ignored for as long as the first one had to wait', () => {
    const paused = evidencePaused(state, NOW, seconds(30));
    expect(outcome(after(minutes(5)), published(), paused, NOW + seconds(29))).toBe('counted');
    expect(outcome(after(minutes(5)), published(), paused, NOW + seconds(30))).toBe('counts');
    expect(evidencePaused(state, NOW, 0).notBefore).toBe(NOW + seconds(1));
  });

  it('counts for the next token, by the rules of that one', () => {
    const next = published({ token: { sha256: NEXT, previousSha256: [CURRENT] }, writtenAt: WRITTEN + minutes(5) });
    expect(outcome(after(minutes(5) + seconds(60)), next, evidenceLedTo(state, NEXT), NOW + 1)).toBe('file_follows');
    expect(outcome(after(minutes(8)), next, evidenceLedTo(state, NEXT), NOW + 1)).toBe('counts');
  });
});

describe('reports of each token that reports led to', () => {
  it.each<[repeats: number, pause: number]>([
    [0, seconds(120)],
    [1, seconds(240)],
    [2, seconds(480)],
  ])('wait longer and longer without a name: after %i for %i ms', (repeats, pause) => {
    const late = outcome(after(pause - 1), published(), repeated(repeats));
    expect(['repeated', 'file_follows']).toContain(late);
    expect(outcome(after(pause), published(), repeated(repeats))).toBe('counts');
  });

  it.each<[repeats: number, pause: number]>([
    [0, seconds(1)],
    [1, seconds(2)],
    [5, seconds(32)],
    [20, minutes(5)],
  ])('wait longer and longer with a name: after %i for %i ms', (repeats, pause) => {
    expect(outcome(after(pause - 1, CURRENT), published(), repeated(repeats))).toBe('repeated');
    expect(outcome(after(pause, CURRENT), published(), repeated(repeats))).toBe('counts');
  });

  it('count again without a pause once a token was accepted for 10 min', () => {
    const weighing = weigh(after(minutes(10)), published(), repeated(1), NOW);
    expect(weighing).toMatchObject({ kind: 'count', state: { repeats: 0 } });
    expect(weigh(after(minutes(10) - 1), published(), repeated(1), NOW)).toMatchObject({ state: { repeats: 2 } });
    expect(outcome(after(minutes(10)), published(), repeated(9))).toBe('repeated');
  });

  it('begin anew after a renewal', () => {
    const weighing = weigh(after(minutes(3)), published(), { ...repeated(9), reissued: BEFORE }, NOW);
    expect(weighing).toMatchObject({ kind: 'count', state: { repeats: 0 } });
  });

  it('lead to few token requests in a day, however many there are', () => {
    let [state, requests] = [NO_EVIDENCE, 0];
    let token = published();
    for (let now = 0; now < minutes(24 * 60); now += seconds(10)) {
      const weighing = weigh({ at: WRITTEN + now, rejected: undefined }, token, state, now);
      if (weighing.kind !== 'count') continue;
      requests += 1;
      const sha256 = String(requests).padStart(64, '0');
      state = evidenceLedTo(weighing.state, sha256);
      const at = WRITTEN + now;
      token = published({ token: { sha256, previousSha256: [token.token.sha256] }, writtenAt: at });
    }
    // One in half an hour, and some at the beginning.
    expect(requests).toBeLessThan(24 * 2 + 5);
    expect(requests).toBeGreaterThan(24);
  });
});
