import { afterEach, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { ProtocolRequest, TokenEndpoint, TokenRequest, TokenResponse } from '../../src/ports/token-endpoint.ts';
import { FakeTokenEndpoint, tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, type Started, seconds, specification, start } from '../support/acquirer.ts';
import { configured } from '../support/http-protocols.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';

/** The answers of authorization servers to a wrong password. */
interface Form {
  readonly status: number;
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

const challenge = { 'www-authenticate': 'Bearer error="invalid_grant"' };

const FORMS: Readonly<Record<string, Form>> = {
  '400 invalid_grant': { status: 400, body: { error: 'invalid_grant' } },
  '400 with another name': { status: 400, body: { error: 'inactive_org' } },
  '400 with another error code': { status: 400, body: { errorCode: 'BAD_CLIENT_ID' } },
  '400 with a nested name': { status: 400, body: { error: { code: 'INVALID_LOGIN', message: 'No.' } } },
  '400 temporarily_unavailable': { status: 400, body: { error: 'temporarily_unavailable' } },
  '401 server_error': { status: 401, body: { error: 'server_error' } },
  '401 with HTML': { status: 401, body: '<h1>Log in</h1>' },
  '401 with a challenge': { status: 401, headers: challenge },
  '403 with nothing': { status: 403 },
  '403 with HTML': { status: 403, body: '<h1>Forbidden</h1>' },
  '404 with HTML': { status: 404, body: '<h1>Not found</h1>' },
  '405 with nothing': { status: 405 },
  '422 with other JSON': { status: 422, body: { message: 'The password is wrong.' } },
  '423 with nothing': { status: 423 },
  '429 invalid_grant': { status: 429, body: { error: 'invalid_grant' } },
  '500 invalid_grant': { status: 500, body: { error: 'invalid_grant' } },
  '500 with a challenge': { status: 500, headers: challenge },
  '500 with a nested invalid_grant': { status: 500, body: { error: { code: 'invalid_grant' } } },
  '502 invalid_client': { status: 502, body: { error: 'invalid_client' } },
  '503 access_denied': { status: 503, body: { error: 'access_denied' }, headers: { 'retry-after': '1' } },
  '200 invalid_grant': { status: 200, body: { error: 'invalid_grant' } },
  '200 with another name': { status: 200, body: { error: 'incorrect_client_credentials' } },
};

let server: LoopbackServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** The real endpoint, which counts its open requests. */
class ServedEndpoint extends FakeTokenEndpoint {
  readonly #real: TokenEndpoint;

  constructor(real: TokenEndpoint) {
    super();
    this.#real = real;
  }

  override async request(request: TokenRequest, signal: AbortSignal): Promise<TokenResponse> {
    this.requests.push(request as ProtocolRequest<'oauth'>);
    this.inFlight += 1;
    try {
      return await this.#real.request(request, signal);
    } finally {
      this.inFlight -= 1;
    }
  }
}

function oauthAt(url: string, clock: Clock): TokenEndpoint {
  const corporate = { tokenEndpoint: `${url}/token`, clientAuthentication: 'client_secret_basic' } as const;
  return createOAuthTokenEndpoint({ corporate }, { clock });
}

async function startAt(
  { status, body = '', headers }: Form,
  names: readonly string[] = ['dynamics'],
  endpointAt = oauthAt,
): Promise<Started> {
  server = await startHttpServer((request, response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    request.resume().on('end', () => response.writeHead(status, headers).end(text));
  });
  const world = createWorld();
  const endpoint = new ServedEndpoint(endpointAt(server.url, world.clock));
  world.credentials.set('dynamics', credential());
  return start(
    { ...world, endpoint },
    {
      specifications: names.map((name) =>
        specification({ identity: { namespace: 'billing', secret: 'billing-tokens', name }, grant: 'password' }),
      ),
    },
  );
}

const credential = (): Record<string, string> => ({
  client_id: 'billing',
  client_secret: secret('client-secret'),
  username: 'ada',
  password: secret('wrong-password'),
});

/** Advances the time in steps of a second, and waits for each request in it. */
async function pass(started: Started, duration: number): Promise<void> {
  for (let passed = 0; passed < duration; passed += seconds(1)) {
    await until('The end of the request', () => started.endpoint.inFlight === 0, 10_000);
    await started.clock.advance(seconds(1));
  }
}

describe('a wrong password', () => {
  it.each(Object.entries(FORMS))('is sent at most twice in 60 s: %s', async (_what, form) => {
    const started = await startAt(form);
    await pass(started, seconds(60));
    expect(started.endpoint.requests.length).toBeGreaterThanOrEqual(1);
    expect(started.endpoint.requests.length).toBeLessThanOrEqual(2);
  });

  it('of 50 tokens is sent at most twice in 60 s, and the status of each shows the reason', async () => {
    const names = Array.from({ length: 50 }, (_, number) => `token-${number}`);
    const started = await startAt({ status: 400, body: { error: 'invalid_grant' } }, names);
    await pass(started, seconds(60));
    expect(started.endpoint.requests.length).toBeGreaterThanOrEqual(1);
    expect(started.endpoint.requests.length).toBeLessThanOrEqual(2);
    for (const name of names) expect(started.only(name).cycle.status.lastError?.code).toBe('invalid_grant');
  });

  it('of 20 tokens that were obtained before it was changed is sent at most seven times in 10 min', async () => {
    const names = Array.from({ length: 20 }, (_, number) => `token-${number}`);
    const world = createWorld();
    world.credentials.set('dynamics', credential());
    world.endpoint.script(
      ...names.map((name) => tokenResponse({ accessToken: new Redacted(secret(name)), expiresIn: 3600 })),
    );
    const specifications = names.map((name, index) =>
      specification({
        identity: { namespace: 'billing', secret: 'billing-tokens', name },
        renewal: { interval: seconds(30 + index) },
        grant: 'password',
      }),
    );
    const { clock, endpoint } = await start(world, { specifications });
    await clock.advance(seconds(5));
    expect(endpoint.requests).toHaveLength(20);
    const wrong = new TokenRequestError('invalid_grant', 'The password is wrong.', { progress: 'answered' });
    endpoint.script(...Array.from({ length: 500 }, () => wrong));
    await clock.advance(seconds(600));
    expect(endpoint.requests.length - 20).toBeGreaterThanOrEqual(2);
    expect(endpoint.requests.length - 20).toBeLessThanOrEqual(7);
  });

  it('is replaced immediately if the credential changes', async () => {
    const started = await startAt({ status: 401, body: { error: 'server_error' } });
    await pass(started, seconds(3));
    expect(started.endpoint.requests).toHaveLength(1);
    started.credentials.set('dynamics', credential());
    await pass(started, seconds(2));
    expect(started.endpoint.requests).toHaveLength(2);
  });
});

/** Logins reject with an answer that has no token. */
const LOGIN_FORMS: Readonly<Record<string, Form>> = {
  '200 with other JSON': { status: 200, body: { success: false } },
  '200 with a null': { status: 200, body: { token: null } },
  '200 with HTML': { status: 200, body: '<h1>Log in</h1>' },
  '200 with a long page': { status: 200, body: 'a'.repeat(70_000) },
  '204 with nothing': { status: 204 },
  '302 to the login page': { status: 302, headers: { location: '/login' } },
  '401 with nothing': { status: 401 },
};

describe('a wrong password of a login that is no OAuth', () => {
  const login = (url: string, clock: Clock): TokenEndpoint => {
    const settings = { protocol: 'http_login', url: `${url}/login`, token: { pointer: '/token' } };
    return configured(settings, {}, { clock }).endpoint;
  };

  it.each(Object.entries(LOGIN_FORMS))('is sent at most twice in 60 s: %s', async (_what, form) => {
    const started = await startAt(form, ['one', 'two'], login);
    await pass(started, seconds(60));
    expect(started.endpoint.requests.length).toBeGreaterThanOrEqual(1);
    expect(started.endpoint.requests.length).toBeLessThanOrEqual(2);
    const code = form.status === 401 ? 'invalid_grant' : 'access_denied';
    for (const name of ['one', 'two']) expect(started.only(name).cycle.status.lastError?.code).toBe(code);
  });
});

describe('a busy or failing server', () => {
  it.each<[string, Form]>([
    ['408', { status: 408 }],
    ['425', { status: 425 }],
    ['429', { status: 429 }],
    ['500', { status: 500 }],
    ['503', { status: 503, body: { error: 'temporarily_unavailable' } }],
  ])('receives another request soon after %s', async (_what, form) => {
    const started = await startAt(form);
    await pass(started, seconds(60));
    expect(started.endpoint.requests.length).toBeGreaterThan(5);
  });
});
