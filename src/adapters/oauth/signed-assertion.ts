import { SignJWT } from 'jose';
import type { EpochMs } from '../../core/token.ts';
import type { SignedAssertion } from '../../ports/protocols.ts';
import { type SigningKey, signatureAlgorithm } from './key-pair.ts';
import type { ServerMetadata } from './server-metadata.ts';

/** In seconds. Salesforce accepts 3 min at most, and clocks differ. */
const LIFETIME = 120;

/** Where no issuer is known, the metadata has the token endpoint in its place (see MetadataSource). */
export function audienceOf(
  { issuer, token_endpoint: tokenEndpoint = issuer }: { readonly issuer: string; readonly token_endpoint?: string },
  wanted: string | undefined = 'issuer',
): string {
  if (wanted === 'issuer') return issuer;
  return wanted === 'token_endpoint' ? tokenEndpoint : wanted;
}

export interface AssertionParts {
  readonly demand: SignedAssertion;
  readonly key: SigningKey['key'];
  readonly clientId: string;
  readonly metadata: ServerMetadata;
  readonly now: EpochMs;
}

/** Signs the assertion of the grant `jwt_bearer` (RFC 7523 section 3), with an ID of its own each time. */
export async function signAssertion({ demand, key, clientId, metadata, now }: AssertionParts): Promise<string> {
  const { issuer = clientId, subject, audience, keyId, claims } = demand;
  const issuedAt = Math.floor(now / 1000);
  const jwt = new SignJWT({ ...claims, jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: signatureAlgorithm(key), typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(issuer)
    .setAudience(audienceOf(metadata, audience))
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + LIFETIME);
  if (subject !== undefined) jwt.setSubject(subject);
  return jwt.sign(key);
}
