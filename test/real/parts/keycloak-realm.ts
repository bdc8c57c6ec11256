import type { JsonWebKey } from 'node:crypto';
import { type Federation, federated } from './keycloak-federation.ts';

/** Lifetimes of access tokens in seconds. */
export const LIFETIMES = { long: 60, short: 3 } as const;

/** What the gateways want in `aud`. */
export const AUDIENCE = 'https://incidents.example.com';

/** A realm as Keycloak imports it. */
export interface Realm {
  readonly realm: string;
  readonly [setting: string]: unknown;
}

export interface RealmSecrets {
  readonly client: string;
  readonly gateway: string;
  readonly userPassword: string;
  /** Of the client that authenticates with `private_key_jwt`. */
  readonly publicJwk: JsonWebKey;
  /** Who else issues JWTs that the realm accepts. */
  readonly federation?: Federation;
}

/**
 * A realm with a client for each way to be accepted and to be rejected. Its access tokens name the gateway's API, and
 * the client `gateway` too: Keycloak answers introspection only to a client that is in the token's audience.
 */
export function realmOf(secrets: RealmSecrets): Realm {
  const { client, gateway, userPassword, publicJwk } = secrets;
  const others = federated(secrets.federation);
  const now = Math.floor(Date.now() / 1000);
  return {
    realm: 'corporate',
    enabled: true,
    accessTokenLifespan: LIFETIMES.long,
    // A refresh token is spent by its first use, and one used twice ends the session.
    revokeRefreshToken: true,
    refreshTokenMaxReuse: 0,
    clientScopes: [
      scope('basic', [mapper('oidc-sub-mapper', {})]),
      scope('incidents', audiences()),
      scope('orders', []),
    ],
    defaultDefaultClientScopes: ['basic', 'incidents'],
    clients: [
      confidential('billing', client),
      confidential('billing-short', client, { attributes: { 'access.token.lifespan': String(LIFETIMES.short) } }),
      // Its secret changes.
      confidential('billing-leaked', client),
      confidential('billing-disabled', client, { enabled: false }),
      confidential('billing-expired', client, {
        attributes: {
          'client.secret.creation.time': String(now - 7200),
          'client.secret.expiration.time': String(now - 3600),
        },
      }),
      confidential('billing-user', client, {
        serviceAccountsEnabled: false,
        directAccessGrantsEnabled: true,
        attributes: { 'access.token.lifespan': '4' },
      }),
      { ...confidential('billing-key'), ...keyAuthentication(publicJwk) },
      confidential('billing-assertion', client, {
        attributes: { 'oauth2.jwt.authorization.grant.enabled': 'true', 'oauth2.jwt.authorization.grant.idp': 'users' },
      }),
      confidential('billing-rotating', client),
      confidential('billing-exchange', client, { attributes: { 'standard.token.exchange.enabled': 'true' } }),
      ...others.clients.map(({ clientId, more }) => confidential(clientId, undefined, more)),
      confidential('gateway', gateway, { serviceAccountsEnabled: false }),
    ],
    identityProviders: others.identityProviders,
    users: [{ ...user('svc-billing', userPassword), federatedIdentities: others.identities }],
  };
}

function scope(name: string, protocolMappers: object[]): object {
  const attributes = { 'include.in.token.scope': String(name === 'orders') };
  return { name, protocol: 'openid-connect', attributes, protocolMappers };
}

function mapper(protocolMapper: string, config: Readonly<Record<string, string>>, name = protocolMapper): object {
  const where = { 'access.token.claim': 'true', 'introspection.token.claim': 'true' };
  return { name, protocol: 'openid-connect', protocolMapper, config: { ...where, ...config } };
}

function audiences(): object[] {
  return [
    mapper('oidc-audience-mapper', { 'included.custom.audience': AUDIENCE }, 'the API'),
    mapper('oidc-audience-mapper', { 'included.client.audience': 'gateway' }, 'the gateway'),
    mapper('oidc-audience-mapper', { 'included.client.audience': 'billing-exchange' }, 'who exchanges tokens'),
  ];
}

function confidential(clientId: string, secret?: string, more: object = {}): object {
  return {
    clientId,
    enabled: true,
    protocol: 'openid-connect',
    publicClient: false,
    clientAuthenticatorType: 'client-secret',
    ...(secret === undefined ? {} : { secret }),
    serviceAccountsEnabled: true,
    standardFlowEnabled: false,
    directAccessGrantsEnabled: false,
    defaultClientScopes: ['basic', 'incidents'],
    optionalClientScopes: ['orders'],
    ...more,
  };
}

function keyAuthentication(publicJwk: JsonWebKey): object {
  const keys = [{ ...publicJwk, kid: 'billing-key', use: 'sig', alg: 'RS256' }];
  return {
    clientAuthenticatorType: 'client-jwt',
    attributes: {
      'use.jwks.string': 'true',
      'jwks.string': JSON.stringify({ keys }),
      'token.endpoint.auth.signing.alg': 'RS256',
    },
  };
}

function user(username: string, password: string): object {
  return {
    username,
    enabled: true,
    emailVerified: true,
    email: `${username}@example.com`,
    firstName: 'Billing',
    lastName: 'App',
    credentials: [{ type: 'password', value: password, temporary: false }],
  };
}
