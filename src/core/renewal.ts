import { formatDuration } from './duration.ts';
import type { EpochMs, Ms, Token } from './token.ts';

/** When a token is renewed: after an interval, or at a fraction of its lifetime. */
export type RenewalRule = { readonly interval: Ms } | { readonly at: number };

export const DEFAULT_RENEWAL = { at: 0.67 } as const satisfies RenewalRule;
export const DEFAULT_LIFETIME: Ms = 5 * 60_000;

/** `67%`: a part of a lifetime as the configuration has it. */
export function percentText(part: number): string {
  return `${Math.round(part * 100)}%`;
}

/** A renewal is never later than at this part of the lifetime. */
export const LATEST_RENEWAL = 0.9;
const MAX_JITTER = 0.05;
/** Times are stored in whole milliseconds. */
const ROUNDING: Ms = 1;
const YEAR: Ms = 365 * 86_400_000;
/** Few tokens are renewed more often than that on purpose. */
const USUAL_INTERVAL: Ms = 10_000;
const USUAL_PART = 0.1;

export interface Lifetime {
  readonly lifetime: Ms;
  /** False where the authorization server gave no usable `expires_in`, and the default stands in. */
  readonly stated: boolean;
}

/**
 * The lifetime that `expires_in` states (RFC 6749 section 5.1, seconds). Missing, not a number, negative or less than a
 * millisecond: the default. A numeric string is a number. At most a year, because timers and dates break beyond.
 */
export function lifetimeOf(expiresIn: unknown, fallback: Ms = DEFAULT_LIFETIME): Lifetime {
  const seconds = typeof expiresIn === 'string' && expiresIn.trim() !== '' ? Number(expiresIn) : expiresIn;
  const lifetime = typeof seconds === 'number' ? Math.floor(Math.min(seconds * 1000, YEAR)) : 0;
  return lifetime > 0 ? { lifetime, stated: true } : { lifetime: Math.min(fallback, YEAR), stated: false };
}

/** From issue to renewal without jitter: what the policy asks for, at most 90 % of the lifetime. */
export function timeToRenewal(lifetime: Ms, policy: RenewalRule): Ms {
  const wanted = 'interval' in policy ? policy.interval : policy.at * lifetime;
  return Math.min(wanted, LATEST_RENEWAL * lifetime);
}

/**
 * When to renew: the policy's point less up to 5 % of the time until then, `jitter` ∈ [0, 1] being drawn once per token.
 * So the mean interval is at least 0.95 of what was asked for, however long the token lives.
 * `issuedAt ≤ renewalTime ≤ expiresAt`, whatever the arguments.
 *
 * @example
 * const renewAt = renewalTime(issuedAt, issuedAt + 3_600_000, { at: 0.67 }, 0); // 40 min 12 s after issue
 */
export function renewalTime(issuedAt: EpochMs, expiresAt: EpochMs, policy: RenewalRule, jitter: number): EpochMs {
  const latest = timeToRenewal(expiresAt - issuedAt, policy);
  return Math.round(issuedAt + Math.max(0, latest - jitter * MAX_JITTER * latest));
}

/**
 * The jitter that a stored token was given, so that a restart does not draw another. `undefined` where its `renew_at`
 * does not follow from this policy, because the policy changed in the meantime.
 *
 * Version 0.1.0 took up to 5 % of the lifetime off. The result for such a time is 1, so that an upgrade keeps it.
 */
export function jitterOf(
  token: Pick<Token, 'issuedAt' | 'expiresAt' | 'renewAt'>,
  policy: RenewalRule,
): number | undefined {
  const lifetime = token.expiresAt - token.issuedAt;
  const latest = timeToRenewal(lifetime, policy);
  const earlier = token.issuedAt + latest - token.renewAt;
  const isDrawn = lifetime > 0 && earlier >= -ROUNDING && earlier <= MAX_JITTER * lifetime + ROUNDING;
  if (!isDrawn) return undefined;
  return earlier <= 0 ? 0 : Math.min(1, earlier / (MAX_JITTER * latest));
}

/** Whether two policies ask for the same. */
export function isSameRule(one: RenewalRule, other: RenewalRule): boolean {
  if ('interval' in one) return 'interval' in other && one.interval === other.interval;
  return 'at' in other && one.at === other.at;
}

/**
 * Returns a warning about an interval that looks like a typo in the unit; `undefined` for any other. A token that lives
 * for seconds is renewed every few seconds on purpose, so a known lifetime counts, too.
 */
export function intervalWarning(interval: Ms, lifetime: Ms = Number.POSITIVE_INFINITY): string | undefined {
  if (interval >= Math.min(USUAL_INTERVAL, USUAL_PART * lifetime)) return undefined;
  const every = formatDuration(interval);
  return `The renewal interval ${every} is very short. It leads to a token request and a write of the token every ${every}. If you meant a longer one, correct its unit, such as 10m or 1h.`;
}
