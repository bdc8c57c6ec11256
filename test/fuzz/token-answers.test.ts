import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTokenAnswer } from '../../src/adapters/oauth/token-answer.ts';
import { HttpAuthorizationServer } from '../../src/adapters/protocols/http-authorization-server.ts';
import { isBearerToken, MAX_TOKEN_LENGTH } from '../../src/core/bearer.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { lifetimeOf } from '../../src/core/renewal.ts';
import type { TokenResponse } from '../../src/ports/token-endpoint.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { protocolRow } from '../../src/token-acquirer/configuration/protocols.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { acceptedAsync, CANARY, expectHeaderValue, expectLinear, expectTime, fuzzAsync } from '../support/fuzz.ts';
import { headers, nearJson } from '../support/hostile.ts';
import { buildCredential, buildTokenRequest } from '../support/token-requests.ts';

const NOW = Date.UTC(2026, 10, 30);
const STATUSES = [200, 200, 200, 200, 201, 202, 302, 307, 400, 401, 403, 404, 407, 422, 429, 500, 503, 599];

const request = buildTokenRequest({ client_id: 'billing', client_secret: CANARY });
const context = {
  peer: {
    name: 'corporate',
    host: 'login.example.com',
    sent: { request, clientAuthentication: 'client_secret_basic' as const },
  },
  now: NOW,
  bearerTokenTypes: ['AccessToken'],
};

const token = {
  access_token: 'an-access-token',
  token_type: 'Bearer',
  expires_in: 3600,
  scope: 'orders.read',
  refresh_token: CANARY,
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
};
const rejection = {
  error: 'invalid_grant',
  error_description: `AADSTS50126: ${CANARY}`,
  error_codes: [50126],
  errorCode: 'E0000004',
  fault: { faultstring: CANARY, detail: { errorcode: 'oauth.v2.InvalidClient' } },
  errors: [{ code: 'locked', message: CANARY }],
};

const answers = fc.record({
  body: fc.oneof({ weight: 3, arbitrary: nearJson(token) }, { weight: 2, arbitrary: nearJson(rejection) }),
  status: fc.constantFrom(...STATUSES),
  headers: headers('retry-after', 'date', 'www-authenticate', 'ratelimit', 'x-ratelimit-reset', 'x-subject-token'),
});

type Answer = typeof answers extends fc.Arbitrary<infer One> ? One : never;

function responseOf({ body, status, headers: fields }: Answer): Response {
  return new Response(body, { status, headers: fields });
}

/** Runs the request. Of an error, only what its declaration promises is right. */
async function tokenOf(ask: () => Promise<TokenResponse>, answered: Answer): Promise<TokenResponse | undefined> {
  return acceptedAsync(async () => {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof TokenRequestError) expectDeclared(error, answered);
      throw error;
    }
  }, TokenRequestError);
}

function expectDeclared({ retryAfter, refreshToken, message }: TokenRequestError, { status }: Answer): void {
  expect(message).toMatch(/^The authorization server [^\r\n]*\.$/);
  if (retryAfter !== undefined) {
    expect(Number.isFinite(retryAfter)).toBe(true);
    expect(retryAfter).toBeGreaterThanOrEqual(0);
  }
  // Of a rejection, the body may repeat what was sent.
  if (status >= 300) expect(refreshToken).toBeUndefined();
  if (refreshToken !== undefined) expect(refreshToken.reveal()).toMatch(/^[\x20-\x7e]+$/);
}

function expectResponse(found: TokenResponse, { status }: Answer): void {
  expect(status).toBeLessThan(300);
  const text = found.accessToken.reveal();
  expect(isBearerToken(text)).toBe(true);
  expect(text.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH);
  expectHeaderValue(`Bearer ${text}`);
  expect(found.tokenType).toBe('Bearer');
  if (found.scope !== undefined) expect(found.scope).toMatch(/^[\x20-\x7e]{1,8192}$/);
  if (found.refreshToken !== undefined) expect(found.refreshToken.reveal()).toMatch(/^[\x20-\x7e]+$/);
  if (found.serverDate !== undefined) expectTime(found.serverDate);
  const { lifetime } = lifetimeOf(found.expiresIn);
  expect(lifetime).toBeGreaterThan(0);
  expectTime(NOW + lifetime);
}

describe('an answer of an OAuth token endpoint', () => {
  it('is a token that a header can carry, or a TokenRequestError', async () => {
    await fuzzAsync(
      answers,
      async (answer) => {
        const found = await tokenOf(() => readTokenAnswer(responseOf(answer), context), answer);
        if (found !== undefined) expectResponse(found, answer);
      },
      1500,
    );
  });
});

/** An authorization server of a protocol of HTTP requests, which gives this answer. */
function serverOf(settings: { readonly protocol: string }, answer: Answer): HttpAuthorizationServer {
  const { http } = protocolRow(settings);
  const text = JSON.stringify({ authorizationServers: { corporate: settings }, tokens: {} });
  const server = parseConfiguration(text, '/etc/token-acquirer/config.yaml').servers['corporate'];
  if (http === undefined || server === undefined) throw new Error('This is no protocol of HTTP requests.');
  const outbound = async (): Promise<Response> => responseOf(answer);
  return new HttpAuthorizationServer('corporate', server, {
    protocol: http,
    outbound,
    clock: createFakeClock(),
    originOf: undefined,
  });
}

const LOGIN = { protocol: 'http_login', url: 'https://login.example.com/v3/auth/tokens' };
const IN_BODY = { ...LOGIN, token: { pointer: '/token/id' }, lifetime: { pointer: '/token/expires_at' } };
const IN_HEADER = { ...LOGIN, token: { header: 'X-Subject-Token' }, lifetime: { pointer: '/token/expires_at' } };
const loginAnswers = fc.record({
  body: nearJson({ token: { id: 'an-access-token', expires_at: '2026-11-30T12:00:00Z', user: { password: CANARY } } }),
  status: fc.constantFrom(...STATUSES),
  headers: headers('retry-after', 'date', 'x-subject-token'),
});

describe.each([
  ['in the body', IN_BODY],
  ['in a header', IN_HEADER],
])('an answer of a login with the token %s', (_, settings) => {
  const login = {
    ...request,
    protocol: 'http_login',
    credential: buildCredential({ username: 'ada', password: CANARY }),
  };

  it('is a token that a header can carry, or a TokenRequestError', async () => {
    await fuzzAsync(
      loginAnswers,
      async (answer) => {
        const server = serverOf(settings, answer);
        const found = await tokenOf(() => server.request(login, new AbortController().signal), answer);
        if (found !== undefined) expectResponse(found, answer);
      },
      500,
    );
  });
});

describe('the body of an answer', () => {
  it('takes linear time', () => {
    const read = (text: string): unknown => void readTokenAnswer(new Response(text), context).catch(() => undefined);
    expectLinear(read, ['{', '"error":', '[', '"', '\\', ' ', '1', ',', '"a":1']);
  });
});
