import { describe, expect, it } from 'vitest';
import { LOOK_AGAIN } from '../../src/core/reconcile.ts';
import {
  CLIENTS_FOLLOW,
  clientsFollowIn,
  decideRevocation,
  type RevocationDecision,
  type RevocationObservation,
} from '../../src/core/revocation.ts';

const NOW = { wall: Date.UTC(2026, 0, 1), monotonic: 1_000_000 };
const at = (after: number) => ({ wall: NOW.wall + after, monotonic: NOW.monotonic + after });

/** A token that another one replaced long ago. */
function observation(given: Partial<RevocationObservation> = {}): RevocationObservation {
  return {
    now: NOW,
    expiry: at(600_000),
    superseded: false,
    inUse: false,
    exposed: false,
    replacedAt: NOW.monotonic - CLIENTS_FOLLOW,
    revoking: false,
    rejections: 0,
    notBefore: Number.NEGATIVE_INFINITY,
    ...given,
  };
}

type Expected = readonly [kind: RevocationDecision['kind'], reason: RevocationDecision['reason'], after: number];

describe('a replaced token', () => {
  it.each<[sentence: string, given: Partial<RevocationObservation>, expected: Expected]>([
    ['is revoked once clients have followed', {}, ['revoke', 'ReplacedTokenLeft', 0]],
    [
      'is left while clients may use it',
      { replacedAt: NOW.monotonic - CLIENTS_FOLLOW + 5000 },
      ['wait', 'ClientsFollow', 5000],
    ],
    ['is looked at during the grace', { replacedAt: NOW.monotonic }, ['wait', 'ClientsFollow', LOOK_AGAIN]],
    [
      'is revoked immediately if its credential changed',
      { exposed: true, replacedAt: NOW.monotonic },
      ['revoke', 'ReplacedTokenLeft', 0],
    ],
    [
      'is left until the new token is stored, also if its credential changed',
      { exposed: true, replacedAt: undefined },
      ['wait', 'SuccessorNotStored', LOOK_AGAIN],
    ],
    ['is left while a request revokes it', { revoking: true }, ['wait', 'BeingRevoked', LOOK_AGAIN]],
    ['is left during the pause after a failure', { notBefore: NOW.monotonic + 700 }, ['wait', 'BackingOff', 700]],
    ['is tried again after the pause', { rejections: 4, notBefore: NOW.monotonic }, ['revoke', 'ReplacedTokenLeft', 0]],
    ['is given up after five rejections', { rejections: 5, expiry: at(9000) }, ['wait', 'GivenUp', 9000]],
    ['is forgotten when it has expired', { rejections: 5, expiry: NOW }, ['forget', 'ReplacedTokenExpired', 0]],
    [
      'is never revoked if the server gave it again',
      { inUse: true, exposed: true },
      ['forget', 'ReplacedTokenInUse', 0],
    ],
    ['is not revoked at another server', { superseded: true }, ['forget', 'TokenSuperseded', 0]],
  ])('%s', (_sentence, given, [kind, reason, after]) => {
    expect(decideRevocation(observation(given))).toMatchObject({ kind, reason, after });
  });

  it('belongs to clients until 120 s after a later one was stored', () => {
    const inGrace = { now: NOW, exposed: false };
    expect(clientsFollowIn({ ...inGrace, replacedAt: undefined })).toBe(Infinity);
    expect(clientsFollowIn({ ...inGrace, replacedAt: NOW.monotonic })).toBe(120_000);
    expect(clientsFollowIn({ ...inGrace, replacedAt: NOW.monotonic - 130_000 })).toBe(0);
    expect(clientsFollowIn({ ...inGrace, replacedAt: NOW.monotonic, exposed: true })).toBe(0);
  });

  it('has a sentence for each decision', () => {
    for (const given of [{}, { inUse: true }, { revoking: true }, { rejections: 5 }, { superseded: true }])
      expect(decideRevocation(observation(given)).because).toMatch(/^[A-Z].*\.$/);
  });
});
