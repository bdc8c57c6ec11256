import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import type { Progress, TokenErrorCode } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { TokenEndpoint, TokenResponse } from '../../src/ports/token-endpoint.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';
import { VISIBLE_ASCII } from '../support/tokens.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const TIMEOUT = 300;

const sent = {
  client_id: secret('client-id'),
  client_secret: secret('client-secret'),
  username: secret('username'),
  password: secret('password'),
};
const answered = {
  accessToken: secret('access-token'),
  refreshToken: secret('refresh-token'),
  description: secret('error-description'),
};

let server: LoopbackServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

type Serve = (response: ServerResponse, request: IncomingMessage) => void;

/** An endpoint whose server has read the whole request before it misbehaves. */
async function endpointOf(
  serve: Serve,
  timeout = 10_000,
  more: Partial<OAuthServerSettings> = {},
): Promise<TokenEndpoint> {
  server = await startHttpServer((request, response) => {
    request.resume().on('end', () => serve(response, request));
  });
  const where = { tokenEndpoint: `${server.url}/token` };
  const settings = { ...where, clientAuthentication: 'client_secret_post' as const, ...more };
  return createOAuthTokenEndpoint({ corporate: settings }, { clock: createFakeClock({ now: NOW }), timeout });
}

const request = buildTokenRequest(sent, { grant: 'password', parameters: { scope: 'orders' } });
const signal = new AbortController().signal;

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Serve =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const text =
  (status: number, body: string | Uint8Array, headers: Record<string, string> = {}): Serve =>
  (response) =>
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);

const oauthError = (status: number, error: string, headers: Record<string, string> = {}): Serve =>
  json(status, { error, error_description: answered.description, access_token_hint: answered.accessToken }, headers);

const good = { access_token: answered.accessToken, token_type: 'Bearer', expires_in: 60 };
const withToken = (members: Record<string, unknown>): Serve => json(200, { ...good, ...members });
const withRefreshToken = (members: Record<string, unknown>): Serve =>
  withToken({ refresh_token: answered.refreshToken, ...members });
const without = (...names: string[]): Serve =>
  json(200, Object.fromEntries(Object.entries(good).filter(([k]) => !names.includes(k))));

const BOMB = Buffer.alloc(2_000_000);
const encoded = (encoding: string, body: string | Uint8Array): Serve =>
  text(200, body, { 'content-encoding': encoding });

interface Failing {
  readonly serve: Serve;
  readonly code: TokenErrorCode;
  readonly progress?: Progress;
  readonly retryAfter?: number;
  /** What the message names as the reason. */
  readonly because?: string;
}

