import { describe, expect, it } from 'vitest';
import {
  afterReissue,
  afterTest,
  type Cooldown,
  decideReissue,
  NO_COOLDOWN,
  type ReissueCause,
  type ReissueRequest,
} from '../../src/core/reissue.ts';
import { buildToken } from '../support/tokens.ts';

const SECOND = 1000;
const token = buildToken();
const rejected = token.sha256;

function decide(given: Partial<ReissueRequest> = {}): ReturnType<typeof decideReissue> {
  return decideReissue({
    rejected,
    cause: undefined,
    token,
    live: true,
    now: 0,
    cooldown: afterReissue(NO_COOLDOWN, rejected, 0),
    ...given,
  });
}

describe('a client that reports a token', () => {
  it.each<[string, Partial<ReissueRequest>, string]>([
    ['gets the newer token for an older one', { rejected: buildToken().sha256 }, 'newer'],
    ['has a token requested if none exists', { token: undefined, live: false }, 'request'],
    ['has a token requested after the token expired', { live: false }, 'request'],
    ['has a token requested for one that came by a renewal', { cooldown: NO_COOLDOWN }, 'request'],
    ['gets the valid token that its own clock calls expired', { cause: 'expired' }, 'newer'],
    ['has a token requested for one that also expired here', { cause: 'expired', live: false }, 'request'],
  ])('%s', (_, given, kind) => {
    expect(decide(given)).toMatchObject({ kind });
  });
});

describe('a reissued token that is rejected', () => {
  it.each<[ReissueCause | undefined, number, string]>([
    [undefined, 9, 'pause'],
    [undefined, 10, 'request'],
    ['never_accepted', 3, 'pause'],
    ['never_accepted', 10, 'request'],
    ['revoked', 1, 'pause'],
    ['revoked', 2, 'request'],
  ])('leads, as %s after %d s, to a %s', (cause, after, kind) => {
    expect(decide({ cause, now: after * SECOND })).toMatchObject({ kind });
  });

  it.each<[sentence: string, cooldown: Partial<Cooldown>, now: number, pause: number]>([
    ['is followed by a pause of 1 s', {}, 0, 1],
    ['is followed by twice that after another one', { quickRejections: 1 }, 0, 2],
    ['is followed by 16 s after four others', { quickRejections: 4 }, 0, 16],
    ['is followed by 5 min at most', { quickRejections: 9 }, 0, 300],
    ['is followed by 5 min also after a thousand others', { quickRejections: 1000 }, 0, 300],
    ['waits for the rest of a pause that has begun', { quickRejections: 3, until: 8 * SECOND }, 5 * SECOND, 3],
  ])('%s', (_sentence, given, now, pause) => {
    const cooldown = { ...afterReissue(NO_COOLDOWN, rejected, 0), ...given };
    expect(decide({ cooldown, now })).toMatchObject({ kind: 'pause', pause: pause * SECOND });
  });

  it('is counted once for each pause that begins', () => {
    const cooldown = { ...afterReissue(NO_COOLDOWN, rejected, 0), quickRejections: 3 };
    const begun = { ...cooldown, quickRejections: 4, until: 8 * SECOND };
    expect(decide({ cooldown })).toMatchObject({ cooldown: begun });
    expect(decide({ cooldown: begun, now: SECOND })).toMatchObject({ cooldown: begun });
  });

  it('is replaced at the end of the pause, and the count of quick rejections stays', () => {
    const cooldown = { ...afterReissue(NO_COOLDOWN, rejected, 0), quickRejections: 4, until: 8 * SECOND };
    expect(decide({ cooldown, now: 8 * SECOND })).toEqual({ kind: 'request', cooldown });
    expect(afterReissue(cooldown, 'next', 9 * SECOND)).toEqual({
      reissued: 'next',
      at: 9 * SECOND,
      quickRejections: 4,
      until: undefined,
    });
  });

  it.each([
    ['10 s after its reissue', 10 * SECOND, afterReissue(NO_COOLDOWN, rejected, 0)],
    ['by a scheduled renewal', 0, afterReissue({ ...NO_COOLDOWN, quickRejections: 7 }, 'another', 0)],
  ])('begins a new count %s', (_sentence, now, cooldown) => {
    expect(decide({ cooldown: { ...cooldown, quickRejections: 7 }, now })).toEqual({
      kind: 'request',
      cooldown: NO_COOLDOWN,
    });
  });

  it('counts from the reissue, whatever the wall clock says of the time of issue', () => {
    const fromTheFuture = { ...token, issuedAt: token.issuedAt + 3_600_000 };
    expect(decide({ token: fromTheFuture, now: 10 * SECOND })).toMatchObject({ kind: 'request' });
  });

  it('is replaced after a revocation though another client waits out a pause, whose length is remembered', () => {
    const waiting: Cooldown = { ...afterReissue(NO_COOLDOWN, rejected, 0), quickRejections: 5, until: 32 * SECOND };
    expect(decide({ cause: 'never_accepted', now: 3 * SECOND, cooldown: waiting })).toMatchObject({ kind: 'pause' });
    expect(decide({ cause: 'revoked', now: 3 * SECOND, cooldown: waiting })).toMatchObject({
      kind: 'request',
      cooldown: { quickRejections: 5, until: undefined },
    });
  });
});

