import type { Redacted } from '../../core/redacted.ts';
import type { CycleDependencies } from './cycle-dependencies.ts';
import { requestWith, type TokenSpecification } from './specification.ts';

export interface TokenToRevoke {
  readonly specification: TokenSpecification;
  readonly accessToken: Redacted;
  /** The lowest goes first. */
  readonly urgency: number;
}

/**
 * Revokes an access token, when it is its turn at its server. Authenticates with the current credential, which is the new one after a
 * change. False where the server has no way to revoke. Throws what `asRequestError` understands.
 */
export async function requestRevocation(
  { credentials, endpoint, revocationSlots }: CycleDependencies,
  { specification, accessToken, urgency }: TokenToRevoke,
  signal: AbortSignal,
): Promise<boolean> {
  const release = await revocationSlots.take(specification.authorizationServer, { urgency, rotates: false });
  try {
    const credential = await credentials.read(specification.credential, specification.neededKeys);
    return await endpoint.revoke(requestWith(credential, specification), accessToken, signal);
  } finally {
    release();
  }
}