const refusals: Readonly<Record<string, Failing>> = {
  'invalid_client with 401': { serve: oauthError(401, 'invalid_client'), code: 'invalid_client' },
  'invalid_client with 400': { serve: oauthError(400, 'invalid_client'), code: 'invalid_client' },
  invalid_grant: { serve: oauthError(400, 'invalid_grant'), code: 'invalid_grant' },
  'invalid_grant with 403': { serve: oauthError(403, 'invalid_grant'), code: 'invalid_grant' },
  invalid_scope: { serve: oauthError(400, 'invalid_scope'), code: 'invalid_scope' },
  invalid_request: { serve: oauthError(400, 'invalid_request'), code: 'invalid_request' },
  invalid_target: { serve: oauthError(400, 'invalid_target'), code: 'invalid_request' },
  unauthorized_client: { serve: oauthError(400, 'unauthorized_client'), code: 'unauthorized_client' },
  unsupported_grant_type: { serve: oauthError(400, 'unsupported_grant_type'), code: 'unsupported_grant_type' },
  access_denied: { serve: oauthError(400, 'access_denied'), code: 'access_denied' },
  'temporarily_unavailable with 400': { serve: oauthError(400, 'temporarily_unavailable'), code: 'invalid_request' },
  'slow_down with 400': { serve: oauthError(400, 'slow_down'), code: 'invalid_request' },
  'server_error with 401': { serve: oauthError(401, 'server_error'), code: 'invalid_client' },
  'invalid_request with 401': { serve: oauthError(401, 'invalid_request'), code: 'invalid_request' },
  'invalid_grant with 500': { serve: oauthError(500, 'invalid_grant'), code: 'invalid_grant' },
  'invalid_grant with 302': { serve: oauthError(302, 'invalid_grant'), code: 'invalid_grant' },
  'invalid_scope with 502': { serve: oauthError(502, 'invalid_scope'), code: 'invalid_scope' },
  'unauthorized_client with 500': { serve: oauthError(500, 'unauthorized_client'), code: 'unauthorized_client' },
  'unsupported_grant_type with 500': {
    serve: oauthError(500, 'unsupported_grant_type'),
    code: 'unsupported_grant_type',
  },
  'access_denied with 503 and Retry-After': {
    serve: oauthError(503, 'access_denied', { 'retry-after': '5' }),
    code: 'access_denied',
    retryAfter: 5000,
  },
  'invalid_request with 500': { serve: oauthError(500, 'invalid_request'), code: 'server_error' },
  'a challenge with 500': {
    serve: text(500, '', { 'www-authenticate': 'Basic error="invalid_client"' }),
    code: 'invalid_client',
  },
  'an error in capitals': { serve: oauthError(500, 'INVALID_GRANT'), code: 'invalid_grant' },
  'an error in words': { serve: oauthError(500, 'Invalid Client'), code: 'invalid_client' },
  'a nested error': { serve: json(500, { error: { code: 500, type: 'invalid_grant' } }), code: 'invalid_grant' },
  'an error of Apigee': {
    serve: json(500, { fault: { faultstring: answered.description, detail: { errorcode: 'access_denied' } } }),
    code: 'access_denied',
  },
  'the first of several errors': { serve: json(500, { errors: [{ code: 'invalid_client' }] }), code: 'invalid_client' },
  'a rejection next to a temporary name': {
    serve: json(500, { error: 'server_error', errorCode: 'invalid_grant' }),
    code: 'invalid_grant',
  },
  'an unknown error with 200': { serve: oauthError(200, 'bad_verification_code'), code: 'invalid_request' },
  'a temporary error with 200': { serve: oauthError(200, 'temporarily_unavailable'), code: 'server_error' },
  'an error with 200': { serve: oauthError(200, 'invalid_grant'), code: 'invalid_grant' },
  'an unknown error with 400': { serve: oauthError(400, answered.description), code: 'invalid_request' },
  'an unknown error with 401': { serve: oauthError(401, answered.description), code: 'invalid_client' },
  'an error named like a prototype key': { serve: oauthError(400, '__proto__'), code: 'invalid_request' },
  'an error that is no string': {
    serve: json(400, { error: { code: answered.description } }),
    code: 'invalid_request',
  },
  'only a challenge': {
    serve: text(401, answered.description, { 'www-authenticate': `Basic realm="x", error="invalid_grant"` }),
    code: 'invalid_grant',
  },
  'a challenge and a body': {
    serve: oauthError(401, 'unauthorized_client', { 'www-authenticate': `Basic error="invalid_client"` }),
    code: 'unauthorized_client',
  },
  'a challenge that cannot be read': {
    serve: text(401, '', { 'www-authenticate': `Basic "${answered.description}` }),
    code: 'invalid_client',
  },
  '400 without a body': { serve: text(400, ''), code: 'invalid_request' },
  '401 with HTML': { serve: text(401, `<p>${answered.description}</p>`), code: 'invalid_client' },
  '403 with HTML': { serve: text(403, `<p>${answered.description}</p>`), code: 'access_denied' },
  '429 with seconds': { serve: text(429, '', { 'retry-after': '17' }), code: 'rate_limited', retryAfter: 17_000 },
  '429 with a date': {
    serve: text(429, '', { 'retry-after': new Date(NOW + 90_000).toUTCString() }),
    code: 'rate_limited',
    retryAfter: 90_000,
  },
  '429 with a date in the past': {
    serve: text(429, '', { 'retry-after': new Date(NOW - 90_000).toUTCString() }),
    code: 'rate_limited',
    retryAfter: 0,
  },
  '429 with a date as asctime writes it': {
    serve: text(429, '', { 'retry-after': 'Thu Jan  1 12:01:00 2026' }),
    code: 'rate_limited',
    retryAfter: 60_000,
  },
  '429 with a year': {
    serve: text(429, '', { 'retry-after': '31536000' }),
    code: 'rate_limited',
    retryAfter: 31_536_000_000,
  },
  '429 with a fraction': {
    serve: text(429, '', { 'retry-after': '1.5' }),
    code: 'rate_limited',
    retryAfter: 1500,
  },
  '429 with RateLimit-Reset': {
    serve: text(429, '', { 'ratelimit-reset': '21' }),
    code: 'rate_limited',
    retryAfter: 21_000,
  },
  '429 with X-RateLimit-Reset since 1970': {
    serve: text(429, '', { 'x-ratelimit-reset': String(NOW / 1000 + 22) }),
    code: 'rate_limited',
    retryAfter: 22_000,
  },
  '401 with a window that is not spent': {
    serve: oauthError(401, 'invalid_client', { 'x-ratelimit-reset': '3600', 'x-ratelimit-remaining': '9' }),
    code: 'invalid_client',
  },
  '429 with nonsense': { serve: text(429, '', { 'retry-after': 'soon' }), code: 'rate_limited' },
  '429 with a negative number': { serve: text(429, '', { 'retry-after': '-5' }), code: 'rate_limited' },
  '429 with an endless number': { serve: text(429, '', { 'retry-after': '9'.repeat(400) }), code: 'rate_limited' },
  '429 with nothing': { serve: text(429, ''), code: 'rate_limited' },
  '429 with invalid_client': { serve: oauthError(429, 'invalid_client'), code: 'invalid_client' },
  '402': { serve: text(402, ''), code: 'access_denied' },
  '404 with HTML': { serve: text(404, answered.description), code: 'invalid_request' },
  '405': { serve: text(405, ''), code: 'invalid_request' },
  "407, whose body is a proxy's": { serve: oauthError(407, 'invalid_grant'), code: 'proxy_denied' },
  '408': { serve: text(408, ''), code: 'server_error' },
  '410': { serve: text(410, ''), code: 'invalid_request' },
  '418': { serve: text(418, ''), code: 'invalid_request' },
  '423': { serve: text(423, ''), code: 'access_denied' },
  '425': { serve: text(425, ''), code: 'server_error' },
  '500 with a token': { serve: json(500, good), code: 'server_error' },
  '500 with an error': { serve: oauthError(500, 'server_error'), code: 'server_error' },
  '502 with HTML': { serve: text(502, `<h1>${answered.description}</h1>`), code: 'server_error' },
  '503 with Retry-After': { serve: text(503, '', { 'retry-after': '5' }), code: 'server_error', retryAfter: 5000 },
  '504 with nothing': { serve: text(504, ''), code: 'server_error' },
};

