import type { ClientAuthentication, Grant } from '../core/credential-needs.ts';

/** How to reach an authorization server: what every protocol has. A protocol reads its further settings itself. */
export interface ServerSettings {
  /** The name of the protocol, which is a row of the table in `token-acquirer/configuration/protocols.ts`. */
  readonly protocol: string;
  /** Certificates in PEM to trust instead of the public ones; read for each request. */
  readonly caFile?: string;
  /** `http://host:port` */
  readonly proxy?: string;
}

/** What a token request asks for, in the terms of the protocol. */
export interface TokenDemand {
  readonly protocol: string;
}

/** The protocols that have their own adapter. The others are HttpProtocols. */
export interface Protocols {
  readonly oauth: { readonly settings: OAuthServerSettings; readonly demand: OAuthDemand };
}

export type Protocol = keyof Protocols;

/** An OAuth 2.0 authorization server (RFC 6749): `issuer`, `tokenEndpoint` or both. */
export interface OAuthServerSettings {
  /** The token endpoint is discovered (OpenID Connect Discovery, then RFC 8414). With `tokenEndpoint`: the audience of assertions. */
  readonly issuer?: string;
  /** The URL of the token endpoint, which makes discovery unnecessary. */
  readonly tokenEndpoint?: string;
  /** The URL of the revocation endpoint, instead of the discovered one. */
  readonly revocationEndpoint?: string;
  /** The one origin, in addition to that of the issuer, to which discovery may lead. */
  readonly tokenEndpointOrigin?: string;
  /** Certificates in PEM to trust instead of the public ones; read for each request. */
  readonly caFile?: string;
  /** `http://host:port` */
  readonly proxy?: string;
  /**
   * RFC 7591 section 2, `token_endpoint_auth_method`. `workload_identity` is RFC 7523 section 2.2 with a foreign JWT,
   * `anonymous` sends nothing about the client.
   */
  readonly clientAuthentication: ClientAuthentication;
  /** For `workload_identity` and `jwt_spiffe`: the file of the JWT that a third party issued to this process; read for each request. */
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
  /** For `jwt_bearer`: the assertion that is the grant (RFC 7523 section 2.1). */
  readonly assertion?: AssertionDemand;
  /** For `token_exchange`: the tokens to exchange (RFC 8693 section 2.1). */
  readonly exchange?: ExchangeDemand;
}

/** A file with the assertion, read for each request, or the claims of one that the `private_key` of the credential signs. */
export type AssertionDemand = { readonly file: string } | SignedAssertion;

export interface SignedAssertion {
  /** `iss`; default: the client ID. */
  readonly issuer?: string;
  /** `sub`; left out where undefined, as Google wants it. */
  readonly subject?: string;
  /** As `assertionAudience` of the server. */
  readonly audience?: string;
  /** `kid` in the header. */
  readonly keyId?: string;
  /** Further claims. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
}

export type ClaimValue = string | number | boolean | readonly string[];

export interface ExchangeDemand {
  readonly subject: TokenFile;
  readonly actor?: TokenFile;
  /** A URI; the server chooses where it is left out. */
  readonly requestedTokenType?: string;
}

/** A token of somebody else in a file, read for each request. */
export interface TokenFile {
  readonly file: string;
  /** A URI (RFC 8693 section 3). */
  readonly type: string;
}
