import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { Calls } from '../../src/token-acquirer/endpoints/calls.ts';
import { createListener } from '../../src/token-acquirer/endpoints/listener.ts';
import { addReissueRoutes, STARTS_A_MINUTE } from '../../src/token-acquirer/endpoints/reissue-routes.ts';
import { FakeCallerAuthenticator } from '../fakes/fake-caller-authenticator.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, type Started, seconds, specification, start } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const TOKEN = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';
const GATEWAY = secret('caller-gateway');
const BILLING = secret('caller-billing');

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

interface Call {
  readonly bearer?: string;
  readonly path?: string;
  readonly body?: object | string;
  readonly method?: 'POST' | 'GET';
}

interface Running extends Started {
  call(given?: Call): Promise<LightMyRequestResponse>;
}

/** A token whose rejections the gateway may report, and for whose reissue the client app may ask. */
async function running(): Promise<Running> {
  const world = createWorld();
  world.endpoint.script(...Array.from({ length: 200 }, () => tokenResponse({ expiresIn: 24 * 3600 })));
  const settings = { evidence: { reporters: ['gateway'] } };
  const started = await start(world, { specifications: [specification(settings)] });
  await started.clock.advance(seconds(60));
  const callers = new FakeCallerAuthenticator();
  callers.allow(GATEWAY, 'gateway');
  callers.allow(BILLING, 'billing-app');
  const listener = createListener(undefined);
  app = listener;
  const { acquirer, clock, telemetry } = started;
  await addReissueRoutes(listener, { acquirer, callers, clock, telemetry, calls: new Calls() });
  return {
    ...started,
    async call({ bearer = GATEWAY, path = `${TOKEN}/rejections`, body, method = 'POST' } = {}) {
      const rejected_sha256 = started.only().cycle.held.token?.sha256;
      const authorization = bearer === '' ? {} : { authorization: `Bearer ${bearer}` };
      const given = method === 'GET' ? {} : { payload: body ?? { rejected_sha256 } };
      const answer = listener.inject({ method, url: path, headers: authorization, ...given });
      for (let turn = 0; turn < 20; turn += 1) await clock.settle();
      await clock.advance(seconds(1));
      return answer;
    },
  };
}

describe('a report of a gateway', () => {
  it('is answered 202 without a word, and leads to a new token and a line of the audit', async () => {
    const { call, endpoint, stored, only, processEvents } = await running();
    const rejected = only().cycle.held.token?.sha256;
    const answer = await call();
    expect([answer.statusCode, answer.body, answer.headers['cache-control']]).toEqual([202, '', 'no-store']);
    expect(endpoint.requests).toHaveLength(2);
    expect(stored()?.previousSha256).toEqual([rejected]);
    expect(processEvents.filter(({ kind }) => kind === 'evidence')).toMatchObject([
      { source: { by: 'gateway', call: { caller: 'gateway' } }, result: 'reissued', rejected },
    ]);
  });

  it.each<[string, (hash: string) => string]>([
    ['of the first digits of a hash', (hash) => hash.slice(0, 8)],
    ['of a whole hash', (hash) => hash],
  ])('may be %s', async (_, named) => {
    const { call, endpoint, only } = await running();
    await call({ body: { rejected_sha256: named(only().cycle.held.token?.sha256 ?? '') } });
    expect(endpoint.requests).toHaveLength(2);
  });

  it('is answered 202 and leads to nothing if it is about another token', async () => {
    const { call, endpoint } = await running();
    const answer = await call({ body: { rejected_sha256: '0'.repeat(64) } });
    expect([answer.statusCode, answer.body]).toEqual([202, '']);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('leads to one token request, however often it is repeated', async () => {
    const { call, endpoint, only } = await running();
    const body = { rejected_sha256: only().cycle.held.token?.sha256 };
    const answers = await Promise.all(Array.from({ length: 100 }, () => call({ body })));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([202]));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('leads to ever fewer token requests if the gateway rejects each token', async () => {
    const { call, endpoint } = await running();
    for (let count = 0; count < 300; count += 1) await call();
    // After 1, 2, 4 s and so on.
    expect(endpoint.requests.length).toBeLessThan(12);
    expect(endpoint.requests.length).toBeGreaterThan(5);
  });

  it.each<[string, object | string]>([
    ['without a hash', {}],
    ['with an empty hash', { rejected_sha256: '' }],
    ['with a hash in upper case', { rejected_sha256: 'A'.repeat(64) }],
    ['with a token in place of its hash', { rejected_sha256: 'eyJhbGciOiJub25lIn0' }],
    ['that is no object', '[]'],
  ])('is answered 400 %s', async (_, body) => {
    const { call, endpoint } = await running();
    const answer = await call({ body: typeof body === 'string' ? [] : body });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ detail: expect.stringContaining('rejected_sha256') as string });
    expect(endpoint.requests).toHaveLength(1);
  });

  it('is answered 401 without a bearer token', async () => {
    const { call } = await running();
    expect((await call({ bearer: '' })).statusCode).toBe(401);
    expect((await call({ bearer: 'unknown' })).statusCode).toBe(401);
  });

  it.each([`${TOKEN.replace('dynamics', 'orders')}/rejections`, `${TOKEN.replace('billing/', 'other/')}/rejections`])(
    'is answered 403 for a token that does not exist: %s',
    async (path) => {
      expect((await (await running()).call({ path })).statusCode).toBe(403);
    },
  );

  it('is answered 403 if a client makes it, which is not counted as an unknown client', async () => {
    const { call, endpoint, only } = await running();
    expect((await call({ bearer: BILLING })).statusCode).toBe(403);
    expect(endpoint.requests).toHaveLength(1);
    expect(only().cycle.status.get('CallersKnown')).toBeUndefined();
  });

  it('is limited for each caller, with a time to wait', async () => {
    const { call, clock, only } = await running();
    const statuses: number[] = [];
    for (let count = 0; count <= STARTS_A_MINUTE; count += 1) {
      // A token of 10 min is no longer one that the gateway rejects quickly.
      await clock.advance(seconds(700));
      statuses.push((await call()).statusCode);
    }
    expect(statuses.at(-2)).toBe(202);
    expect(statuses.at(-1)).toBe(429);
    const before = only().cycle.held.token;
    const answer = await call();
    expect(answer.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(only().cycle.held.token).toBe(before);
  });
});

describe('a reporter', () => {
  it.each<[string, Call]>([
    ['a reissue', { path: `${TOKEN}/reissue` }],
    ['the token', { path: TOKEN, method: 'GET' }],
    ['the conditions', { path: `${TOKEN}/conditions`, method: 'GET' }],
  ])('is denied %s', async (_, given) => {
    const { call, endpoint } = await running();
    const answer = await call(given);
    expect(answer.statusCode).toBe(403);
    expect(answer.body).not.toContain('access_token');
    expect(endpoint.requests).toHaveLength(1);
  });
});
