import type { EpochMs } from './token.ts';

/** A JWS in compact form (RFC 7515 section 3.1). */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Since 1970, the last one that a date can show. */
const LAST_SECOND = 8.64e12;

export function isJwt(text: string): boolean {
  return JWT.test(text);
}

/** Returns a time of a JWT (RFC 7519 section 4.1), `undefined` for any other text. Nothing is verified. */
export function timeInJwt(text: string, claim: 'exp' | 'nbf'): EpochMs | undefined {
  if (!isJwt(text)) return undefined;
  const [, payload = ''] = text.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    if (typeof claims !== 'object' || claims === null || !Object.hasOwn(claims, claim)) return undefined;
    const time = (claims as Readonly<Record<string, unknown>>)[claim];
    return typeof time === 'number' && Math.abs(time) <= LAST_SECOND ? time * 1000 : undefined;
  } catch {
    return undefined;
  }
}
