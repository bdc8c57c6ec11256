import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../src/core/duration.ts';
import { DEFAULT_RENEWAL, type RenewalRule, renewalTime } from '../../src/core/renewal.ts';
import { KUBELET_LAG, type MountedToken, volumeFollowsInTime } from '../../src/core/volume-lag.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const refusal = 'The nudge is denied: no policy exists.';

/** A token with a lifetime of a minute, renewed 19.8 s before it expires, whose readers only read the file. */
function token(given: Partial<MountedToken> = {}): MountedToken {
  return { lifetime: MINUTE, renewal: DEFAULT_RENEWAL, readers: 'any', nudging: 'off', ...given };
}

const CASES: readonly [sentence: string, given: Partial<MountedToken>, status: boolean, reason: string][] = [
  ['a minute, renewed at 67 %', {}, false, 'RenewedTooLate'],
  ['five minutes, renewed at 67 %', { lifetime: 5 * MINUTE }, true, 'RenewedInTime'],
  ['the shortest sufficient lifetime at 67 %', { lifetime: 273 * SECOND }, true, 'RenewedInTime'],
  ['a second less', { lifetime: 272 * SECOND }, false, 'RenewedTooLate'],
  ['an hour', { lifetime: HOUR }, true, 'RenewedInTime'],
  ['ten minutes, renewed at 90 %', { lifetime: 10 * MINUTE, renewal: { at: 0.9 } }, false, 'RenewedTooLate'],
  ['a quarter of an hour at 90 %', { lifetime: 15 * MINUTE, renewal: { at: 0.9 } }, true, 'RenewedInTime'],
  ['two minutes at 25 %', { lifetime: 2 * MINUTE, renewal: { at: 0.25 } }, true, 'RenewedInTime'],
  ['an interval of a minute in three', { lifetime: 3 * MINUTE, renewal: { interval: MINUTE } }, true, 'RenewedInTime'],
  ['an interval of a minute in two', { lifetime: 2 * MINUTE, renewal: { interval: MINUTE } }, false, 'RenewedTooLate'],
  ['an interval up to 90 s before', { lifetime: 150 * SECOND, renewal: { interval: MINUTE } }, true, 'RenewedInTime'],
  ['an interval longer than life', { lifetime: 5 * MINUTE, renewal: { interval: HOUR } }, false, 'RenewedTooLate'],
  ['an interval longer than a long life', { lifetime: HOUR, renewal: { interval: 2 * HOUR } }, true, 'RenewedInTime'],
  ['three seconds', { lifetime: 3 * SECOND }, false, 'RenewedTooLate'],
  ['a minute, with the nudge', { nudging: 'on' }, true, 'Nudged'],
  ['a minute, with a nudge that does not work', { nudging: { refusal } }, false, 'NudgeRefused'],
  ['an hour, with a nudge that does not work', { lifetime: HOUR, nudging: { refusal } }, true, 'RenewedInTime'],
  ['a minute, for the client library only', { readers: 'library' }, true, 'ReadersAskForReissue'],
  [
    'a minute, for the client library, with a nudge that does not work',
    { readers: 'library', nudging: { refusal } },
    true,
    'ReadersAskForReissue',
  ],
];

describe('the check that a mounted volume follows in time', () => {
  it.each(CASES)('judges %s', (_sentence, given, status, reason) => {
    const finding = volumeFollowsInTime(token(given));
    expect(finding).toMatchObject({ status, reason });
    expect(finding.message === '').toBe(status);
  });

  it.each<[string, Partial<MountedToken>, string[]]>([
    [
      'the numbers, and every remedy',
      {},
      [
        'The token lives for 1m and is renewed 19s before it expires. The kubelet may bring the new one into a mounted volume up to 1m30s after the renewal',
        'Set propagation.nudge, have the authorization server issue tokens that live for at least 4m33s, or set secret.readers to library if every reader asks for a reissue',
      ],
    ],
    [
      'an earlier renewal, if the lifetime is long enough',
      { lifetime: 4 * MINUTE },
      [
        'lives for 4m and is renewed 1m19s before',
        'for at least 4m33s, renew it after at most 2m30s (renewal.interval)',
      ],
    ],
    [
      'the lifetime that an interval needs',
      { lifetime: 3 * MINUTE, renewal: { interval: 2 * MINUTE } },
      ['is renewed 1m before it', 'for at least 3m30s, renew it after at most 1m30s (renewal.interval)'],
    ],
    [
      'the reason why the nudge does not work',
      { nudging: { refusal } },
      [`asks for the nudge (propagation.nudge), which does not work: ${refusal}`],
    ],
  ])('reports %s', (_sentence, given, words) => {
    const { message } = volumeFollowsInTime(token(given));
    for (const one of words) expect(message).toContain(one);
  });

  const policy: fc.Arbitrary<RenewalRule> = fc.oneof(
    fc.record({ interval: fc.integer({ min: SECOND, max: HOUR }) }),
    fc.record({ at: fc.double({ min: 0.01, max: 0.9, noNaN: true }) }),
  );
  const lifetime = fc.integer({ min: SECOND, max: HOUR });

  it('is correct for every jitter, because no renewal is later than it assumes', () => {
    const jitter = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(lifetime, policy, jitter, (life, renewal, drawn) => {
        if (!volumeFollowsInTime(token({ lifetime: life, renewal })).status) return;
        expect(life - renewalTime(0, life, renewal, drawn)).toBeGreaterThanOrEqual(KUBELET_LAG - 1);
      }),
    );
  });

  it('names remedies that are sufficient', () => {
    fc.assert(
      fc.property(lifetime, policy, (life, renewal) => {
        const { status, message } = volumeFollowsInTime(token({ lifetime: life, renewal }));
        if (status) return;
        const [, longer = ''] = /at least (\w+)/.exec(message) ?? [];
        const needed = parseDuration(longer) ?? 0;
        expect(volumeFollowsInTime(token({ lifetime: needed, renewal })).status).toBe(true);
        const [, earlier] = /at most (\w+)/.exec(message) ?? [];
        if (earlier === undefined) return;
        const interval = parseDuration(earlier) ?? 0;
        expect(volumeFollowsInTime(token({ lifetime: life, renewal: { interval } })).status).toBe(true);
      }),
    );
  });
});
