import { afterEach, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { ProtocolRequest, TokenEndpoint, TokenResponse } from '../../src/ports/token-endpoint.ts';
import { SOLE_LEADER } from '../../src/token-acquirer/leadership/leadership.ts';
import { RefreshChain } from '../../src/token-acquirer/token/refresh-chain.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeRefreshTokenStore } from '../fakes/fake-refresh-token-store.ts';
import { failure } from '../support/failure.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';

type Method = Extract<OAuthServerSettings['clientAuthentication'], `client_secret_${string}`>;

const signal = new AbortController().signal;
const first = secret('first-secret');
const second = secret('second-secret');
const values = { client_id: 'app', client_secret: first, client_secret_next: second };
const request = buildTokenRequest(values);

/** An authorization server with one client, whose secrets change. */
interface SecretServer extends LoopbackServer {
  readonly valid: Set<string>;
  /** The secret of each request, in order. */
  readonly sent: string[];
  /** What a rejected secret is answered with. */
  rejection: { readonly status: number; readonly error?: string };
  /** What an accepted secret is answered with instead of a token; with the status 0 the connection ends without an answer. */
  answer: { readonly status: number; readonly error?: string; readonly refresh_token?: string } | undefined;
  /** The next answers wait until as many requests have arrived. */
  together: number;
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function start(...valid: readonly string[]): Promise<SecretServer> {
  const waiting: (() => void)[] = [];
  const server: Omit<SecretServer, keyof LoopbackServer> = {
    valid: new Set(valid),
    sent: [],
    rejection: { status: 401, error: 'invalid_client' },
    answer: undefined,
    together: 1,
  };
  const loopback = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      const [, basic = ''] = (incoming.headers.authorization ?? '').split(' ');
      const inHeader = Buffer.from(basic, 'base64').toString().split(':')[1];
      const shown = inHeader ?? new URLSearchParams(body).get('client_secret') ?? '';
      server.sent.push(shown);
      const { valid: known, rejection, answer } = server;
      const { status, ...rest } = known.has(shown) ? (answer ?? { status: 200 }) : rejection;
      const token = { access_token: secret('access-token'), token_type: 'Bearer', expires_in: 60 };
      waiting.push(() => {
        if (status === 0) {
          response.destroy();
          return;
        }
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(status === 200 && Object.keys(rest).length === 0 ? token : rest));
      });
      if (waiting.length < server.together) return;
      server.together = 1;
      for (const go of waiting.splice(0)) go();
    });
  });
  stops.push(loopback.stop);
  return Object.assign(server, loopback);
}

function endpointAt({ url }: SecretServer, clientAuthentication: Method = 'client_secret_basic'): TokenEndpoint {
  const corporate = { tokenEndpoint: `${url}/token`, clientAuthentication };
  return createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock() });
}

const ask = (endpoint: TokenEndpoint, asked: ProtocolRequest<'oauth'> = request) => endpoint.request(asked, signal);

describe.each(['client_secret_basic', 'client_secret_post'] as const)('with %s, a second secret', (method) => {
  it('is never sent while the first one is accepted', async () => {
    const server = await start(first, second);
    const endpoint = endpointAt(server, method);
    for (let count = 0; count < 3; count += 1) expect((await ask(endpoint)).nextSecret).toBeUndefined();
    expect(server.sent).toEqual([first, first, first]);
  });

  it('takes over without a failed request when the first one ends, and is the only one sent afterwards', async () => {
    const server = await start(first, second);
    const endpoint = endpointAt(server, method);
    await ask(endpoint);
    server.valid.delete(first);
    for (let count = 0; count < 3; count += 1) expect((await ask(endpoint)).nextSecret).toBe(true);
    expect(server.sent).toEqual([first, first, second, second, second]);
  });

  it.each([
    ['401 invalid_client', 401, 'invalid_client', 2],
    ['400 invalid_client', 400, 'invalid_client', 2],
    ['401 unauthorized_client, as Keycloak answers', 401, 'unauthorized_client', 2],
    ['401 without a name', 401, undefined, 2],
    ['400 unauthorized_client, which is about the grant', 400, 'unauthorized_client', 1],
    ['invalid_grant', 400, 'invalid_grant', 1],
    ['invalid_scope', 400, 'invalid_scope', 1],
    ['503', 503, undefined, 1],
    ['429', 429, undefined, 1],
  ])('is tried after the right answers: %s', async (_what, status, error, requests) => {
    const server = await start(second);
    server.rejection = { status, ...(error !== undefined && { error }) };
    const endpoint = endpointAt(server, method);
    if (requests === 2) expect((await ask(endpoint)).nextSecret).toBe(true);
    else await refusedRequest(endpoint, request);
    expect(server.sent).toEqual([first, second].slice(0, requests));
  });
});

