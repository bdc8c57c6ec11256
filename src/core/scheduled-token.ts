import { deadline, type Instant, isPast, until } from './instant.ts';
import type { Redacted } from './redacted.ts';
import { isSameRule, jitterOf, type RenewalRule, renewalTime } from './renewal.ts';
import { hashesBefore, type Ms, nextGeneration, sha256, type Token } from './token.ts';

/** `renew_at` is stored in whole milliseconds, so recomputing it may differ by rounding. */
const ROUNDING: Ms = 2;

/** When a token is renewed and when it expires, on both clocks. */
export interface Deadlines {
  readonly renewal: Instant;
  readonly expiry: Instant;
}

/** A token in memory with its schedule. It never changes: each transition returns another value. */
export interface ScheduledToken {
  readonly token: Token;
  /** When its lifetime began. */
  readonly issued: Instant;
  readonly deadlines: Deadlines;
  /** Drawn once per token, ∈ [0, 1]. */
  readonly jitter: number;
  /** The rule that its `renew_at` follows from; `undefined` where that is not known. */
  readonly followed: RenewalRule | undefined;
  /** The `requestFingerprint` of the specification that it was requested with. */
  readonly requested: string;
  /** Identifies the values of the credential that it was requested with; `undefined` where they are not known. */
  readonly proof: string | undefined;
}

/** A rule and a jitter, from which the time of renewal follows. */
export interface Draw {
  readonly rule: RenewalRule;
  /** ∈ [0, 1]. */
  readonly jitter: number;
  readonly requested: string;
  readonly proof?: string | undefined;
}

/** What the authorization server answered, with all defaults filled in. */
export interface IssuedToken {
  readonly accessToken: Redacted;
  readonly scope: string;
  readonly lifetime: Ms;
  /** The lifetime counts from then. */
  readonly sentAt: Instant;
}

/** Returns the successor of `before`. */
export function held(before: Token | undefined, answer: IssuedToken, draw: Draw): ScheduledToken {
  const { accessToken, scope, lifetime, sentAt } = answer;
  const { rule, jitter, requested, proof } = draw;
  const issuedAt = sentAt.wall;
  const expiresAt = issuedAt + lifetime;
  const token: Token = {
    accessToken,
    tokenType: 'Bearer',
    scope,
    issuedAt,
    expiresAt,
    renewAt: renewalTime(issuedAt, expiresAt, rule, jitter),
    generation: nextGeneration(before?.generation, issuedAt),
    sha256: sha256(accessToken.reveal()),
    previousSha256: hashesBefore(before),
  };
  return { token, issued: sentAt, deadlines: deadlinesOf(token, sentAt), jitter, followed: rule, requested, proof };
}

/**
 * Returns a token that was found in the store, with the schedule that it has there. `asIs`: it keeps that schedule
 * whatever the rule says, because another token-acquirer may follow another rule.
 */
export function adopted(token: Token, draw: Draw, now: Instant, { asIs }: { readonly asIs: boolean }): ScheduledToken {
  const { rule, requested, proof } = draw;
  const drawn = jitterOf(token, rule);
  const followed = drawn === undefined && !asIs ? undefined : rule;
  // A token from the future was issued by a clock that was wrong: its life counts from now.
  const age = Math.max(0, now.wall - token.issuedAt);
  const issued = { wall: token.issuedAt, monotonic: now.monotonic - age };
  return {
    token,
    issued,
    deadlines: deadlinesOf(token, issued),
    jitter: drawn ?? draw.jitter,
    followed,
    requested,
    proof,
  };
}

/** Puts a rule in force, with the jitter that the token was given. Its `token` is another one where `renew_at` changes. */
export function rescheduled(before: ScheduledToken, rule: RenewalRule): ScheduledToken {
  const { token, issued, jitter, followed } = before;
  if (followed !== undefined && isSameRule(followed, rule)) return before;
  const renewAt = renewalTime(token.issuedAt, token.expiresAt, rule, jitter);
  if (Math.abs(renewAt - token.renewAt) <= ROUNDING) return { ...before, followed: rule };
  const next = { ...token, renewAt };
  return { ...before, token: next, deadlines: deadlinesOf(next, issued), followed: rule };
}

/** Takes the current credential for the one of a token of which that is not known, such as one of an earlier process. */
export function proven(before: ScheduledToken, proof: string | undefined): ScheduledToken {
  return before.proof !== undefined || proof === undefined ? before : { ...before, proof };
}

/** Whether the token was requested with other values of the credential. `proof`: of the current ones, if they are known. */
export function isOfOtherCredential(before: Pick<ScheduledToken, 'proof'>, proof: string | undefined): boolean {
  return before.proof !== undefined && proof !== undefined && before.proof !== proof;
}

export function isExpired({ deadlines }: Pick<ScheduledToken, 'deadlines'>, now: Instant): boolean {
  return isPast(deadlines.expiry, now);
}

/** Returns how long the token can still be used; 0 where it has expired, or there is none. */
export function remainingOf(scheduled: ScheduledToken | undefined, now: Instant): Ms {
  return scheduled === undefined ? 0 : until(scheduled.deadlines.expiry, now);
}

function deadlinesOf({ renewAt, expiresAt }: Token, issued: Instant): Deadlines {
  return { renewal: deadline(renewAt, issued), expiry: deadline(expiresAt, issued) };
}
