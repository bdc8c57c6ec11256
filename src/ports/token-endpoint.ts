import type { Credential } from '../core/credential.ts';
import type { Redacted } from '../core/redacted.ts';
import type { EpochMs } from '../core/token.ts';
import type { Protocol, Protocols, TokenDemand } from './protocols.ts';

/** One token request in this protocol: what it asks for, and with which credential. */
export type ProtocolRequest<P extends Protocol> = { readonly protocol: P } & Protocols[P]['demand'] & RequestContext;

/** One token request. Its protocol reads what it asks for. */
export type TokenRequest = TokenDemand & RequestContext;

interface RequestContext {
  /** Name of the authorization server in the configuration. */
  readonly authorizationServer: string;
  readonly credential: Credential;
  /** Where requests spend a refresh token: the current one. */
  readonly refreshToken?: Redacted;
  /**
   * Called when the connection is ready and nothing was sent, with a second secret once more. What it throws ends the request.
   * Where requests spend a refresh token.
   */
  readonly beforeSending?: () => Promise<void>;
}

export interface TokenResponse {
  readonly accessToken: Redacted;
  readonly tokenType: string;
  readonly scope: string | undefined;
  /** As the server sent it; `lifetimeOf` interprets it. */
  readonly expiresIn: unknown;
  /** Present where the server issued one, which replaces the one that was sent (RFC 6749 section 6). */
  readonly refreshToken: Redacted | undefined;
  /** Set where the server rejected the first secret of the credential and accepted the second. */
  readonly nextSecret?: true;
  /** When the server wrote the answer, by its own clock and in whole seconds; left out where it does not say. */
  readonly serverDate?: EpochMs | undefined;
}

/** Authorization servers, of one protocol or of all. */
export type TokenEndpoint = EndpointFor<TokenRequest, TokenDemand>;

/** The authorization servers of a protocol that has its own adapter. */
export type ProtocolEndpoint<P extends Protocol> = EndpointFor<
  ProtocolRequest<P>,
  { readonly protocol: P } & Protocols[P]['demand']
>;

export interface EndpointFor<Request, Demand> {
  /**
   * Sends one token request and never repeats it, except with the second secret of a credential where the server rejects the
   * first. Throws TokenRequestError and nothing else.
   */
  request(request: Request, signal: AbortSignal): Promise<TokenResponse>;
  /**
   * Revokes an access token that nobody uses (in OAuth RFC 7009), authenticated like the request that gave it. Returns
   * false where the server has no way to revoke. Throws TokenRequestError and nothing else.
   */
  revoke(request: Request, accessToken: Redacted, signal: AbortSignal): Promise<boolean>;
  /**
   * Looks for what would keep a request from being sent, and sends nothing. Without a credential it looks at the files that
   * any request to this server needs. With one it looks at the credential and what belongs to it, with a demand also at the
   * files of the grant. Returns a sentence without any secret, `undefined` where nothing is wrong or where it cannot be
   * determined at the moment.
   */
  obstacle(authorizationServer: string, credential?: Credential, demand?: Demand): string | undefined;
  /**
   * Connects to the server as a token request would, and sends no credential. Returns a sentence about why a request could
   * not reach it, `undefined` where it answers. Never rejects.
   */
  reach(authorizationServer: string, signal: AbortSignal): Promise<string | undefined>;
}
