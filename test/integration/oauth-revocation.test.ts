import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../src/demo/authorization-server.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { TokenEndpoint } from '../../src/ports/token-endpoint.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { buildTokenRequest } from '../support/token-requests.ts';

const signal = new AbortController().signal;
const clientSecret = secret('client-secret+/=:&%');
const user = { username: 'ada@example.com', password: secret('password') };
const METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer({
    clients: [
      ...METHODS.map((authentication) => ({
        clientId: authentication,
        grants: ['client_credentials', 'password', 'refresh_token'],
        authentication,
        ...(authentication !== 'none' && { clientSecret }),
      })),
      { clientId: 'gateway', clientSecret, grants: [] },
    ],
    users: [user],
    onToken: (issued) => Object.values(issued).forEach((value) => registerSecret(value)),
  });
});
afterAll(() => server.stop());

function endpointFor(settings: Partial<OAuthServerSettings> = {}): TokenEndpoint {
  const corporate = { issuer: server.issuer, clientAuthentication: 'client_secret_basic', ...settings } as const;
  return createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock() });
}

const requestOf = (client_id: string, grant: 'client_credentials' | 'password' = 'client_credentials') =>
  buildTokenRequest({ client_id, client_secret: clientSecret, ...user }, { grant });

/** Whether the authorization server still knows the token (RFC 7662). */
async function isActive(token: Redacted): Promise<boolean> {
  const answer = await fetch(`${server.issuer}/token/introspection`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`gateway:${encodeURIComponent(clientSecret)}`).toString('base64')}`,
    },
    body: new URLSearchParams({ token: token.reveal() }),
  });
  return ((await answer.json()) as { active: boolean }).active;
}

describe('the revocation of a token that nobody uses', () => {
  it.each(METHODS)('ends it at a real authorization server, authenticated by %s', async (clientAuthentication) => {
    const endpoint = endpointFor({ clientAuthentication });
    const request = requestOf(clientAuthentication, 'password');
    const { accessToken } = await endpoint.request(request, signal);
    expect(await isActive(accessToken)).toBe(true);
    expect(await endpoint.revoke(request, accessToken, signal)).toBe(true);
    expect(await isActive(accessToken)).toBe(false);
  });

  it('leaves alone other tokens of the same user and client, and their refresh tokens', async () => {
    const endpoint = endpointFor();
    const request = requestOf('client_secret_basic', 'password');
    const [kept, checked] = [await endpoint.request(request, signal), await endpoint.request(request, signal)];
    await endpoint.revoke(request, checked.accessToken, signal);
    expect(await isActive(kept.accessToken)).toBe(true);
    const { refreshToken } = kept;
    if (refreshToken === undefined) throw new Error('The server gave no refresh token.');
    const renewal = { ...request, grant: 'refresh_token', refreshToken } as const;
    const renewed = await endpoint.request(renewal, signal);
    expect(await isActive(renewed.accessToken)).toBe(true);
  });

  it('goes to the configured endpoint where nothing is discovered', async () => {
    const { issuer } = server;
    const revocationEndpoint = `${issuer}/token/revocation`;
    const endpoint = endpointFor({ issuer: undefined, tokenEndpoint: `${issuer}/token`, revocationEndpoint } as never);
    const request = requestOf('client_secret_basic', 'password');
    const { accessToken } = await endpoint.request(request, signal);
    expect(await endpoint.revoke(request, accessToken, signal)).toBe(true);
    expect(await isActive(accessToken)).toBe(false);
  });

  it('goes to the configured endpoint instead of the discovered one', async () => {
    const endpoint = endpointFor({ revocationEndpoint: `${server.issuer}/elsewhere` });
    const request = requestOf('client_secret_basic', 'password');
    const { accessToken } = await endpoint.request(request, signal);
    await expect(endpoint.revoke(request, accessToken, signal)).rejects.toThrow('HTTP 404');
  });

  it('is not to be had where only the token endpoint is configured', async () => {
    const endpoint = endpointFor({ issuer: undefined, tokenEndpoint: `${server.issuer}/token` } as never);
    const request = requestOf('client_secret_basic');
    const { accessToken } = await endpoint.request(request, signal);
    expect(await endpoint.revoke(request, accessToken, signal)).toBe(false);
    expect(await isActive(accessToken)).toBe(true);
  });
});

describe('the revocation endpoint that metadata name', () => {
  const token = secret('access-token');

  interface Asked {
    readonly result: boolean | TokenRequestError;
    readonly revocations: number;
    readonly body: string;
  }

  /** `named`: after the own URL of the server. */
  async function revokeAt(
    named: (url: string) => string | undefined,
    status = 200,
    answer = '',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Asked> {
    let [revocations, sent] = [0, ''];
    const stub = await startHttpServer((incoming, response) => {
      if (incoming.url?.startsWith('/.well-known/') === true) {
        const issuer = stub.url;
        const metadata = { issuer, token_endpoint: `${issuer}/token`, revocation_endpoint: named(issuer) };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
        return;
      }
      incoming.on('data', (part: Buffer) => (sent += part.toString()));
      incoming.on('end', () => {
        revocations += 1;
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(answer);
      });
    });
    try {
      const result = await endpointFor({ issuer: stub.url })
        .revoke(requestOf('app'), new Redacted(token), signal)
        .catch((error: unknown) => error as TokenRequestError);
      return { result, revocations, body: sent };
    } finally {
      await stub.stop();
    }
  }

  it('gets the token and its kind', async () => {
    const { result, body } = await revokeAt((url) => `${url}/revoke`);
    expect(result).toBe(true);
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      token,
      token_type_hint: 'access_token',
    });
  });

  it.each<[string, (url: string) => string | undefined]>([
    ['none', () => undefined],
    ['one at another origin, where no credential may go', () => 'https://elsewhere.example/revoke'],
    ['one over plain http off loopback', () => 'http://elsewhere.example/revoke'],
    ['one that is not a URL', () => 'revoke'],
  ])('is not used: %s', async (_what, named) => {
    expect(await revokeAt(named)).toMatchObject({ result: false, revocations: 0 });
  });

  it.each([
    [400, JSON.stringify({ error: 'unsupported_token_type', error_description: token })],
    [503, 'busy'],
  ])('that answers %i is reported, and its text is not quoted', async (status, answer) => {
    const { result } = await revokeAt((url) => `${url}/revoke`, status, answer);
    if (!(result instanceof TokenRequestError)) throw new Error('It succeeded.');
    expect(result.message).toMatch(
      new RegExp(`^The authorization server corporate at \\S+ did not revoke the token \\(HTTP ${status}\\)\\.$`),
    );
  });

  it.each<[string, number, string | undefined, string, object]>([
    ['401', 401, undefined, 'invalid_client', { failure: 'configuration' }],
    ['401 invalid_client', 401, 'invalid_client', 'invalid_client', { failure: 'configuration' }],
    ['403', 403, undefined, 'access_denied', { failure: 'configuration' }],
    ['400 unsupported_token_type', 400, 'unsupported_token_type', 'invalid_request', { failure: 'configuration' }],
    ['404', 404, undefined, 'invalid_request', { failure: 'configuration' }],
    ['429', 429, undefined, 'rate_limited', { failure: 'transient', retryAfter: 60_000 }],
    ['503', 503, undefined, 'server_error', { failure: 'transient', retryAfter: 60_000 }],
    ['302', 302, undefined, 'invalid_response', { failure: 'transient' }],
  ])('is judged like a token endpoint: %s', async (_what, status, error, code, more) => {
    const headers = { 'retry-after': '60' };
    const { result } = await revokeAt((url) => `${url}/revoke`, status, JSON.stringify({ error }), headers);
    expect(result).toMatchObject({ code, progress: 'answered', ...more });
  });

  it('is reported where it cannot be reached', async () => {
    const stub = await startHttpServer((_incoming, response) => response.end());
    const metadata = { issuer: stub.url };
    await stub.stop();
    const failure = endpointFor(metadata).revoke(requestOf('app'), new Redacted(token), signal);
    await expect(failure).rejects.toMatchObject({ name: 'TokenRequestError', code: 'unreachable' });
    await expect(failure).rejects.toThrow(/^The authorization server corporate gave no usable answer\. /);
  });

  it('is not asked after a cancellation, which is not called a token request', async () => {
    const cancelled = endpointFor().revoke(requestOf('app'), new Redacted(token), AbortSignal.abort());
    await expect(cancelled).rejects.toThrow('The request to the authorization server corporate was cancelled.');
  });
});
