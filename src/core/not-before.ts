import { timeInJwt } from './jwt-times.ts';
import type { EpochMs, Ms } from './token.ts';

const LONGEST: Ms = 60_000;

/**
 * The `nbf` of an access token that is a JWT (RFC 7519 section 4.1.5), `undefined` for any other token. It is read to
 * wait for it, and nothing is verified: a wrong one delays a token by a minute at most.
 */
export function notBeforeOf(accessToken: string): EpochMs | undefined {
  return timeInJwt(accessToken, 'nbf');
}

export interface NewToken {
  readonly notBefore: EpochMs | undefined;
  readonly now: EpochMs;
  /** How far the clock here is known to be ahead of the server's. */
  readonly skew: Ms;
  readonly lifetime: Ms;
  /** What is left of the token before, which clients use in the meantime; 0 or less where none is valid. */
  readonly remaining: Ms;
}

/**
 * How long a new token is kept back until the gateway takes it: at most a minute, and no longer than half of what is
 * left of the token before or of its own life. 0 where no other token is valid.
 */
export function keepBack({ notBefore, now, skew, lifetime, remaining }: NewToken): Ms {
  if (notBefore === undefined) return 0;
  const ahead = notBefore + skew - now;
  return Math.max(0, Math.min(ahead, LONGEST, remaining / 2, lifetime / 2));
}
