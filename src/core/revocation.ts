import { type Instant, isPast, until } from './instant.ts';
import { type Decided, LOOK_AGAIN } from './reconcile.ts';
import type { Ms } from './token.ts';

/** How long after a write a mounted volume may still have the token of before, with some time for its readers. */
export const CLIENTS_FOLLOW: Ms = 120_000;
/** Further attempts would be rejected, too. A failure that may pass is no reason to leave a token valid. */
const MOST_REJECTIONS = 5;

/** What is known of a token that another one replaced, when it is decided whether to revoke it. */
export interface RevocationObservation {
  readonly now: Instant;
  readonly expiry: Instant;
  /** Whether the configuration has come to ask for another token, perhaps of another server. */
  readonly superseded: boolean;
  /** Whether it is the current token of any configured token: the authorization server gave it again. */
  readonly inUse: boolean;
  /** Whether the credential changed since it was requested, and someone else may have the token. */
  readonly exposed: boolean;
  /** Since when clients can have a later token (monotonic clock); `undefined`: they cannot yet. */
  readonly replacedAt: Ms | undefined;
  /** Whether a request to revoke it is under way. */
  readonly revoking: boolean;
  /** How many attempts the authorization server rejected. */
  readonly rejections: number;
  /** No attempt before this moment of the monotonic clock. */
  readonly notBefore: Ms;
}

export type RevocationDecision =
  | Decided<'revoke', 'ReplacedTokenLeft'>
  | Decided<'wait', 'BeingRevoked' | 'SuccessorNotStored' | 'ClientsFollow' | 'BackingOff' | 'GivenUp'>
  | Decided<'forget', 'ReplacedTokenExpired' | 'ReplacedTokenInUse' | 'TokenSuperseded'>;

type Check = (observation: RevocationObservation) => RevocationDecision | undefined;

const beingRevoked: Check = ({ revoking }) =>
  revoking ? wait('BeingRevoked', LOOK_AGAIN, 'The replaced token is being revoked.') : undefined;

const replacedTokenExpired: Check = ({ expiry, now }) =>
  isPast(expiry, now) ? forget('ReplacedTokenExpired', 'The replaced token has expired.') : undefined;

const replacedTokenInUse: Check = ({ inUse }) =>
  inUse ? forget('ReplacedTokenInUse', 'The authorization server gave the replaced token again.') : undefined;

const tokenSuperseded: Check = ({ superseded }) =>
  superseded ? forget('TokenSuperseded', 'The configuration asks for another token than the replaced one.') : undefined;

const givenUp: Check = ({ rejections, expiry, now }) =>
  rejections >= MOST_REJECTIONS
    ? wait('GivenUp', until(expiry, now), 'Every attempt to revoke the replaced token was rejected.')
    : undefined;

const successorNotStored: Check = ({ replacedAt }) =>
  replacedAt === undefined
    ? wait('SuccessorNotStored', LOOK_AGAIN, 'Clients cannot have the new token yet.')
    : undefined;

const clientsFollow: Check = (observation) => {
  const after = clientsFollowIn(observation);
  return after > 0 ? wait('ClientsFollow', after, 'Clients may still use the replaced token.') : undefined;
};

/** Returns how long clients may still use a token that was replaced. One that is exposed is not left to them. */
export function clientsFollowIn({
  exposed,
  replacedAt = Infinity,
  now,
}: Pick<RevocationObservation, 'exposed' | 'replacedAt' | 'now'>): Ms {
  return exposed ? 0 : Math.max(0, replacedAt + CLIENTS_FOLLOW - now.monotonic);
}

const backingOff: Check = ({ notBefore, now }) =>
  notBefore > now.monotonic
    ? wait('BackingOff', notBefore - now.monotonic, 'The last attempt to revoke the replaced token failed.')
    : undefined;

const CHECKS: readonly Check[] = [
  beingRevoked,
  replacedTokenExpired,
  // Clients would lose a token that no other one replaced.
  replacedTokenInUse,
  tokenSuperseded,
  givenUp,
  successorNotStored,
  clientsFollow,
  backingOff,
];

/** Decides what to do about a token that another one replaced: the first violation wins. */
export function decideRevocation(observation: RevocationObservation): RevocationDecision {
  for (const check of CHECKS) {
    const decision = check(observation);
    if (decision !== undefined) return decision;
  }
  return { kind: 'revoke', reason: 'ReplacedTokenLeft', after: 0, because: 'The replaced token is still valid.' };
}

function wait(
  reason: Extract<RevocationDecision, { kind: 'wait' }>['reason'],
  after: Ms,
  because: string,
): RevocationDecision {
  return { kind: 'wait', reason, after: Math.min(LOOK_AGAIN, after), because };
}

function forget(
  reason: Extract<RevocationDecision, { kind: 'forget' }>['reason'],
  because: string,
): RevocationDecision {
  return { kind: 'forget', reason, after: 0, because };
}
