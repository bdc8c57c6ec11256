import { doubled } from './doubling.ts';
import type { Failure } from './errors.ts';
import type { Ms } from './token.ts';

export const SHORTEST_PAUSE: Ms = 1000;
/** Where the longest pause were the shortest, too, many tokens would retry in step. */
const LEAST_BOUND: Ms = 2000;
const LONGEST_TRANSIENT: Ms = 30_000;
const SHARE_OF_LIFETIME = 0.02;
const FIRST_CONFIGURATION: Ms = 30_000;
const LONGEST_CONFIGURATION: Ms = 10 * 60_000;

export interface FailedAttempt {
  readonly failure: Failure;
  /** How many attempts in a row have failed, this one included: 1 or more. */
  readonly failures: number;
  /** Of the token that is being renewed, or of the last one known. */
  readonly lifetime: Ms;
  /** Until the current token expires; 0 or less where none is valid. */
  readonly remaining: Ms;
  readonly retryAfter?: Ms | undefined;
}

/**
 * How long to wait after a failed token request, `jitter` ∈ [0, 1].
 *
 * Transient: full jitter between 1 s and a bound of 2 s, which doubles to the smaller of 30 s and 2 % of the lifetime.
 * Configuration: 30 s doubling to 10 min, so that no account is locked. `Retry-After` is honored, but never waited for
 * beyond the life of the current token; without one, no longer than the configuration bound.
 */
export function backoff(attempt: FailedAttempt, jitter: number): Ms {
  const own =
    attempt.failure === 'configuration'
      ? doubled(FIRST_CONFIGURATION, LONGEST_CONFIGURATION, attempt.failures)
      : fullJitter(attempt, jitter);
  const { retryAfter = 0 } = attempt;
  const asked = retryAfter > 0 ? retryAfter : 0;
  const patience = attempt.remaining > 0 ? attempt.remaining : LONGEST_CONFIGURATION;
  return Math.max(SHORTEST_PAUSE, own, Math.min(asked, patience));
}

function fullJitter({ failures, lifetime }: FailedAttempt, jitter: number): Ms {
  const longest = Math.max(LEAST_BOUND, Math.min(LONGEST_TRANSIENT, SHARE_OF_LIFETIME * lifetime));
  const bound = Math.max(LEAST_BOUND, doubled(SHORTEST_PAUSE, longest, failures));
  return SHORTEST_PAUSE + jitter * (bound - SHORTEST_PAUSE);
}
