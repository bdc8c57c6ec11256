import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { registerPasswordGrant, type User } from './password-grant.ts';
import { configureProvider, type RegisteredClient } from './provider-configuration.ts';

export interface AuthorizationServerOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  readonly clients: readonly RegisteredClient[];
  /** For the grant `password`. */
  readonly users?: readonly User[];
  /** Seconds; default 20. */
  readonly accessTokenLifetime?: number;
  /** Default true: each use gives another refresh token, and one used twice revokes its whole chain. */
  readonly rotateRefreshTokens?: boolean;
  /** Called before the answer is sent. */
  readonly onToken?: (issued: { accessToken?: string; refreshToken?: string }) => void;
}

export interface AuthorizationServer {
  /** `http://127.0.0.1:PORT` */
  readonly issuer: string;
  readonly port: number;
  /** Requests so far, refused ones included. */
  readonly counts: { tokenRequests: number; revocations: number; introspections: number };
  /** Seconds; of the access tokens issued from now on. */
  setAccessTokenLifetime(seconds: number): void;
  stop(): Promise<void>;
}

function reportTokens(provider: Provider, onToken: AuthorizationServerOptions['onToken']): void {
  provider.on('grant.success', (ctx) => {
    const { access_token: accessToken, refresh_token: refreshToken } = ctx.body as Record<string, string | undefined>;
    onToken?.({
      ...(accessToken === undefined ? {} : { accessToken }),
      ...(refreshToken === undefined ? {} : { refreshToken }),
    });
  });
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/**
 * Starts an OAuth 2.0 authorization server on loopback: opaque access tokens; the grants client_credentials, password
 * and refresh_token (RFC 6749); introspection by any registered client (RFC 7662); revocation by the client that a
 * token was issued to (RFC 7009); discovery (RFC 8414). It forgets everything when it stops: for the demo and for tests.
 */
export async function startAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const server = createServer();
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;

  let lifetime = options.accessTokenLifetime ?? 20;
  const { clients, rotateRefreshTokens = true } = options;
  const configuration = configureProvider({
    issuer,
    clients,
    rotateRefreshTokens,
    accessTokenLifetime: () => lifetime,
  });
  const provider = new Provider(issuer, configuration);
  registerPasswordGrant(provider, options.users ?? []);
  reportTokens(provider, options.onToken);

  const counts = { tokenRequests: 0, revocations: 0, introspections: 0 };
  const counted = new Map<string, keyof typeof counts>([
    ['/token', 'tokenRequests'],
    ['/token/revocation', 'revocations'],
    ['/token/introspection', 'introspections'],
  ]);
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const count = counted.get(request.url ?? '');
    if (count !== undefined) counts[count] += 1;
    void answer(request, response);
  });

  return {
    issuer,
    port,
    counts,
    setAccessTokenLifetime(seconds) {
      lifetime = seconds;
    },
    stop: () => stop(server),
  };
}
