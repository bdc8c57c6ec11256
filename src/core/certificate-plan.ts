import type { EpochMs, Ms } from './token.ts';

const HOUR: Ms = 3_600_000;
const DAY: Ms = 24 * HOUR;

/** By how much the clocks of clients and of other token-acquirers may be off, either way. */
export const CLOCK_SKEW: Ms = HOUR;
export const AUTHORITY_LIFETIME: Ms = 365 * DAY;
export const CERTIFICATE_LIFETIME: Ms = DAY;
/** How long clients have had a new CA in their `ca.crt` before it signs, where another can sign until then. */
export const NOTICE: Ms = DAY + CLOCK_SKEW;
/** A successor is made this long before a CA ends, and signs in the last days of it: long enough for any outage. */
const SUCCESSION: Ms = 30 * DAY;
/** How long a CA for other names stays: until all that it signed has expired. */
const RETIREMENT: Ms = CERTIFICATE_LIFETIME + 2 * CLOCK_SKEW;
const RENEWED_AT = 2 / 3;

/** What is decided by, of a CA. */
export interface AuthorityFacts {
  /** `CLOCK_SKEW` before it was made. */
  readonly notBefore: EpochMs;
  readonly notAfter: EpochMs;
  /** Whether it may sign for the names that are served: its name constraints are these names. */
  readonly suits: boolean;
}

/** A certificate's times. */
export interface CertificateTimes {
  readonly notBefore: EpochMs;
  readonly notAfter: EpochMs;
  readonly renewAt: EpochMs;
}

/**
 * Why a CA is to be made. `succession`: in advance, and the current CA stays in use. The others need a CA immediately:
 * there is none (`none`), none for these names (`other-names`), or none that is valid now (`not-valid`).
 */
export type AuthorityReason = 'succession' | 'none' | 'other-names' | 'not-valid';

/** Why a CA is to be made now; `undefined`: none is. */
export function reasonForAuthority(authorities: readonly AuthorityFacts[], now: EpochMs): AuthorityReason | undefined {
  const able = authorities.filter((authority) => canSign(authority, now));
  if (able.length > 0) return able.every(({ notAfter }) => now >= notAfter - SUCCESSION) ? 'succession' : undefined;
  if (authorities.length === 0) return 'none';
  return authorities.some(({ suits }) => suits) ? 'not-valid' : 'other-names';
}

/**
 * Those that stay, and stay published. A CA goes when it has expired, and with it all that it signed; one for other
 * names, as an earlier configuration had them, when one for these names has signed long enough.
 */
export function authoritiesKept<A extends AuthorityFacts>(authorities: readonly A[], now: EpochMs): readonly A[] {
  const able = authorities.filter((authority) => canSign(authority, now));
  return authorities.filter(({ suits, notBefore, notAfter }) => {
    if (now >= notAfter) return false;
    // Counted from the younger of both: during an update the configuration of before may look as well.
    return suits || !able.some((other) => now >= Math.max(madeAt(other), notBefore + CLOCK_SKEW) + RETIREMENT);
  });
}

/**
 * The CA to sign with: the oldest that clients have had notice of and that outlives the certificate. Where there is no
 * such, the oldest that can sign at all.
 */
export function signerAmong<A extends AuthorityFacts>(authorities: readonly A[], now: EpochMs): A | undefined {
  const able = authorities
    .filter((authority) => canSign(authority, now))
    .toSorted((one, other) => one.notBefore - other.notBefore);
  return (
    able.find((one) => now >= madeAt(one) + NOTICE && now + CERTIFICATE_LIFETIME + CLOCK_SKEW <= one.notAfter) ??
    able[0]
  );
}

export function authorityTimes(now: EpochMs): Pick<AuthorityFacts, 'notBefore' | 'notAfter'> {
  return { notBefore: now - CLOCK_SKEW, notAfter: now + AUTHORITY_LIFETIME };
}

/** Within its CA's times, and renewed after two thirds; the more so an hour before its end, for fast clocks. */
export function certificateTimes(signer: AuthorityFacts, now: EpochMs): CertificateTimes {
  const notBefore = Math.max(now - CLOCK_SKEW, signer.notBefore);
  const notAfter = Math.min(now + CERTIFICATE_LIFETIME, signer.notAfter);
  return { notBefore, notAfter, renewAt: Math.min(now + RENEWED_AT * (notAfter - now), notAfter - CLOCK_SKEW) };
}

/** Whether the time for another certificate has come. A clock that was set back can ask for one too. */
export function isRenewalDue({ notBefore, renewAt }: CertificateTimes, now: EpochMs): boolean {
  return now >= renewAt || now < notBefore;
}

/** For clients whose clock is an hour ahead, it has ended an hour before. */
function canSign({ suits, notBefore, notAfter }: AuthorityFacts, now: EpochMs): boolean {
  return suits && notBefore <= now && now < notAfter - CLOCK_SKEW;
}

function madeAt({ notBefore }: AuthorityFacts): EpochMs {
  return notBefore + CLOCK_SKEW;
}