describe('a test of the chain', () => {
  const calm = NO_COOLDOWN;

  it.each<[string, Partial<ReissueRequest>, string]>([
    ['has a token requested, although none was rejected', { cooldown: calm }, 'request'],
    ['waits until the last reissue is 4 s ago', { now: 3.9 * SECOND }, 'pause'],
    ['does not wait longer than that', { now: 4 * SECOND }, 'request'],
    ['has a token requested if none exists', { token: undefined, live: false }, 'request'],
    ['gets the token that it does not have yet', { rejected: buildToken().sha256 }, 'newer'],
  ])('%s', (_, given, kind) => {
    expect(decide({ test: true, ...given })).toMatchObject({ kind });
  });

  it('changes no pause of other callers, whatever it is answered', () => {
    const waiting: Cooldown = { ...afterReissue(NO_COOLDOWN, rejected, 0), quickRejections: 5, until: 32 * SECOND };
    for (const cooldown of [calm, afterReissue(NO_COOLDOWN, rejected, 0), waiting]) {
      for (const now of [0, 3 * SECOND, 20 * SECOND]) {
        expect(decide({ test: true, now, cooldown })).toMatchObject({ cooldown });
      }
    }
  });

  it('leaves a token that another caller may report immediately without a pause', () => {
    const cooldown = afterTest(calm, rejected, 0);
    expect(decide({ cause: 'never_accepted', cooldown, now: SECOND })).toMatchObject({ kind: 'request' });
  });

  it('is followed by another test after 4 s at the earliest', () => {
    const cooldown = afterTest(calm, rejected, 0);
    expect(decide({ test: true, cooldown, now: SECOND })).toMatchObject({ kind: 'pause', pause: 3 * SECOND });
    expect(decide({ test: true, cooldown, now: 4 * SECOND })).toMatchObject({ kind: 'request' });
  });

  it('does not reset the count of tokens that a gateway rejected immediately', () => {
    const row: Cooldown = { ...afterReissue(NO_COOLDOWN, rejected, 0), quickRejections: 5, until: 32 * SECOND };
    const cooldown = afterTest(row, rejected, 10 * SECOND);
    expect(decide({ cause: 'never_accepted', cooldown, now: 11 * SECOND })).toMatchObject({
      kind: 'pause',
      pause: 32 * SECOND,
      cooldown: { quickRejections: 6 },
    });
  });

  it('gains a caller no token request that it would not get by reporting a revocation', () => {
    const requests = (next: (turn: number) => Partial<ReissueRequest>): number => {
      let [cooldown, count] = [NO_COOLDOWN, 0];
      for (let turn = 0; turn < 600; turn += 1) {
        const now = turn * 100;
        const given = next(turn);
        const held = String(count);
        const decision = decide({ now, cooldown, token: { ...token, sha256: held }, rejected: held, ...given });
        if (decision.kind === 'newer') continue;
        cooldown = decision.cooldown;
        if (decision.kind !== 'request') continue;
        count += 1;
        cooldown = (given.test === true ? afterTest : afterReissue)(cooldown, String(count), now);
      }
      return count;
    };
    const honest = requests(() => ({ cause: 'revoked' }));
    expect(requests(() => ({ test: true }))).toBeLessThanOrEqual(honest);
    expect(requests((turn) => (turn % 2 === 0 ? { test: true } : {}))).toBeLessThanOrEqual(honest);
  });
});
