import { z } from 'zod';
import type { EpochMs, Ms } from '../../../core/token.ts';
import type { Caller } from '../../../ports/caller-authenticator.ts';

/** What a ServiceAccount token says of itself. Nothing of it is true before a signature or a TokenReview says so. */
export interface ProjectedToken {
  /** `system:serviceaccount:<namespace>:<name>`, and the uid of the pod that the token is bound to. */
  readonly caller: Caller;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly expiresAt: EpochMs;
  readonly issuedAt: EpochMs | undefined;
  readonly notBefore: EpochMs | undefined;
  /** `kid` of the header (RFC 7515 section 4.1.4): which of the cluster's keys it names. */
  readonly keyId: string | undefined;
}

/** Why a bearer is no caller's, in words that hold nothing of the bearer. */
export const REFUSALS = {
  'not-a-service-account-token': 'It is no ServiceAccount token of a cluster (a compact JWT of at most 16 KiB).',
  'wrong-audience': 'It is for another audience. Project a token for the audience of this token-acquirer.',
  expired: 'It has expired. The client must read its token file again.',
  'not-yet-valid': 'It is not valid yet. Compare the clocks of the nodes.',
  'too-long-lived':
    'It is valid for longer than maxCallerTokenLifetime allows. Ask for a shorter one with expirationSeconds, or with --duration of kubectl create token.',
  'wrong-issuer': 'It is from another issuer than this cluster.',
  'unknown-key': 'It is signed with a key that the cluster does not have.',
  'bad-signature': "Its signature is not that of the cluster's key.",
  'refused-by-review': 'The API server rejected it: it is forged, or its pod or ServiceAccount was deleted.',
} as const;

export type Refusal = keyof typeof REFUSALS;

/** Ten times what a projected token has. */
const LONGEST = 16 * 1024;
/** The leeway that the API server itself gives to `nbf`: the clock that signed need not be this one. */
const SKEW: Ms = 60_000;

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const NAMESPACE = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const NAME = '[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?';
const SUBJECT = new RegExp(`^system:serviceaccount:${NAMESPACE}:${NAME}$`);

/** Seconds since 1970, up to the last one that a date can show. */
const seconds = z.number().min(0).max(8.64e12);
const headerSchema = z.object({ kid: z.string().optional() });
const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string().regex(SUBJECT),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: seconds,
  iat: seconds.optional(),
  nbf: seconds.optional(),
  'kubernetes.io': z.object({
    namespace: z.string(),
    serviceaccount: z.object({ name: z.string() }),
    pod: z.object({ uid: z.string().min(1).max(64) }).optional(),
  }),
});

/**
 * Reads a bearer without believing it; `undefined` for what is no token of a ServiceAccount. The tokens of Secrets
 * (`kubernetes.io/service-account-token`) are none: they have neither an audience nor an end.
 */
export function readProjectedToken(bearer: string): ProjectedToken | undefined {
  if (bearer.length > LONGEST || !COMPACT.test(bearer)) return undefined;
  const [head = '', body = ''] = bearer.split('.');
  const header = headerSchema.safeParse(parse(head));
  const claims = claimsSchema.safeParse(parse(body));
  if (!header.success || !claims.success) return undefined;
  const { iss, sub, aud, exp, iat, nbf, 'kubernetes.io': bound } = claims.data;
  if (sub !== `system:serviceaccount:${bound.namespace}:${bound.serviceaccount.name}`) return undefined;
  return {
    caller: { name: sub, ...(bound.pod !== undefined && { instance: bound.pod.uid }) },
    issuer: iss,
    audiences: typeof aud === 'string' ? [aud] : aud,
    expiresAt: exp * 1000,
    issuedAt: iat === undefined ? undefined : iat * 1000,
    notBefore: nbf === undefined ? undefined : nbf * 1000,
    keyId: header.data.kid,
  };
}

/** For whom a token must be. */
export interface Audiences {
  readonly audience: string;
  /** Accepted as well, and reported. */
  readonly formerAudience?: string | undefined;
}

export interface Expected extends Audiences {
  readonly now: EpochMs;
  /** The longest time from issue to expiry; a token without a time of issue has no shorter one. */
  readonly maxLifetime?: Ms;
}

/** The first thing that a token says against itself. */
export function refusalOf(
  token: ProjectedToken,
  { now, maxLifetime = Number.POSITIVE_INFINITY, ...accepted }: Expected,
): Refusal | undefined {
  if (acceptedAudience(token, accepted) === undefined) return 'wrong-audience';
  if (token.expiresAt <= now) return 'expired';
  if (token.notBefore !== undefined && token.notBefore > now + SKEW) return 'not-yet-valid';
  const lifetime = token.expiresAt - (token.issuedAt ?? Number.NEGATIVE_INFINITY);
  if (lifetime > maxLifetime) return 'too-long-lived';
  return undefined;
}

/** Returns the audience by which a token is accepted, the former one only where it has no other; `undefined` for none. */
export function acceptedAudience(token: ProjectedToken, { audience, formerAudience }: Audiences): string | undefined {
  return [audience, formerAudience].find((one) => one !== undefined && token.audiences.includes(one));
}

/** The parser's own messages would quote the token. */
function parse(segment: string): unknown {
  try {
    return JSON.parse(Buffer.from(segment, 'base64url').toString());
  } catch {
    return undefined;
  }
}