describe('two secrets', () => {
  it('that are both wrong are tried once, and later as often as one would be', async () => {
    const server = await start();
    const endpoint = endpointAt(server);
    const errors = [];
    for (let count = 0; count < 4; count += 1) errors.push(await refusedRequest(endpoint, request));
    expect(server.sent).toEqual([first, second, first, first, first]);
    expect(new Set(errors.map(({ message }) => message)).size).toBe(1);
    expect(errors[0]?.message).toContain('Check client_id, client_secret and client_secret_next in the credential');
  });

  it('that are both wrong are tried anew when the credential changes', async () => {
    const server = await start();
    const endpoint = endpointAt(server);
    await refusedRequest(endpoint, request);
    const third = secret('third-secret');
    server.valid.add(third);
    const changed = buildTokenRequest({ ...values, client_secret_next: third });
    expect((await ask(endpoint, changed)).nextSecret).toBe(true);
    expect(server.sent).toEqual([first, second, first, third]);
  });

  it('may take over again after each success', async () => {
    const server = await start(second);
    const endpoint = endpointAt(server);
    await ask(endpoint);
    server.valid.delete(second);
    server.valid.add(first);
    expect((await ask(endpoint)).nextSecret).toBeUndefined();
    expect(server.sent).toEqual([first, second, second, first]);
  });

  it('are not tried both where they are the same', async () => {
    const server = await start();
    await refusedRequest(endpointAt(server), buildTokenRequest({ ...values, client_secret_next: first }));
    expect(server.sent).toEqual([first]);
  });

  it('report what the accepted one was rejected for', async () => {
    const server = await start(second);
    server.answer = { status: 400, error: 'invalid_scope' };
    const endpoint = endpointAt(server);
    for (let count = 0; count < 2; count += 1) {
      expect(await refusedRequest(endpoint, request)).toMatchObject({ code: 'invalid_scope' });
    }
    expect(server.sent).toEqual([first, second, second]);
  });

  it('keep the rejection where the second attempt shows nothing, and try it again', async () => {
    const server = await start(second);
    server.answer = { status: 503, error: 'server_error' };
    const endpoint = endpointAt(server);
    expect(await refusedRequest(endpoint, request)).toMatchObject({ code: 'invalid_client' });
    server.answer = undefined;
    expect((await ask(endpoint)).nextSecret).toBe(true);
    expect(server.sent).toEqual([first, second, first, second]);
  });

  it('are found out by one of many requests at a time', async () => {
    const server = await start(second);
    const endpoint = endpointAt(server);
    server.together = 5;
    const all = [1, 2, 3, 4, 5].map(() => ask(endpoint));
    const responses = await Promise.all(all);
    expect(responses.map(({ nextSecret }) => nextSecret)).toEqual([true, true, true, true, true]);
    expect(server.sent.filter((sent) => sent === first)).toHaveLength(5);
    expect(server.sent.filter((sent) => sent === second)).toHaveLength(5);
  });

  it('that are both wrong are rejected once more for many requests at a time', async () => {
    const server = await start();
    const endpoint = endpointAt(server);
    server.together = 5;
    const all = [1, 2, 3, 4, 5].map(() => refusedRequest(endpoint, request));
    await Promise.all(all);
    expect(server.sent.filter((sent) => sent === second)).toHaveLength(1);
  });

  it('do not spend a refresh token twice', async () => {
    const server = await start(second);
    const refreshToken = new Redacted(secret('refresh-token'));
    const response = await ask(endpointAt(server), { ...request, grant: 'refresh_token', refreshToken });
    expect(response.nextSecret).toBe(true);
    expect(server.sent).toEqual([first, second]);
  });

  it('revoke with the one that was accepted, or find it out', async () => {
    const revoked: string[] = [];
    const server = await startHttpServer((incoming, response) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => {
        const shown = new URLSearchParams(body).get('client_secret') ?? '';
        const answer = {
          issuer: server.url,
          token_endpoint: `${server.url}/token`,
          revocation_endpoint: `${server.url}/revoke`,
        };
        if (incoming.url === '/revoke') revoked.push(shown);
        const isWrong = incoming.method === 'POST' && shown !== second;
        const token = { access_token: secret('access-token'), token_type: 'Bearer' };
        response.writeHead(isWrong ? 401 : 200, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify(incoming.method === 'GET' ? answer : isWrong ? { error: 'invalid_client' } : token),
        );
      });
    });
    stops.push(server.stop);
    const corporate = { issuer: server.url, clientAuthentication: 'client_secret_post' } as const;
    const open = (): TokenEndpoint => createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock() });
    const endpoint = open();
    const { accessToken } = await ask(endpoint);
    expect(await endpoint.revoke(request, accessToken, signal)).toBe(true);
    expect(revoked).toEqual([second]);
    const another = open();
    for (let count = 0; count < 2; count += 1) expect(await another.revoke(request, accessToken, signal)).toBe(true);
    expect(revoked).toEqual([second, first, second, second]);
  });
});

