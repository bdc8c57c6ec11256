import { randomUUID } from 'node:crypto';
import { registerSecret } from './secrets.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Returns an access token that looks like a JWT with these claims, with a made-up signature. */
export function unsignedJwt(claims: unknown): string {
  return registerSecret(`${encode({ alg: 'RS256', typ: 'at+jwt' })}.${encode(claims)}.${encode(randomUUID())}`);
}
