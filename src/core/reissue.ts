import { doubled } from './doubling.ts';
import type { Ms, Sha256, Token } from './token.ts';

/** The gateway may never accept a token that it rejects within this time. */
const QUICK: Ms = 10_000;
/** The same time where a gateway had accepted the token before. */
const QUICK_REVOCATION: Ms = 2000;
const FIRST_PAUSE: Ms = 1000;
const LONGEST_PAUSE: Ms = 5 * 60_000;
/** Between a reissue and a test of it. Twice what a revocation waits, so that no caller gains token requests by testing. */
const BEFORE_TEST: Ms = 2 * QUICK_REVOCATION;

/**
 * What reissues of one token have led to. Another token does not help with a gateway that rejects every new one.
 * A scheduled renewal begins again with `NO_COOLDOWN`.
 */
export interface Cooldown {
  /** The token that came by the last reissue. */
  readonly reissued: Sha256 | undefined;
  /** When the last reissue was, tests included (monotonic clock). */
  readonly at: Ms;
  /** How many reissued tokens in a row were rejected within 10 s. */
  readonly quickRejections: number;
  /** Until then (monotonic clock) no reissue, once the reissued token was itself rejected quickly. */
  readonly until: Ms | undefined;
}

export const NO_COOLDOWN: Cooldown = {
  reissued: undefined,
  at: Number.NEGATIVE_INFINITY,
  quickRejections: 0,
  until: undefined,
};

/** How a client came to ask. `undefined`: a client of a version that does not tell. */
export type ReissueCause =
  /** A gateway rejects a token that it had accepted. */
  | 'revoked'
  /** No gateway has accepted the token, or a request that was rejected before was rejected with it, too. */
  | 'never_accepted'
  /** No gateway rejected the token; it has expired by the client's clock. */
  | 'expired';

export interface ReissueRequest {
  readonly rejected: Sha256;
  readonly cause: ReissueCause | undefined;
  /** Whether the call only tries the chain, as `helm test` does. No gateway rejected the token. */
  readonly test?: boolean;
  readonly token: Token | undefined;
  /** Whether that token has not expired. */
  readonly live: boolean;
  /** Monotonic clock. */
  readonly now: Ms;
  readonly cooldown: Cooldown;
}

export type ReissueDecision =
  /** The stored token is valid and was not rejected: no token request. */
  | { readonly kind: 'newer' }
  | { readonly kind: 'request'; readonly cooldown: Cooldown }
  /** The token that a reissue gave was itself rejected: ask again after `pause`. */
  | { readonly kind: 'pause'; readonly pause: Ms; readonly cooldown: Cooldown };

/** Decides what to answer a client whose token was rejected. */
export function decideReissue(request: ReissueRequest): ReissueDecision {
  const { rejected, cause, token, live, now, cooldown } = request;
  if (token === undefined || !live) return { kind: 'request', cooldown };
  if (token.sha256 !== rejected || cause === 'expired') return { kind: 'newer' };
  if (request.test === true) return decideTest(now, cooldown);
  if (cooldown.reissued !== rejected) return { kind: 'request', cooldown: NO_COOLDOWN };
  const age = now - cooldown.at;
  // A gateway that took the token will take its successor. The count stays: another client's gateway may not.
  if (cause === 'revoked' && age >= QUICK_REVOCATION) {
    return { kind: 'request', cooldown: { ...cooldown, until: undefined } };
  }
  if (cooldown.until !== undefined) {
    const pause = cooldown.until - now;
    return pause > 0 ? { kind: 'pause', pause, cooldown } : { kind: 'request', cooldown };
  }
  if (age >= QUICK) return { kind: 'request', cooldown: NO_COOLDOWN };
  const pause = doubled(FIRST_PAUSE, LONGEST_PAUSE, cooldown.quickRejections + 1);
  const next = { ...cooldown, quickRejections: cooldown.quickRejections + 1, until: now + pause };
  return { kind: 'pause', pause, cooldown: next };
}

/** A test changes no pause of the callers whose tokens were rejected. */
function decideTest(now: Ms, cooldown: Cooldown): ReissueDecision {
  const pause = cooldown.at + BEFORE_TEST - now;
  return pause > 0 ? { kind: 'pause', pause, cooldown } : { kind: 'request', cooldown };
}

/** The cooldown after a test gave `issued` at `now`. Where no gateway rejects tokens quickly, no later call is paused. */
export function afterTest(cooldown: Cooldown, issued: Sha256, now: Ms): Cooldown {
  const { quickRejections, until } = cooldown;
  if (quickRejections > 0 || until !== undefined) return afterReissue(cooldown, issued, now);
  return { ...cooldown, at: now };
}

/** The cooldown after a reissue gave `issued` at `now`. */
export function afterReissue(cooldown: Cooldown, issued: Sha256, now: Ms): Cooldown {
  return { reissued: issued, at: now, quickRejections: cooldown.quickRejections, until: undefined };
}
