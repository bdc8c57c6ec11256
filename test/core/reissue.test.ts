import { describe, expect, it } from 'vitest';
import {
  afterReissue,
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

describe('a client that asks for a token', () => {
  it.each<[string, Partial<ReissueRequest>, string]>([
    ['of a token that another one followed has that one', { rejected: buildToken().sha256 }, 'newer'],
    ['while there is none has one requested', { token: undefined, live: false }, 'request'],
    ['after the token expired has one requested', { live: false }, 'request'],
    ['of a token that came by a renewal has one requested', { cooldown: NO_COOLDOWN }, 'request'],
    ['because its own clock calls a valid token expired has that one', { cause: 'expired' }, 'newer'],
    ['because a token expired here, too, has one requested', { cause: 'expired', live: false }, 'request'],
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
  ])('as %s after %d s leads to a %s', (cause, after, kind) => {
    expect(decide({ cause, now: after * SECOND })).toMatchObject({ kind });
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
