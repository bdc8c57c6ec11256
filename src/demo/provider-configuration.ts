import { generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';
import type { ClientMetadata, Configuration } from 'oidc-provider';
import { createMemoryAdapter } from './memory-adapter.ts';

export interface RegisteredClient {
  readonly clientId: string;
  /** Left out for `private_key_jwt` and `none`. */
  readonly clientSecret?: string;
  /** `client_credentials`, `password`, `refresh_token`; none for a client that only introspects. */
  readonly grants: readonly string[];
  /** Default `client_secret_basic`. */
  readonly authentication?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
  /** For `private_key_jwt`. */
  readonly publicJwk?: JsonWebKey;
}

const FORTNIGHT = 14 * 86_400;

function metadataOf(client: RegisteredClient): ClientMetadata {
  return {
    client_id: client.clientId,
    ...(client.clientSecret === undefined ? {} : { client_secret: client.clientSecret }),
    ...(client.publicJwk === undefined ? {} : { jwks: { keys: [client.publicJwk] } }),
    grant_types: [...client.grants],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: client.authentication ?? 'client_secret_basic',
  };
}

export interface ProviderSettings {
  readonly issuer: string;
  readonly clients: readonly RegisteredClient[];
  readonly rotateRefreshTokens: boolean;
  /** Seconds; asked for each token. */
  readonly accessTokenLifetime: () => number;
}

/** The configuration of `oidc-provider`, with its own keys, so that none of its development defaults is in use. */
export function configureProvider(settings: ProviderSettings): Configuration {
  const { accessTokenLifetime } = settings;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signingKey = privateKey.export({ format: 'jwk' });
  return {
    adapter: createMemoryAdapter(),
    clients: settings.clients.map(metadataOf),
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    jwks: { keys: [signingKey] },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    rotateRefreshToken: settings.rotateRefreshTokens,
    ttl: {
      AccessToken: accessTokenLifetime,
      ClientCredentials: accessTokenLifetime,
      Grant: FORTNIGHT,
      RefreshToken: FORTNIGHT,
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        // Scopes that are not OpenID Connect's are granted for a resource only.
        defaultResource: (_ctx, _client, oneOf) => oneOf?.[0] ?? `${settings.issuer}/api`,
        getResourceServerInfo: (ctx, resource) => ({
          audience: resource,
          scope: typeof ctx.oidc.params?.['scope'] === 'string' ? ctx.oidc.params['scope'] : '',
          accessTokenFormat: 'opaque',
        }),
      },
    },
  };
}
