import type { EpochMs, Ms, Token } from './token.ts';

/** When a token is renewed: after an interval, or at a fraction of its lifetime. */
export type RenewalPolicy = { readonly interval: Ms } | { readonly at: number };

export const DEFAULT_RENEWAL: RenewalPolicy = { at: 0.67 };
export const DEFAULT_LIFETIME: Ms = 5 * 60_000;

const LATEST = 0.9;
const MAX_JITTER = 0.05;
const YEAR: Ms = 365 * 86_400_000;

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

/** Where renewal would lie without jitter: the policy's point, at most 90 % of the lifetime. */
function latestRenewal(issuedAt: EpochMs, expiresAt: EpochMs, policy: RenewalPolicy): EpochMs {
  const lifetime = expiresAt - issuedAt;
  const wanted = 'interval' in policy ? policy.interval : policy.at * lifetime;
  return issuedAt + Math.min(wanted, LATEST * lifetime);
}

/**
 * When to renew: the policy's point less up to 5 % of the lifetime, `jitter` ∈ [0, 1] being drawn once per token.
 * `issuedAt ≤ renewalTime ≤ expiresAt`, whatever the arguments.
 *
 * @example
 * const renewAt = renewalTime(issuedAt, issuedAt + 3_600_000, { at: 0.67 }, 0); // 40 min 12 s after issue
 */
export function renewalTime(issuedAt: EpochMs, expiresAt: EpochMs, policy: RenewalPolicy, jitter: number): EpochMs {
  const earlier = jitter * MAX_JITTER * (expiresAt - issuedAt);
  return Math.round(Math.max(issuedAt, latestRenewal(issuedAt, expiresAt, policy) - earlier));
}

/**
 * The jitter that a stored token was given, so that a restart does not draw another. `undefined` where its `renew_at`
 * does not follow from this policy (the policy changed meanwhile).
 */
export function jitterOf(
  token: Pick<Token, 'issuedAt' | 'expiresAt' | 'renewAt'>,
  policy: RenewalPolicy,
): number | undefined {
  const span = MAX_JITTER * (token.expiresAt - token.issuedAt);
  if (span <= 0) return undefined;
  const jitter = (latestRenewal(token.issuedAt, token.expiresAt, policy) - token.renewAt) / span;
  const rounding = 1 / span;
  return jitter >= -rounding && jitter <= 1 + rounding ? Math.min(1, Math.max(0, jitter)) : undefined;
}
