import { generateKeyPairSync } from 'node:crypto';
import { registerSecret, secret } from '../support/secrets.ts';
import { type AuthorizationServer, CLIENTS } from './authorization-servers.ts';
import { startFront } from './parts/front.ts';
import { type Keycloak, startKeycloak } from './parts/keycloak.ts';
import { type Federation, startFederation } from './parts/keycloak-federation.ts';
import { realmOf } from './parts/keycloak-realm.ts';

/** Keycloak with the realm of `keycloak-realm.ts`. */
export interface KeycloakServer extends AuthorizationServer {
  readonly tokenEndpoint: string;
  readonly clientSecret: string;
  readonly userPassword: string;
  /** PEM, of the client `billing-key`. */
  readonly privateKey: string;
  readonly federation: Federation;
  /** Gives a client another secret, as an administrator does after a leak. Its tokens stay valid. */
  changeSecret(clientId: string, to?: string): Promise<string>;
}

export async function startKeycloakServer(installation: string): Promise<KeycloakServer> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const federation = await startFederation();
  const secrets = {
    federation,
    client: secret('client-secret'),
    gateway: secret('gateway-secret'),
    userPassword: secret('user-password'),
    publicJwk: publicKey.export({ format: 'jwk' }),
  };
  const keycloak = await startKeycloak(installation, realmOf(secrets));
  let issued = 0;
  // Keycloak names itself by the host that it is asked by, so the front is the issuer.
  const front = await startFront({
    target: keycloak.issuer,
    onAnswer(path, body) {
      if (path.endsWith('/protocol/openid-connect/token') && registerTokens(body)) issued += 1;
    },
  });
  const issuer = keycloak.issuer.replace(new URL(keycloak.issuer).origin, front.url);
  const endpoint = `${issuer}/protocol/openid-connect`;
  return {
    issuer,
    jwksUri: `${endpoint}/certs`,
    tokenEndpoint: `${endpoint}/token`,
    introspectionEndpoint: `${endpoint}/token/introspect`,
    revocationEndpoint: `${endpoint}/revoke`,
    gatewaySecret: secrets.gateway,
    federation,
    clientSecret: secrets.client,
    userPassword: secrets.userPassword,
    privateKey: registerSecret(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string),
    client: (lifetime) => ({ clientId: CLIENTS[lifetime], clientSecret: secrets.client }),
    issued: () => issued,
    rotateKey: () => rotateKey(keycloak),
    changeSecret: (clientId, to) => changeSecret(keycloak, clientId, to),
    async stop() {
      await front.stop();
      await keycloak.stop();
      await federation.stop();
    },
  };
}

function registerTokens(body: string): boolean {
  const { access_token: accessToken, refresh_token: refreshToken } = JSON.parse(body) as Record<string, string>;
  for (const token of [accessToken, refreshToken]) if (token !== undefined) registerSecret(token);
  return accessToken !== undefined;
}

/** `to`: the other secret; by default Keycloak makes one. */
async function changeSecret(keycloak: Keycloak, clientId: string, to?: string): Promise<string> {
  const [client] = (await keycloak.admin('GET', `/clients?clientId=${clientId}`)) as { id: string }[];
  if (to !== undefined) {
    await keycloak.admin('PUT', `/clients/${client?.id}`, { ...client, secret: to });
    return to;
  }
  const { value } = (await keycloak.admin('POST', `/clients/${client?.id}/client-secret`)) as { value: string };
  return registerSecret(value);
}

/** A new key with a higher priority, and the one before removed: what an administrator does after a leak. */
async function rotateKey(keycloak: Keycloak): Promise<void> {
  const providers = '/components?type=org.keycloak.keys.KeyProvider';
  const components = (await keycloak.admin('GET', providers)) as { id: string; name: string; providerId: string }[];
  await keycloak.admin('POST', '/components', {
    name: `rsa ${Date.now()}`,
    providerId: 'rsa-generated',
    providerType: 'org.keycloak.keys.KeyProvider',
    config: { priority: ['200'] },
  });
  for (const { id, providerId } of components) {
    if (providerId === 'rsa-generated') await keycloak.admin('DELETE', `/components/${id}`);
  }
}
