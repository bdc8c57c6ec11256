import type { Credential, CredentialKey } from '../../core/credential.ts';
import type { LineMatch } from '../../core/evidence-line.ts';
import type { RenewalRule } from '../../core/renewal.ts';
import type { Ms, TokenIdentity } from '../../core/token.ts';
import type { TokenCopy } from '../../core/token-copies.ts';
import type { TokenHeader } from '../../core/token-header.ts';
import type { Readers } from '../../core/volume-lag.ts';
import type { ClientApp } from '../../ports/execution-state.ts';
import type { TokenDemand } from '../../ports/protocols.ts';
import type { TokenRequest } from '../../ports/token-endpoint.ts';

/** One token of the configuration or of an AccessToken, with all names resolved and all defaults filled in. */
export interface TokenSpecification {
  readonly identity: TokenIdentity;
  /** Its key in the Secret. */
  readonly key: string;
  readonly authorizationServer: string;
  readonly credential: string;
  /** The keys that the credential must have. */
  readonly neededKeys: readonly CredentialKey[];
  /** Whether token requests send the second secret of the credential where the first is rejected; left out: never. */
  readonly takesNextSecret?: boolean;
  /** What its token requests ask for, in the protocol of the authorization server. */
  readonly demand: TokenDemand;
  /** The scope of a token whose answer states none. */
  readonly scope: string;
  /** How the credential is used, which is the grant in OAuth: for messages, and to distinguish one use from another. */
  readonly use: string;
  /** Whether each token request spends the refresh token of the credential. */
  readonly rotates: boolean;
  /** Why a person should choose another use. The sentence continues the name of the token. */
  readonly warning: string | undefined;
  readonly renewal: RenewalRule;
  /** Counts where the authorization server states no `expires_in`. */
  readonly defaultLifetime: Ms;
  /** Whether the user has set `defaultLifetime`, and so knows that it is needed. */
  readonly isLifetimeConfigured: boolean;
  /** For how long this server accepts a used refresh token again: 0 for never, Infinity for any time. */
  readonly refreshTokenReuse: Ms;
  /** Names of the callers that may ask for a reissue. */
  readonly clients: readonly string[];
  /** What else than their calls reports a rejected token; left out: nothing. */
  readonly evidence?: EvidenceSettings | undefined;
  /** Whose execution state counts; `undefined`: never suspended. */
  readonly clientApp: ClientApp | undefined;
  readonly respondWith: 'token' | 'generation';
  /** Who reads the mounted Secret. */
  readonly readers: Readers;
  /** `endpoint`: stored nowhere, the client keeps the token in memory. */
  readonly delivery: 'secret' | 'endpoint';
  /** Further keys of the Secret that have the token. */
  readonly copies: readonly TokenCopy[];
  /** The header that carries the token to the service. */
  readonly header: TokenHeader;
  /** `reissue`: the token is replaced when the credential changes. */
  readonly onCredentialChange: 'keep' | 'reissue';
  /** Whether a token is revoked after another one has replaced it. */
  readonly revokePrevious: boolean;
  /** Whether an AccessToken asks for it, so that token-acquirer makes its Secret. */
  readonly isResource?: boolean;
  /** The shard that owns it. */
  readonly shard: number;
  /** Equal for two specifications exactly if they ask for the same token of the same server. */
  readonly requestFingerprint: string;
}

export interface EvidenceSettings {
  /** The log of the client app, of one container or of all. */
  readonly log?: { readonly container?: string; readonly match: LineMatch };
  /** Names of the callers that may report. */
  readonly reporters: readonly string[];
}

/** Returns the token request of a specification with this credential. */
export function requestWith(credential: Credential, { demand, authorizationServer }: TokenSpecification): TokenRequest {
  return { ...demand, authorizationServer, credential };
}
