import { type LoopbackServer, startHttpServer } from '../../support/loopback-server.ts';
import { TokenIssuer } from '../../support/token-issuer.ts';

/** The SPIFFE ID and the ServiceAccount that Keycloak knows as clients. */
export const SPIFFE_ID = 'spiffe://example.org/ns/token-acquirer/sa/token-acquirer';
export const SERVICE_ACCOUNT = 'system:serviceaccount:token-acquirer:token-acquirer';

/** Those whose JWTs Keycloak accepts, with their keys published on loopback. */
export interface Federation extends LoopbackServer {
  /** Signs assertions for users, as RFC 7523 section 2.1 has them. */
  readonly users: TokenIssuer;
  /** Signs JWT-SVIDs, as a SPIFFE agent does. */
  readonly spiffe: TokenIssuer;
  /** Signs ServiceAccount tokens, as an API server does. */
  readonly cluster: TokenIssuer;
}

export async function startFederation(): Promise<Federation> {
  const [users, spiffe, cluster] = await Promise.all([
    TokenIssuer.start({ issuer: 'https://users.example.com', alg: 'RS256' }),
    TokenIssuer.start({ issuer: 'spiffe://example.org' }),
    TokenIssuer.start({ alg: 'RS256' }),
  ]);
  const documents: Readonly<Record<string, () => object>> = {
    '/users': () => users.jwks,
    '/spiffe': () => ({ ...spiffe.jwks, spiffe_sequence: 1 }),
    '/cluster/keys': () => cluster.jwks,
    '/cluster/.well-known/openid-configuration': () => ({ issuer: cluster.issuer, jwks_uri: `${cluster.issuer}/keys` }),
  };
  const server = await startHttpServer((request, response) => {
    const document = documents[request.url ?? ''];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document?.() ?? {}));
  });
  cluster.issuer = `${server.url}/cluster`;
  return { ...server, users, spiffe, cluster };
}

interface Federated {
  readonly identityProviders: readonly object[];
  readonly clients: readonly { readonly clientId: string; readonly more: object }[];
  readonly identities: readonly object[];
}

/** The identity providers of the realm, and the clients and users that they know. */
export function federated(federation: Federation | undefined): Federated {
  if (federation === undefined) return { identityProviders: [], clients: [], identities: [] };
  const { url, users, cluster } = federation;
  return {
    identityProviders: [
      provider('users', 'jwt-authorization-grant', {
        issuer: users.issuer,
        jwksUrl: `${url}/users`,
        useJwksUrl: 'true',
        jwtAuthorizationGrantEnabled: 'true',
      }),
      provider('spiffe', 'spiffe', { trustDomain: 'spiffe://example.org', bundleEndpoint: `${url}/spiffe` }),
      provider('cluster', 'kubernetes', { issuer: cluster.issuer }),
    ],
    clients: [
      { clientId: 'billing-spiffe', more: byFederation('spiffe', SPIFFE_ID) },
      { clientId: 'billing-workload', more: byFederation('cluster', SERVICE_ACCOUNT) },
    ],
    identities: [{ identityProvider: 'users', userId: 'ada', userName: 'ada' }],
  };
}

function provider(alias: string, providerId: string, config: Readonly<Record<string, string>>): object {
  return { alias, providerId, enabled: true, config };
}

function byFederation(alias: string, subject: string): object {
  return {
    clientAuthenticatorType: 'federated-jwt',
    attributes: { 'jwt.credential.issuer': alias, 'jwt.credential.sub': subject },
  };
}