const unusable: Readonly<Record<string, Failing>> = {
  'HTML with 200': { serve: text(200, `<p>${answered.accessToken}</p>`), code: 'invalid_response' },
  'broken JSON': { serve: text(200, `{access_token:${answered.accessToken}}`), code: 'invalid_response' },
  'JSON cut off': { serve: text(200, `{"access_token":"${answered.accessToken}"`), code: 'invalid_response' },
  'a JSON array': { serve: json(200, [good]), code: 'invalid_response' },
  'a JSON string': { serve: json(200, answered.accessToken), code: 'invalid_response' },
  'JSON null': { serve: json(200, null), code: 'invalid_response' },
  'no body': { serve: text(200, ''), code: 'invalid_response' },
  '10 MB': { serve: json(200, { ...good, padding: 'x'.repeat(10_000_000) }), code: 'invalid_response' },
  'a gzip bomb': { serve: encoded('gzip', gzipSync(BOMB)), code: 'invalid_response', because: 'longer than 65536' },
  'a deflate bomb': {
    serve: encoded('deflate', deflateSync(BOMB)),
    code: 'invalid_response',
    because: 'longer than 65536',
  },
  'a br bomb': {
    serve: encoded('br', brotliCompressSync(BOMB)),
    code: 'invalid_response',
    because: 'longer than 65536',
  },
  'a body that is not gzip': {
    serve: encoded('gzip', JSON.stringify(good)),
    code: 'invalid_response',
    because: 'had an answer that is not gzip, although its Content-Encoding says so',
  },
  'a body in two codings': {
    serve: encoded('gzip, br', brotliCompressSync(gzipSync(JSON.stringify(good)))),
    code: 'invalid_response',
    because: 'had an answer that is compressed more than once',
  },
  'no access_token': { serve: without('access_token'), code: 'invalid_response' },
  'an access_token of null': { serve: withToken({ access_token: null }), code: 'invalid_response' },
  'an empty access_token': { serve: withToken({ access_token: '' }), code: 'invalid_response' },
  'an access_token that is a number': { serve: withToken({ access_token: 12_345 }), code: 'invalid_response' },
  'an access_token that is a list': {
    serve: withToken({ access_token: [answered.accessToken] }),
    code: 'invalid_response',
  },
  'an access_token with a newline': {
    serve: withToken({ access_token: `${answered.accessToken}\r\nx-evil:1` }),
    code: 'invalid_response',
    because: 'has an access_token that contains a line break or another control character',
  },
  'an access_token that ends in a newline': {
    serve: withToken({ access_token: `${answered.accessToken}\n` }),
    code: 'invalid_response',
    because: 'has an access_token that contains a line break or another control character',
  },
  'an access_token with a blank': {
    serve: withToken({ access_token: `${answered.accessToken} x` }),
    code: 'invalid_response',
    because: 'has an access_token that contains a space or a tab',
  },
  'an access_token with a zero byte': {
    serve: withToken({ access_token: `${answered.accessToken}\0` }),
    code: 'invalid_response',
    because: 'has an access_token that contains a line break or another control character',
  },
  'an access_token beyond ASCII': {
    serve: withToken({ access_token: `${answered.accessToken}é` }),
    code: 'invalid_response',
    because: 'has an access_token that contains a character that is not ASCII',
  },
  'an access_token of 17 KiB': {
    serve: withToken({ access_token: 'x'.repeat(17 * 1024) }),
    code: 'invalid_response',
    because: 'has an access_token that is 17408 characters long, and a bearer token may have at most 16384',
  },
  'an access_token in the prototype key': {
    serve: text(200, `{"__proto__":{"access_token":"${answered.accessToken}"},"token_type":"Bearer"}`),
    code: 'invalid_response',
  },
  'token_type mac': {
    serve: withToken({ token_type: 'mac' }),
    code: 'invalid_response',
    because: 'has the token_type mac, which needs a proof with each request, which a bearer token does not have',
  },
  'token_type DPoP': {
    serve: withToken({ token_type: 'DPoP' }),
    code: 'invalid_response',
    because: 'has the token_type DPoP, which needs a proof',
  },
  'token_type N_A': {
    serve: withToken({ token_type: 'N_A' }),
    code: 'invalid_response',
    because: 'has the token_type N_A, which is for tokens that are not access tokens',
  },
  'token_type BearerToken': {
    serve: withToken({ token_type: 'BearerToken' }),
    code: 'invalid_response',
    because:
      'has the token_type "BearerToken" instead of Bearer: if this server uses it for bearer tokens, add it to bearerTokenTypes of the authorization server',
  },
  'a token_type that is a token': {
    serve: withToken({ token_type: answered.accessToken }),
    code: 'invalid_response',
    because: 'has an unusual token_type instead of Bearer: if this server uses it for bearer tokens, add it to',
  },
  'an empty token_type': { serve: withToken({ token_type: '' }), code: 'invalid_response' },
  'a token_type that is a list': {
    serve: withToken({ token_type: ['Bearer'] }),
    code: 'invalid_response',
    because: 'has a token_type that is not a text',
  },
  'a refresh_token with a newline': {
    serve: withToken({ refresh_token: `${answered.refreshToken}\n` }),
    code: 'invalid_response',
  },
  'a refresh_token that is a number': { serve: withToken({ refresh_token: 7 }), code: 'invalid_response' },
  '201 without a token': { serve: json(201, {}), code: 'invalid_response', because: 'has no access_token' },
  '202 with HTML': { serve: text(202, '<p>later</p>'), code: 'invalid_response', because: 'is not a JSON object' },
  '204': { serve: text(204, ''), code: 'invalid_response', because: 'is not a JSON object' },
  '205': { serve: text(205, ''), code: 'invalid_response', because: 'is not a JSON object' },
  '205 with a token, which no 205 may have': {
    serve: (response) =>
      void response.socket?.end(`HTTP/1.1 205 Reset\r\nconnection: close\r\n\r\n${JSON.stringify(good)}`),
    code: 'invalid_response',
  },
  '304': { serve: text(304, ''), code: 'invalid_response', progress: 'answered' },
  'a redirect with the token in its target': {
    serve: text(302, '', { location: `https://login.example.com/?t=${answered.accessToken}` }),
    code: 'invalid_response',
    progress: 'answered',
  },
  'a redirect that keeps the method': {
    serve: (response, { headers }) => response.writeHead(307, { location: `http://${headers.host}/other` }).end(),
    code: 'invalid_response',
    progress: 'answered',
  },
};

