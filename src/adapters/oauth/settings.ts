export type ClientAuthenticationMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'workload_identity'
  | 'none';

/** An authorization server as the configuration describes it: `issuer`, `tokenEndpoint` or both. */
export interface AuthorizationServerSettings {
  /** Found by discovery (OpenID Connect Discovery, then RFC 8414). With `tokenEndpoint`: the audience of assertions. */
  readonly issuer?: string;
  /** Stated outright: no discovery. */
  readonly tokenEndpoint?: string;
  /** The one other origin, besides the issuer's own, that discovery may lead to. */
  readonly tokenEndpointOrigin?: string;
  /** Certificates in PEM to trust instead of the public ones; read anew for each request. */
  readonly caFile?: string;
  /** `http://host:port` */
  readonly proxy?: string;
  /** RFC 7591 section 2, `token_endpoint_auth_method`; `workload_identity` is RFC 7523 section 2.2 with a foreign JWT. */
  readonly clientAuthentication: ClientAuthenticationMethod;
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
