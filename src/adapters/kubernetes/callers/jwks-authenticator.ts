import type { Ms } from '../../../core/token.ts';
import type { Caller, CallerAuthenticator } from '../../../ports/caller-authenticator.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { ApiServer } from '../api/api-server.ts';
import { createClusterKeys } from './cluster-keys.ts';
import {
  type Audiences,
  acceptedAudience,
  REFUSALS,
  type Refusal,
  readProjectedToken,
  refusalOf,
} from './projected-token.ts';

export interface JwksAuthenticatorOptions extends Audiences {
  readonly clock: Clock;
  /** The longest time from issue to expiry that a caller's token may have: nothing else ends it here. */
  readonly maxLifetime: Ms;
  /** Told, in a sentence without anything of the bearer, why one is no caller's. */
  readonly onRefused?: (because: string) => void;
  /** Called with each client that is known by a token for the former audience. */
  readonly onFormerAudience?: (caller: Caller) => void;
}

/**
 * Knows ServiceAccounts by their projected tokens, checked with the cluster's public keys: no right but the discovery
 * that ServiceAccounts have by default, and no request while the keys are known. It goes on while the API server is
 * away.
 *
 * It cannot see what happened since the token was signed: a token whose pod or ServiceAccount was deleted is good until
 * its `exp`, ten minutes to an hour as pods ask for it. A token that lives for longer than `maxLifetime` is rejected.
 * Choose TokenReview where that is too long.
 *
 * Throws StoreError where the keys were never read: nobody is let in then, and nobody refused.
 */
export function createJwksAuthenticator(api: ApiServer, options: JwksAuthenticatorOptions): CallerAuthenticator {
  const { audience, formerAudience, clock, maxLifetime, onRefused, onFormerAudience } = options;
  const accepted: Audiences = { audience, formerAudience };
  const keySource = createClusterKeys(api, clock);

  function refuse(refusal: Refusal): undefined {
    onRefused?.(REFUSALS[refusal]);
  }

  return {
    async authenticate(bearer) {
      const token = readProjectedToken(bearer.reveal());
      if (token === undefined) return refuse('not-a-service-account-token');
      const refusal = refusalOf(token, { ...accepted, now: clock.now(), maxLifetime });
      if (refusal !== undefined) return refuse(refusal);
      const keys = await keySource.keysFor(token);
      if (!keys.issuers.includes(token.issuer)) return refuse('wrong-issuer');
      if (!keys.has(token.keyId)) return refuse('unknown-key');
      if (!(await keys.verify(bearer))) return refuse('bad-signature');
      if (acceptedAudience(token, accepted) === formerAudience) onFormerAudience?.(token.caller);
      return token.caller;
    },
  };
}