const broken: Readonly<Record<string, Failing>> = {
  'a hang before the answer': { serve: () => {}, code: 'timeout', progress: 'unknown' },
  'a hang in the body': {
    serve: (response) => void response.writeHead(200).write(`{"access_token":"${answered.accessToken}",`),
    code: 'timeout',
    progress: 'unknown',
  },
  'a body that drips': {
    serve: (response) => {
      const timer = setInterval(() => response.write(' '), TIMEOUT / 10);
      response.on('close', () => clearInterval(timer));
    },
    code: 'timeout',
    progress: 'unknown',
  },
  'a reset before the answer': {
    serve: (response) => response.socket?.resetAndDestroy(),
    code: 'unreachable',
    progress: 'unknown',
  },
  'a reset in the body': {
    serve: (response) => {
      response.writeHead(200, { 'content-length': '999' }).write(`{"access_token":"${answered.accessToken}",`);
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    },
    code: 'unreachable',
    progress: 'unknown',
  },
  'an answer that is not HTTP': {
    serve: (response) => response.socket?.end(`${answered.accessToken}\r\n\r\n`),
    code: 'invalid_response',
    progress: 'unknown',
  },
};

/** Everything that a log, a condition or a crash could show of an error. */
function shown(error: Error): string {
  const own = Object.fromEntries(Object.getOwnPropertyNames(error).map((name) => [name, Reflect.get(error, name)]));
  return [
    error.message,
    error.stack,
    JSON.stringify(error),
    JSON.stringify(own),
    inspect(error, { depth: 10, showHidden: true }),
  ].join('\n');
}

