import type { Ms, Sha256, Token } from './token.ts';

const QUICKLY: Ms = 10_000;
const FIRST_PAUSE: Ms = 1000;
const LONGEST_PAUSE: Ms = 5 * 60_000;

/**
 * What reissues of one token have led to: a gateway that rejects every new token at once is not cured by yet another.
 * A scheduled renewal begins afresh with `NO_COOLDOWN`.
 */
export interface Cooldown {
  /** The token that came by the last reissue. */
  readonly reissued: Sha256 | undefined;
  /** How many reissued tokens in a row were rejected within 10 s. */
  readonly quickRejections: number;
  /** Until then (monotonic clock) no reissue, once the reissued token was itself rejected quickly. */
  readonly until: Ms | undefined;
}

export const NO_COOLDOWN: Cooldown = { reissued: undefined, quickRejections: 0, until: undefined };

export interface ReissueRequest {
  readonly rejected: Sha256;
  readonly token: Token | undefined;
  /** Whether that token has not expired. */
  readonly live: boolean;
  /** Since the token was issued. */
  readonly age: Ms;
  /** Monotonic clock. */
  readonly now: Ms;
  readonly cooldown: Cooldown;
}

export type ReissueDecision =
  /** The stored token is another one, and valid: no token request. */
  | { readonly kind: 'newer' }
  | { readonly kind: 'request'; readonly cooldown: Cooldown }
  /** The token that a reissue gave was itself rejected: ask again after `pause`. */
  | { readonly kind: 'pause'; readonly pause: Ms; readonly cooldown: Cooldown };

/** What to answer a client that says its token was rejected. */
export function decideReissue({ rejected, token, live, age, now, cooldown }: ReissueRequest): ReissueDecision {
  if (token === undefined || !live) return { kind: 'request', cooldown };
  if (token.sha256 !== rejected) return { kind: 'newer' };
  if (cooldown.reissued !== rejected) return { kind: 'request', cooldown: NO_COOLDOWN };
  if (cooldown.until !== undefined) {
    const pause = cooldown.until - now;
    return pause > 0 ? { kind: 'pause', pause, cooldown } : { kind: 'request', cooldown };
  }
  if (age >= QUICKLY) return { kind: 'request', cooldown: NO_COOLDOWN };
  // The exponent is bounded: 2 ** 1024 is Infinity.
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(cooldown.quickRejections, 20));
  const next = { ...cooldown, quickRejections: cooldown.quickRejections + 1, until: now + pause };
  return { kind: 'pause', pause, cooldown: next };
}

/** The cooldown after a reissue gave `issued`. */
export function afterReissue(cooldown: Cooldown, issued: Sha256): Cooldown {
  return { reissued: issued, quickRejections: cooldown.quickRejections, until: undefined };
}
