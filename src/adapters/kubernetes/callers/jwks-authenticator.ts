import type { Ms } from '../../../core/token.ts';
import type { CallerAuthenticator } from '../../../ports/caller-authenticator.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { ApiServer } from '../api/api-server.ts';
import { createClusterKeys } from './cluster-keys.ts';
import { createProjectedTokenGate, type GateOptions } from './projected-token-gate.ts';

export interface JwksAuthenticatorOptions extends GateOptions {
  readonly clock: Clock;
  /** The longest time from issue to expiry that a caller's token may have: nothing else ends it here. */
  readonly maxLifetime: Ms;
}

/**
 * Identifies ServiceAccounts by their projected tokens, which it checks with the cluster's public keys. It only needs the
 * permission for discovery that every ServiceAccount has by default, and sends no request while the keys are known. It also
 * works while the API server is unavailable.
 *
 * It cannot notice what happened after the token was signed: a token whose pod or ServiceAccount was deleted stays valid until
 * its `exp`, ten minutes to an hour as pods ask for it. A token that lives for longer than `maxLifetime` is rejected.
 * Choose TokenReview where that is too long.
 *
 * Throws StoreError if the keys were never read: then callers are neither admitted nor rejected.
 */
export function createJwksAuthenticator(api: ApiServer, options: JwksAuthenticatorOptions): CallerAuthenticator {
  const keySource = createClusterKeys(api, options.clock);
  return createProjectedTokenGate(options, async (bearer, token) => {
    const keys = await keySource.keysFor(token);
    if (!keys.issuers.includes(token.issuer)) return 'wrong-issuer';
    if (!keys.has(token.keyId)) return 'unknown-key';
    return (await keys.verify(bearer)) ? token.caller : 'bad-signature';
  });
}