function expectNoSecret(error: Error): void {
  const all = shown(error);
  for (const [name, value] of Object.entries({ ...sent, ...answered })) {
    expect(all.includes(value), `${name} is in the error`).toBe(false);
  }
  expect((error.cause as Error | undefined)?.message ?? 'none', 'a cause is only named').toMatch(/^\w+$/);
}

describe.each(Object.entries({ refusals, unusable, broken }))('%s', (kind, cases) => {
  it.each(Object.entries(cases))(
    '%s',
    async (_what, { serve, code, progress = defaultProgress(code), retryAfter, because = '' }) => {
      const endpoint = await endpointOf(serve, kind === 'broken' && code === 'timeout' ? TIMEOUT : undefined);
      const error = await refusedRequest(endpoint, request);
      expect({ code: error.code, progress: error.progress, retryAfter: error.retryAfter }).toEqual({
        code,
        progress,
        retryAfter,
      });
      expect(error.message).toMatch(/^The authorization server corporate .*[.]$/);
      expect(error.message).toContain(because);
      expect(error.message).toContain(`127.0.0.1:${server?.port}`);
      expectNoSecret(error);
      expect(server?.connections.opened, 'never repeated by itself').toBe(1);
    },
  );
});

/** What cannot be understood may have spent a refresh token. */
function defaultProgress(code: string): Progress {
  return code === 'invalid_response' ? 'unknown' : 'answered';
}

