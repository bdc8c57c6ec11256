import type { Instant } from '../../../core/instant.ts';
import { type Ms, type Sha256, sha256 } from '../../../core/token.ts';
import type { Caller } from '../../../ports/caller-authenticator.ts';
import type { Clock } from '../../../ports/clock.ts';
import { isUnanswered } from '../api/api-failure.ts';
import { createDigestCache } from './digest-cache.ts';

/** About as long as the shortest token of a pod lives, so it outlasts most of what takes an API server away. */
const LIFETIME: Ms = 10 * 60_000;
const ENTRIES = 1000;
/** How long a review may take before the API server counts as unreachable. Clients wait for 10 s at most. */
export const REVIEW_PATIENCE: Ms = 2000;
/** So long after that, callers are not kept waiting for another review. */
const AWAY: Ms = 2000;

/** Callers that a TokenReview confirmed lately: each pod of a ServiceAccount for itself. */
export interface ConfirmedCallers {
  has(caller: Caller): boolean;
  confirm(caller: Caller, askedAt: Instant): void;
  /** A review denied a token of this caller. */
  remove(caller: Caller): void;
  /**
   * The answer of a review, or the caller where the API server does not give one in time: nobody can delete an account at
   * an API server that is unreachable. Throws what the review throws, except that.
   */
  answerOf<Answer>(caller: Caller, review: () => Promise<Answer>): Promise<Answer | Caller>;
}

export interface ConfirmedCallersOptions {
  readonly clock: Clock;
  /** Called each time when a caller is admitted without a review. */
  readonly onUnreachable: () => void;
}

export function createConfirmedCallers(options: ConfirmedCallersOptions): ConfirmedCallers {
  const { clock, onUnreachable } = options;
  const kept = createDigestCache<true>({ clock, lifetime: LIFETIME, entries: ENTRIES });
  let awayUntil = Number.NEGATIVE_INFINITY;

  function admit(caller: Caller): Caller {
    onUnreachable();
    return caller;
  }

  function unreachable(caller: Caller): Caller {
    awayUntil = clock.monotonic() + AWAY;
    return admit(caller);
  }

  return {
    has: (caller) => kept.get(digestOf(caller)) === true,
    confirm: (caller, askedAt) => kept.set(digestOf(caller), true, { askedAt, end: askedAt.wall + LIFETIME }),
    remove: (caller) => kept.delete(digestOf(caller)),
    async answerOf(caller, review) {
      if (clock.monotonic() < awayUntil) return admit(caller);
      const answered = new AbortController();
      const late = clock.wait(REVIEW_PATIENCE, answered.signal).then(() => 'late' as const);
      try {
        const answer = await Promise.race([review(), late]);
        return answer === 'late' ? unreachable(caller) : answer;
      } catch (error) {
        if (!isUnanswered(error)) throw error;
        return unreachable(caller);
      } finally {
        answered.abort();
      }
    },
  };
}

function digestOf({ name, instance = '' }: Caller): Sha256 {
  return sha256(`${name} ${instance}`);
}
