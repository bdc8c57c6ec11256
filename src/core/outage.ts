import { backoff } from './backoff.ts';
import type { TokenRequestError } from './errors.ts';
import type { Ms } from './token.ts';

/** Connection failures in a row after which a server counts as unavailable. */
const FAILURES = 3;
/** A waiter that has not looked for longer than it should has stopped waiting. */
const STILL_WAITING: Ms = 35_000;
/** How many tokens follow together when the server is back, how long after each other, and within which time at most. */
const GROUP = 20;
const GROUP_EVERY: Ms = 500;
const LONGEST_SPREAD: Ms = 30_000;

/** A token that is due, while its authorization server is unavailable. */
export interface Waiter {
  /** When its token expires: the lower, the sooner. */
  readonly urgency: number;
  readonly lifetime: Ms;
  /** Whether a request that is sent and not answered spends a refresh token. */
  readonly rotates: boolean;
  /** When it last looked, by the monotonic clock. */
  readonly seenAt: Ms;
  /** When it last tried for all, by the monotonic clock. */
  readonly probedAt: Ms | undefined;
}

export type Contact = 'reached' | 'unreached' | 'not-asked';

export function isUnavailable(failures: number): boolean {
  return failures >= FAILURES;
}

/** What a token request shows about its server. `undefined`: it gave a token. */
export function contactOf(error: TokenRequestError | undefined): Contact {
  if (error === undefined) return 'reached';
  if (error.code === 'unreachable' || error.code === 'timeout') return 'unreached';
  return error.progress === 'answered' || error.code === 'invalid_response' ? 'reached' : 'not-asked';
}

/**
 * Who tries next for all: not the one that tried last, because its failure may be its own (a client certificate). Then
 * one that spends nothing, then the one whose token expires soonest.
 */
export function nextProber<One extends Waiter>(waiters: Iterable<One>, now: Ms): One | undefined {
  let first: One | undefined;
  for (const one of waiters) {
    if (now - one.seenAt <= STILL_WAITING && (first === undefined || isBefore(one, first))) first = one;
  }
  return first;
}

function isBefore(one: Waiter, other: Waiter): boolean {
  const probed = (one.probedAt ?? -1) - (other.probedAt ?? -1);
  if (probed !== 0) return probed < 0;
  return one.rotates === other.rotates ? one.urgency < other.urgency : other.rotates;
}

/** Until the next try for all, after so many of them: by the shortest lifetime among those that wait. */
export function probePause(probes: number, lifetime: Ms, jitter: number): Ms {
  // As many failures came before the first probe as make a server count as unavailable.
  return backoff({ failure: 'transient', failures: FAILURES - 1 + probes, lifetime, remaining: 0 }, jitter);
}

/** When the waiter at this place asks after the server is back. */
export function followAfter(place: number, waiters: number): Ms {
  const groups = Math.ceil(waiters / GROUP);
  const every = Math.min(GROUP_EVERY, LONGEST_SPREAD / Math.max(1, groups));
  return Math.floor(place / GROUP) * every;
}