describe('a token request without a server', () => {
  it('says that nothing was sent', async () => {
    const endpoint = await endpointOf(() => {});
    await server?.stop();
    const error = await refusedRequest(endpoint, request);
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent', failure: 'transient' });
    expect(error.message).toContain('ECONNREFUSED');
    expectNoSecret(error);
  });
});

describe('a usable answer that strays from the standard', () => {
  const plain: TokenResponse = {
    accessToken: new Redacted(answered.accessToken),
    tokenType: 'Bearer',
    scope: undefined,
    expiresIn: 60,
    refreshToken: undefined,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- a matcher is of no type
    serverDate: expect.any(Number),
  };

  it.each<[string, Serve, Partial<TokenResponse>]>([
    ['no token_type', without('token_type'), {}],
    ['a token_type of null', withToken({ token_type: null }), {}],
    ['token_type in capitals', withToken({ token_type: 'BEARER' }), {}],
    ['null refresh_token, id_token and scope', withToken({ refresh_token: null, id_token: null, scope: null }), {}],
    ['an empty refresh_token', withToken({ refresh_token: '' }), {}],
    ['an id_token that is none', withToken({ id_token: 'x.y.z' }), {}],
    ['a scope list', withToken({ scope: ['orders', 'invoices'] }), { scope: 'orders invoices' }],
    ['an empty scope', withToken({ scope: '' }), {}],
    ['a scope with a newline', withToken({ scope: 'orders\nx' }), {}],
    ['a scope that is a number', withToken({ scope: 7 }), {}],
    ['a scope list of numbers', withToken({ scope: [7] }), {}],
    ['a scope beyond ASCII', withToken({ scope: 'aufträge' }), {}],
    ['a scope of 9 KiB', withToken({ scope: 'x'.repeat(9 * 1024) }), {}],
    [
      'prototype keys',
      text(200, `{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},${JSON.stringify(good).slice(1)}`),
      {},
    ],
    ['text/html that is JSON', text(200, JSON.stringify(good)), {}],
    ...['identity', '', ' ', 'utf-8', 'none', 'UTF8', 'identity, none', 'binary', '__proto__'].map(
      (encoding): [string, Serve, Partial<TokenResponse>] => [
        `a Content-Encoding of "${encoding}"`,
        encoded(encoding, JSON.stringify(good)),
        {},
      ],
    ),
    ['a gzip body', encoded('gzip', gzipSync(JSON.stringify(good))), {}],
    ['a GZIP body', encoded('GZIP', gzipSync(JSON.stringify(good))), {}],
    ['an x-gzip body', encoded('x-gzip', gzipSync(JSON.stringify(good))), {}],
    ['a gzip body without its end', encoded('gzip', gzipSync(JSON.stringify(good)).subarray(0, -8)), {}],
    ['a gzip body that is also called identity', encoded('gzip, identity', gzipSync(JSON.stringify(good))), {}],
    ['a deflate body', encoded('deflate', deflateSync(JSON.stringify(good))), {}],
    ['a raw deflate body', encoded('deflate', deflateRawSync(JSON.stringify(good))), {}],
    ['a br body', encoded('br', brotliCompressSync(JSON.stringify(good))), {}],
    ['201', json(201, good), {}],
    ['202', json(202, good), {}],
    ['203', json(203, good), {}],
    ['206', json(206, good), {}],
    ['299', json(299, good), {}],
    ['an error next to a token', withToken({ error: 'invalid_grant' }), {}],
  ])('%s', async (_what, serve, differs) => {
    const endpoint = await endpointOf(serve);
    const response = await endpoint.request(request, signal);
    expect({ ...response, accessToken: response.accessToken.reveal() }).toEqual({
      ...plain,
      ...differs,
      accessToken: answered.accessToken,
    });
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it.each(['BearerToken', 'bearertoken', 'Application Access Token', 'Bearer'])(
    'token_type %s, where the settings have it',
    async (tokenType) => {
      const bearerTokenTypes = ['BearerToken', 'application access token'];
      const endpoint = await endpointOf(withToken({ token_type: tokenType }), undefined, { bearerTokenTypes });
      expect((await endpoint.request(request, signal)).tokenType).toBe('Bearer');
    },
  );

  it('token_type DPoP is rejected although the settings have it', async () => {
    const endpoint = await endpointOf(withToken({ token_type: 'DPoP' }), undefined, { bearerTokenTypes: ['DPoP'] });
    expect(await refusedRequest(endpoint, request)).toMatchObject({ code: 'invalid_response' });
  });

  it.each([
    ['of every visible ASCII character', VISIBLE_ASCII],
    ['as long as it may be', 'x'.repeat(16 * 1024)],
    ["like Salesforce's", `00D5e000001N20Q!${answered.accessToken}`],
  ])('an access_token %s', async (_what, accessToken) => {
    const endpoint = await endpointOf(withToken({ access_token: accessToken }));
    const response = await endpoint.request(request, signal);
    expect(response.accessToken.reveal() === accessToken).toBe(true);
  });

  it.each([60, 0, -1, 3, 0.5, 1e12, '60', 'soon', '', null, true, [60], { seconds: 60 }])(
    'expires_in %j is handed on as it came',
    async (expiresIn) => {
      const endpoint = await endpointOf(withToken({ expires_in: expiresIn }));
      expect((await endpoint.request(request, signal)).expiresIn).toEqual(expiresIn);
    },
  );

  it.each([
    ['is the time that the server wrote', 'Sun, 29 Nov 2026 12:00:00 GMT', Date.UTC(2026, 10, 29, 12)],
    ['that is no date is left out', 'yesterday', undefined],
  ])('a Date %s', async (_sentence, date, serverDate) => {
    const endpoint = await endpointOf(json(200, good, { date }));
    expect((await endpoint.request(request, signal)).serverDate).toBe(serverDate);
  });

  it('no expires_in, or one beyond all numbers, is handed on too', async () => {
    const endpoint = await endpointOf(without('expires_in'));
    expect((await endpoint.request(request, signal)).expiresIn).toBeUndefined();
    await server?.stop();
    const endless = await endpointOf(text(200, `{"access_token":"${answered.accessToken}","expires_in":1e999}`));
    expect((await endless.request(request, signal)).expiresIn).toBe(Infinity);
  });

  it.each<[string, Serve, TokenErrorCode]>([
    ['no access_token', withRefreshToken({ access_token: undefined }), 'invalid_response'],
    ['a malformed access_token', withRefreshToken({ access_token: 'a b' }), 'invalid_response'],
    ['another token_type', withRefreshToken({ token_type: 'mac' }), 'invalid_response'],
    ['an OAuth error', withRefreshToken({ access_token: undefined, error: 'invalid_scope' }), 'invalid_scope'],
  ])(
    'the refresh token of an answer with %s comes with the error, which does not print it',
    async (_w, serve, code) => {
      const endpoint = await endpointOf(serve);
      const error = await refusedRequest(endpoint, request);
      expect(error.code).toBe(code);
      expect(error.refreshToken?.reveal() === answered.refreshToken).toBe(true);
      expectNoSecret(error);
    },
  );

  it.each<[string, Serve]>([
    ['of a rejection', json(400, { error: 'invalid_grant', refresh_token: answered.refreshToken })],
    ['that is malformed', withToken({ token_type: 'mac', refresh_token: `${answered.refreshToken}\n` })],
    ['that is a number', withToken({ token_type: 'mac', refresh_token: 7 })],
    ['that is missing', withToken({ token_type: 'mac' })],
  ])('a refresh token %s is not kept', async (_what, serve) => {
    const error = await refusedRequest(await endpointOf(serve), request);
    expect(error.refreshToken).toBeUndefined();
  });

  it('an answer does not print', async () => {
    const endpoint = await endpointOf(withToken({ refresh_token: answered.refreshToken }));
    const response = await endpoint.request(request, signal);
    expect(response.refreshToken?.reveal()).toBe(answered.refreshToken);
    const printed = inspect(response, { depth: 10, showHidden: true }) + JSON.stringify(response);
    expect(printed).not.toContain(answered.accessToken);
    expect(printed).not.toContain(answered.refreshToken);
  });
});
