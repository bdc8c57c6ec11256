import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';
import { createMemoryAdapter } from '../../../src/demo/memory-adapter.ts';

export interface JwtClient {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Of its access tokens, in seconds. */
  readonly lifetime: number;
}

export interface JwtAuthorizationServerOptions {
  readonly clients: readonly JwtClient[];
  /** The `aud` of all access tokens. */
  readonly audience: string;
  readonly onToken: (accessToken: string) => void;
}

export interface JwtAuthorizationServer {
  /** `http://127.0.0.1:PORT` */
  readonly issuer: string;
  /** Signs with another key from now on; the one before is removed immediately. */
  rotateKey(): void;
  stop(): Promise<void>;
}

/**
 * An authorization server whose access tokens are JWTs (RFC 9068), for gateways that check signatures: the grant
 * client_credentials only. It can neither introspect nor revoke them.
 */
export async function startJwtAuthorizationServer(
  options: JwtAuthorizationServerOptions,
): Promise<JwtAuthorizationServer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // A provider's keys are fixed when it is made, so another key is another provider at the same address.
  let provider = providerOf(issuer, options);
  server.on('request', (request, response) => void provider.callback()(request, response));
  return {
    issuer,
    rotateKey() {
      provider = providerOf(issuer, options);
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function providerOf(issuer: string, options: JwtAuthorizationServerOptions): Provider {
  const provider = new Provider(issuer, configurationOf(options));
  provider.on('grant.success', (ctx) => options.onToken((ctx.body as { access_token: string }).access_token));
  return provider;
}

function configurationOf({ clients, audience }: JwtAuthorizationServerOptions): Configuration {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  return {
    adapter: createMemoryAdapter(),
    clients: clients.map(({ clientId, clientSecret }) => ({
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    })),
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] },
    ttl: { ClientCredentials: (_ctx, _token, { clientId }) => lifetimeOf(clients, clientId) },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({ audience, scope: '', accessTokenFormat: 'jwt' }),
      },
    },
  };
}

function lifetimeOf(clients: readonly JwtClient[], clientId: string): number {
  return clients.find((client) => client.clientId === clientId)?.lifetime ?? 0;
}
