import type { ClientAuthentication, Grant } from '../core/credential-needs.ts';

/**
 * The protocols in which tokens are requested. Each one has its own settings of an authorization server, and its own
 * demand, which is what a token request asks for. Another protocol is another member, with an adapter of TokenEndpoint.
 */
export interface Protocols {
  readonly oauth: { readonly settings: OAuthServerSettings; readonly demand: OAuthDemand };
}

export type Protocol = keyof Protocols;

/** How to reach an authorization server and how to authenticate there, by protocol. */
export type ServerSettings<P extends Protocol = Protocol> = {
  [Q in P]: { readonly protocol: Q; readonly caFile?: string } & Protocols[Q]['settings'];
}[P];

/** What a token request asks for, by protocol. */
export type TokenDemand<P extends Protocol = Protocol> = {
  [Q in P]: { readonly protocol: Q } & Protocols[Q]['demand'];
}[P];

/** An OAuth 2.0 authorization server (RFC 6749): `issuer`, `tokenEndpoint` or both. */
export interface OAuthServerSettings {
  /** The token endpoint is discovered (OpenID Connect Discovery, then RFC 8414). With `tokenEndpoint`: the audience of assertions. */
  readonly issuer?: string;
  /** The URL of the token endpoint, which makes discovery unnecessary. */
  readonly tokenEndpoint?: string;
  /** The one origin, in addition to that of the issuer, to which discovery may lead. */
  readonly tokenEndpointOrigin?: string;
  /** Certificates in PEM to trust instead of the public ones; read for each request. */
  readonly caFile?: string;
  /** `http://host:port` */
  readonly proxy?: string;
  /** RFC 7591 section 2, `token_endpoint_auth_method`; `workload_identity` is RFC 7523 section 2.2 with a foreign JWT. */
  readonly clientAuthentication: ClientAuthentication;
  /** For `workload_identity`: the file of the JWT that a third party issued to this process; read for each request. */
  readonly assertionFile?: string;
  /** For `private_key_jwt`: the `kid` in the header of assertions (RFC 7515 section 4.1.4). */
  readonly assertionKeyId?: string;
  /**
   * For `private_key_jwt`: `issuer`, `token_endpoint` or a URI. By default the issuer, or the token endpoint where no
   * issuer is known.
   */
  readonly assertionAudience?: string;
  /** Names other than `Bearer` that the server gives bearer tokens in `token_type`; default: none. */
  readonly bearerTokenTypes?: readonly string[];
}

export interface OAuthDemand {
  readonly grant: Grant;
  /** `scope`, `resource`, `audience` and any others that the server requires; a list is sent as repeated parameters. */
  readonly parameters: Readonly<Record<string, string | readonly string[]>>;
}
