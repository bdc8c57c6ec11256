import { Redacted } from '../../src/core/redacted.ts';
import { sha256, type Token } from '../../src/core/token.ts';
import { secret } from './secrets.ts';

/** All characters of an access token (RFC 6749 appendix A.12) except the space. */
export const VISIBLE_ASCII = String.fromCharCode(...Array.from({ length: 0x7e - 0x20 }, (_, at) => 0x21 + at));

/** Makes a new token for each call, issued at 12:00 for an hour. */
export function buildToken(parts: Partial<Token> = {}): Token {
  const accessToken = secret('access-token');
  const issuedAt = Date.UTC(2026, 0, 1, 12);
  return {
    accessToken: new Redacted(accessToken),
    tokenType: 'Bearer',
    scope: 'api',
    issuedAt,
    renewAt: issuedAt + 40 * 60_000,
    expiresAt: issuedAt + 60 * 60_000,
    generation: 1,
    sha256: sha256(accessToken),
    previousSha256: [],
    ...parts,
  };
}
