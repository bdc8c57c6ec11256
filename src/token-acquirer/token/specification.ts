import type { CredentialKey } from '../../core/credential.ts';
import type { RenewalRule } from '../../core/renewal.ts';
import type { Ms, TokenIdentity } from '../../core/token.ts';
import type { Readers } from '../../core/volume-lag.ts';
import type { ClientApp } from '../../ports/execution-state.ts';
import type { TokenRequest } from '../../ports/token-endpoint.ts';

/** One token of the configuration, with all names resolved and all defaults filled in. */
export interface TokenSpecification {
  readonly identity: TokenIdentity;
  /** Its key in the Secret. */
  readonly key: string;
  readonly authorizationServer: string;
  readonly credential: string;
  /** What the credential must have for this grant and the client authentication of the server. */
  readonly neededKeys: readonly CredentialKey[];
  readonly grant: TokenRequest['grant'];
  readonly parameters: TokenRequest['parameters'];
  readonly renewal: RenewalRule;
  /** Where the authorization server states no `expires_in`. */
  readonly defaultLifetime: Ms;
  /** Whether the user has set `defaultLifetime`, and so knows that it is needed. */
  readonly isLifetimeConfigured: boolean;
  /** For how long this server takes a used refresh token again: 0 for never, Infinity for any time. */
  readonly refreshTokenReuse: Ms;
  /** Names of the callers that may ask for a reissue. */
  readonly clients: readonly string[];
  /** Whose execution state counts; `undefined`: never suspended. */
  readonly clientApp: ClientApp | undefined;
  readonly respondWith: 'token' | 'generation';
  /** Who reads the mounted Secret. */
  readonly readers: Readers;
  /** `endpoint`: stored nowhere, the client keeps the token in memory. */
  readonly delivery: 'secret' | 'endpoint';
  /** Equal for two specifications exactly if they ask for the same token of the same server. */
  readonly requestFingerprint: string;
}
