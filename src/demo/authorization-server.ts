import type { IncomingMessage, ServerResponse } from 'node:http';
import Provider from 'oidc-provider';
import { closeServer, createDemoServer, type Listening, listen } from './listener.ts';
import { registerPasswordGrant, type User } from './password-grant.ts';
import { configureProvider, type RegisteredClient } from './provider-configuration.ts';

export interface AuthorizationServerOptions extends Listening {
  /** Default: the address on which it listens. Set it if clients reach the server by a name. */
  readonly issuer?: string;
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
  /** `http://127.0.0.1:PORT`, unless another one was given. */
  readonly issuer: string;
  readonly port: number;
  /** Requests so far, including rejected ones. */
  readonly counts: { tokenRequests: number; revocations: number; introspections: number };
  /** Seconds; of the access tokens issued from now on. */
  setAccessTokenLifetime(seconds: number): void;
  /** Revokes an access token, as its client could by RFC 7009. Returns false if it was not valid. */
  revoke(accessToken: string): Promise<boolean>;
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

async function revoke(provider: Provider, accessToken: string): Promise<boolean> {
  const found = (await provider.ClientCredentials.find(accessToken)) ?? (await provider.AccessToken.find(accessToken));
  await found?.destroy();
  return found !== undefined;
}

type Counts = AuthorizationServer['counts'];

const COUNTED = new Map<string, keyof Counts>([
  ['/token', 'tokenRequests'],
  ['/token/revocation', 'revocations'],
  ['/token/introspection', 'introspections'],
]);

/**
 * Starts an OAuth 2.0 authorization server, on loopback by default: opaque access tokens; the grants
 * client_credentials, password and refresh_token (RFC 6749); introspection by any registered client (RFC 7662);
 * revocation by the client that a token was issued to (RFC 7009); discovery (RFC 8414). It forgets everything when it
 * stops: for the demo, the example and tests.
 */
export async function startAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const counts: Counts = { tokenRequests: 0, revocations: 0, introspections: 0 };
  // The issuer is the address, so the server listens before it can answer.
  let answer = (_request: IncomingMessage, response: ServerResponse): unknown => response.destroy();
  const server = createDemoServer(options.tls, (request, response) => {
    // A GET only tries whether the server answers.
    const count = request.method === 'POST' ? COUNTED.get(request.url ?? '') : undefined;
    if (count !== undefined) counts[count] += 1;
    void answer(request, response);
  });
  const url = await listen(server, options);
  const { issuer = url, clients, rotateRefreshTokens = true } = options;
  let lifetime = options.accessTokenLifetime ?? 20;
  const accessTokenLifetime = (): number => lifetime;
  const provider = new Provider(
    issuer,
    configureProvider({ issuer, clients, rotateRefreshTokens, accessTokenLifetime }),
  );
  registerPasswordGrant(provider, options.users ?? []);
  reportTokens(provider, options.onToken);
  answer = provider.callback();
  return {
    issuer,
    port: Number(new URL(url).port),
    counts,
    setAccessTokenLifetime(seconds) {
      lifetime = seconds;
    },
    revoke: (accessToken) => revoke(provider, accessToken),
    stop: () => closeServer(server),
  };
}
