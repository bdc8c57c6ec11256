import type { Credential } from '../core/credential.ts';
import type { Grant } from '../core/credential-needs.ts';
import type { Redacted } from '../core/redacted.ts';
import type { EpochMs } from '../core/token.ts';

/** What to ask an authorization server for. One per protocol; this one is OAuth 2.0 (RFC 6749). */
export interface TokenRequest {
  /** Name of the authorization server in the configuration. */
  readonly authorizationServer: string;
  readonly grant: Grant;
  /** `scope`, `resource`, `audience` and whatever else the server wants; a list is sent as repeated parameters. */
  readonly parameters: Readonly<Record<string, string | readonly string[]>>;
  readonly credential: Credential;
  /** For the grant `refresh_token`. */
  readonly refreshToken?: Redacted;
}

export interface TokenResponse {
  readonly accessToken: Redacted;
  readonly tokenType: string;
  readonly scope: string | undefined;
  /** As the server sent it, unread: `lifetimeOf` makes sense of it. */
  readonly expiresIn: unknown;
  /** Present where the server issued one (RFC 6749 section 6: the old one is then to be discarded). */
  readonly refreshToken: Redacted | undefined;
  /** When the server wrote the answer, by its own clock and in whole seconds, where it says so. */
  readonly serverDate?: EpochMs | undefined;
}

export interface TokenEndpoint {
  /** One token request, never repeated by itself. Throws TokenRequestError and nothing else. */
  request(request: TokenRequest, signal: AbortSignal): Promise<TokenResponse>;
  /**
   * Revokes an access token that nobody uses (RFC 7009), authenticated as the request that gave it. Returns false where the
   * server names no revocation endpoint. Throws TokenRequestError and nothing else.
   */
  revoke(request: TokenRequest, accessToken: Redacted, signal: AbortSignal): Promise<boolean>;
  /**
   * Looks for what would keep a request from being sent, and sends nothing. Without a credential: in the files that any
   * request to this server needs. With one: in the credential, and in what belongs to it. Returns a sentence without any
   * secret, `undefined` where nothing is wrong or it cannot be said at the moment.
   */
  obstacle(authorizationServer: string, credential?: Credential): string | undefined;
  /**
   * Connects to the server as a token request would, and sends no credential. Returns a sentence about why a request could
   * not reach it, `undefined` where it answers. Never rejects.
   */
  reach(authorizationServer: string, signal: AbortSignal): Promise<string | undefined>;
}
