import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { lifetimeOf } from '../../src/core/renewal.ts';
import type { EpochMs } from '../../src/core/token.ts';
import { buildTokenRequest } from '../support/token-requests.ts';
import type { LIFETIMES } from './parts/keycloak-realm.ts';

export type Lifetime = keyof typeof LIFETIMES;

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface IssuedToken {
  readonly accessToken: string;
  readonly expiresAt: EpochMs;
}

/** The clients of these servers, by the lifetime of their tokens. */
export const CLIENTS: Readonly<Record<Lifetime, string>> = { long: 'billing', short: 'billing-short' };

/** An authorization server as the gateways' tests need it. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly introspectionEndpoint: string;
  readonly revocationEndpoint: string;
  /** Of the client `gateway`, which introspects. */
  readonly gatewaySecret: string;
  /** A client whose tokens from now on live so long. */
  client(lifetime: Lifetime): ClientCredentials;
  /** Token requests that were answered with a token, so far. */
  issued(): number;
  /** Signs with another key from now on, and revokes the one before. */
  rotateKey(): Promise<void>;
  stop(): Promise<void>;
}

/** A token by client_credentials. */
export async function issue(server: AuthorizationServer, lifetime: Lifetime): Promise<IssuedToken> {
  const { clientId, clientSecret } = server.client(lifetime);
  const settings = { issuer: server.issuer, clientAuthentication: 'client_secret_basic' } as const;
  const endpoint = createOAuthTokenEndpoint({ corporate: settings }, { clock: createSystemClock() });
  const request = buildTokenRequest({ client_id: clientId, client_secret: clientSecret });
  const sent = Date.now();
  const { accessToken, expiresIn } = await endpoint.request(request, new AbortController().signal);
  return { accessToken: accessToken.reveal(), expiresAt: sent + lifetimeOf(expiresIn).lifetime };
}

/** Asks for the revocation (RFC 7009) by the client that the token was issued to. */
export function revoke(server: AuthorizationServer, token: string, lifetime: Lifetime): Promise<Response> {
  const { clientId, clientSecret } = server.client(lifetime);
  return postForm(server.revocationEndpoint, { clientId, clientSecret }, { token });
}

/** The answer to an introspection (RFC 7662) by the client `gateway`. */
export async function introspect(server: AuthorizationServer, token: string): Promise<Record<string, unknown>> {
  const gateway = { clientId: 'gateway', clientSecret: server.gatewaySecret };
  const response = await postForm(server.introspectionEndpoint, gateway, { token });
  return (await response.json()) as Record<string, unknown>;
}

export function postForm(
  url: string,
  { clientId, clientSecret }: ClientCredentials,
  form: Readonly<Record<string, string>>,
): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  return fetch(url, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
}
