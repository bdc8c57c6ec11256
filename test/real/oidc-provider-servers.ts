import { startAuthorizationServer } from '../../src/demo/authorization-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { type AuthorizationServer, CLIENTS } from './authorization-servers.ts';
import { startJwtAuthorizationServer } from './parts/jwt-authorization-server.ts';
import { AUDIENCE, LIFETIMES } from './parts/keycloak-realm.ts';

/** oidc-provider with opaque access tokens, which only introspection can check. */
export async function startOpaqueServer(): Promise<AuthorizationServer> {
  const [clientSecret, gatewaySecret] = [secret('client-secret'), secret('gateway-secret')];
  let issued = 0;
  const server = await startAuthorizationServer({
    clients: [
      { clientId: 'billing', clientSecret, grants: ['client_credentials'] },
      { clientId: 'gateway', clientSecret: gatewaySecret, grants: [] },
    ],
    onToken: ({ accessToken = '' }) => {
      issued += 1;
      registerSecret(accessToken);
    },
  });
  return {
    ...endpointsOf(server.issuer),
    gatewaySecret,
    client(lifetime) {
      server.setAccessTokenLifetime(LIFETIMES[lifetime]);
      return { clientId: 'billing', clientSecret };
    },
    issued: () => issued,
    rotateKey: async () => {},
    stop: () => server.stop(),
  };
}

/** oidc-provider with JWTs as access tokens, which anybody can check who has its keys. */
export async function startJwtServer(): Promise<AuthorizationServer> {
  const clientSecret = secret('client-secret');
  let issued = 0;
  const server = await startJwtAuthorizationServer({
    clients: [
      { clientId: 'billing', clientSecret, lifetime: LIFETIMES.long },
      { clientId: 'billing-short', clientSecret, lifetime: LIFETIMES.short },
    ],
    audience: AUDIENCE,
    onToken: (accessToken) => {
      issued += 1;
      registerSecret(accessToken);
    },
  });
  return {
    ...endpointsOf(server.issuer),
    gatewaySecret: '',
    client: (lifetime) => ({ clientId: CLIENTS[lifetime], clientSecret }),
    issued: () => issued,
    rotateKey: async () => server.rotateKey(),
    stop: () => server.stop(),
  };
}

function endpointsOf(issuer: string) {
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    introspectionEndpoint: `${issuer}/token/introspection`,
    revocationEndpoint: `${issuer}/token/revocation`,
  };
}