describe('the second attempt with a rotating refresh token', () => {
  const origin = secret('refresh-token');
  const credential = buildTokenRequest({ ...values, refresh_token: origin }).credential;

  /** Exchanges the refresh token as a cycle does. Returns the code of the error. */
  function openChain(server: SecretServer): { exchange(): Promise<string>; tokens: string[] } {
    const endpoint = endpointAt(server, 'client_secret_post');
    const identity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
    const store = new FakeRefreshTokenStore();
    const chain = new RefreshChain(identity, {
      store,
      clock: createFakeClock(),
      onMark: () => undefined,
      leadership: SOLE_LEADER,
    });
    const tokens: string[] = [];
    const send = async (refreshToken: Redacted, beforeSending: () => Promise<void>): Promise<TokenResponse> => {
      tokens.push(refreshToken.reveal());
      return ask(endpoint, { ...request, credential, grant: 'refresh_token', refreshToken, beforeSending });
    };
    const exchange = async (): Promise<string> => {
      const error = await failure(chain.exchange(credential, 0, send));
      return error instanceof TokenRequestError ? error.code : String(error);
    };
    return { exchange, tokens };
  }

  it('may have spent it where its answer is lost, so it is not sent again', async () => {
    const server = await start(second);
    server.answer = { status: 0 };
    const { exchange, tokens } = openChain(server);
    expect(await exchange()).toBe('invalid_client');
    expect(server.sent).toEqual([first, second]);
    expect(await exchange()).toBe('needs_credential');
    expect(tokens).toEqual([origin]);
  });

  it('leaves the successor of an answer without an access token', async () => {
    const server = await start(second);
    const successor = secret('successor');
    server.answer = { status: 200, refresh_token: successor };
    const { exchange, tokens } = openChain(server);
    expect(await exchange()).toBe('invalid_client');
    await exchange();
    expect(tokens).toEqual([origin, successor]);
  });
});
