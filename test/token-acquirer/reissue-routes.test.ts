import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import type { ProcessEvent } from '../../src/core/events.ts';
import { TEST_HEADER, TEST_VALUE } from '../../src/core/test-call.ts';
import { sha256 } from '../../src/core/token.ts';
import type { Caller, CallerAuthenticator } from '../../src/ports/caller-authenticator.ts';
import { Calls } from '../../src/token-acquirer/endpoints/calls.ts';
import {
  createListener,
  isLocal,
  listen,
  parseAddress,
  refuseForeignPages,
} from '../../src/token-acquirer/endpoints/listener.ts';
import { ProcessStatus } from '../../src/token-acquirer/endpoints/process-status.ts';
import { addReissueRoutes, STARTS_A_MINUTE } from '../../src/token-acquirer/endpoints/reissue-routes.ts';
import { addStatusRoutes } from '../../src/token-acquirer/endpoints/status-routes.ts';
import { FakeCallerAuthenticator } from '../fakes/fake-caller-authenticator.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import {
  createWorld,
  NO_SHARDS,
  type RecordedEvent,
  type Started,
  seconds,
  specification,
  start,
} from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';
import { VISIBLE_ASCII } from '../support/tokens.ts';

const PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';
const BILLING = secret('caller-billing');
const SHIPPING = secret('caller-shipping');

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

interface Running extends Started {
  readonly app: FastifyInstance;
  post(given?: Partial<Call>): Promise<LightMyRequestResponse>;
}

interface Call {
  path: string;
  bearer: string | undefined;
  body: object | string;
  headers: Record<string, string>;
}

async function running(
  given: Parameters<typeof specification>[0] = {},
  callers: CallerAuthenticator = knownCallers(),
): Promise<Running> {
  const world = createWorld();
  world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
  const started = await start(world, { specifications: [specification(given)] });
  await started.clock.advance(seconds(60));
  app = createListener(undefined);
  await addReissueRoutes(app, {
    acquirer: started.acquirer,
    callers,
    clock: started.clock,
    telemetry: started.telemetry,
    calls: new Calls(),
  });
  const listener = app;
  return {
    ...started,
    app: listener,
    async post({ path = `${PATH}/reissue`, bearer = BILLING, body, headers = {} } = {}) {
      const rejected = started.only().cycle.held.token?.sha256 ?? '0'.repeat(64);
      const payload = body ?? { rejected_sha256: rejected, error: 'invalid_token' };
      const authorization = bearer === '' ? {} : { authorization: `Bearer ${bearer}` };
      const answer = listener.inject({
        method: 'POST',
        url: path,
        headers: { ...authorization, ...headers },
        payload,
      });
      for (let turn = 0; turn < 20; turn += 1) await started.clock.settle();
      await started.clock.advance(seconds(1));
      return answer;
    },
  };
}

function knownCallers(): FakeCallerAuthenticator {
  const callers = new FakeCallerAuthenticator();
  callers.allow(BILLING, 'billing-app');
  callers.allow(SHIPPING, 'shipping-app');
  return callers;
}

describe('a caller', () => {
  it('is rejected with a Retry-After while callers cannot be checked', async () => {
    const callers = knownCallers();
    const { post, processEvents, endpoint } = await running({}, callers);
    callers.fail(new StoreError('The API server cannot be reached.'));
    const answer = await post();
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.json()).toMatchObject({ code: 'callers_unavailable' });
    await post();
    const warnings = processEvents.filter(({ kind }) => kind === 'warning');
    expect(warnings).toEqual([{ kind: 'warning', message: 'The API server cannot be reached.' }]);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('gets 403 if it was checked as unknown, although its name is among the clients now', async () => {
    const stranger: Caller = { name: 'billing-app', stranger: true };
    const callers = { authenticate: () => Promise.resolve(stranger) };
    const { post, endpoint } = await running({}, callers);
    expect((await post()).statusCode).toBe(403);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('is rejected if the check fails with an internal error', async () => {
    const callers = knownCallers();
    const { post } = await running({}, callers);
    callers.fail(new TypeError('undefined'));
    expect((await post()).statusCode).toBe(500);
  });

  it('has a separate limit for each of its pods', async () => {
    let instance = 'first';
    const callers = { authenticate: () => Promise.resolve({ name: 'billing-app', instance }) };
    const { post, endpoint, clock } = await running({}, callers);
    endpoint.script(...Array.from({ length: STARTS_A_MINUTE + 5 }, () => tokenResponse({ expiresIn: 3600 })));
    const statuses: number[] = [];
    for (let count = 0; count <= STARTS_A_MINUTE; count += 1) {
      await clock.advance(seconds(11));
      statuses.push((await post()).statusCode);
    }
    expect(statuses.at(-1)).toBe(429);
    instance = 'second';
    expect((await post()).statusCode).toBe(200);
  });
});

describe('the report of a caller on its volume', () => {
  const lags = (events: readonly RecordedEvent[]): unknown[] =>
    events.map(({ event }) => event).filter(({ kind }) => kind === 'volume-seen');

  it.each([
    ['counts the time from the write', 40_000, [{ kind: 'volume-seen', generation: expect.any(Number), lag: 40_000 }]],
    ['counts as zero if its clock is behind', -3000, [{ kind: 'volume-seen', generation: expect.any(Number), lag: 0 }]],
    ['is ignored if its clock is far off', 3_600_000, []],
  ])('%s', async (_sentence, after, expected) => {
    const { post, only, events, clock } = await running();
    const written = clock.now() - seconds(60);
    const { generation } = only().cycle.held.token ?? {};
    const seen = new Date(written + after).toISOString();
    const answer = await post({
      body: { rejected_sha256: '0'.repeat(64), volume: { generation, seen_at: seen } },
    });
    expect(answer.statusCode).toBe(200);
    expect(lags(events)).toEqual(expected);
  });

  it.each([
    ['for a generation that was never written', { generation: 1, seen_at: '2026-01-01T00:00:00Z' }],
    ['in a wrong form', { generation: 'x' }],
  ])('is ignored %s', async (_sentence, volume) => {
    const { post, events } = await running();
    expect((await post({ body: { rejected_sha256: '0'.repeat(64), volume } })).statusCode).toBe(200);
    expect(lags(events)).toEqual([]);
  });
});

describe('a reissue call', () => {
  it('answers the token, its times and its generation', async () => {
    const { post, only } = await running();
    const answer = await post();
    const token = only().cycle.held.token;
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json()).toEqual({
      outcome: 'reissued',
      stored: true,
      generation: token?.generation,
      issued_at: new Date(token?.issuedAt ?? 0).toISOString(),
      expires_at: new Date(token?.expiresAt ?? 0).toISOString(),
      expires_in: 60,
      access_token: token?.accessToken.reveal(),
    });
  });

  it('names the header that carries the token, where that is not the usual one', async () => {
    const header = { name: 'X-Auth-Token', prefix: '' };
    const { post } = await running({ header });
    expect((await post()).json()).toMatchObject({ access_token: expect.any(String), header });
  });

  it('names no header where it gives no token', async () => {
    const { post } = await running({ header: { name: 'X-Auth-Token', prefix: '' }, respondWith: 'generation' });
    expect((await post()).json()).not.toHaveProperty('header');
  });

  it('for the token in memory names its header, too', async () => {
    const header = { name: 'X-Auth-Token', prefix: '' };
    const { app: listener } = await running({ header, delivery: 'endpoint' });
    const answer = await listener.inject({ url: PATH, headers: { authorization: `Bearer ${BILLING}` } });
    expect(answer.json()).toMatchObject({ header });
  });

  it('accepts the 8 digits of the current token in the status, and no other short hash', async () => {
    const { post, only, endpoint } = await running();
    const digits = only().cycle.held.token?.sha256.slice(0, 8) ?? '';
    expect((await post({ body: { rejected_sha256: '00000000' } })).json()).toMatchObject({ outcome: 'newer' });
    expect(endpoint.requests).toHaveLength(1);
    expect((await post({ body: { rejected_sha256: digits } })).json()).toMatchObject({ outcome: 'reissued' });
    expect((await post({ body: { rejected_sha256: digits } })).json()).toMatchObject({ outcome: 'newer' });
    expect(endpoint.requests).toHaveLength(2);
  });

  it('answers without a token for respondWith: generation', async () => {
    const { post } = await running({ respondWith: 'generation' });
    expect((await post()).json()).not.toHaveProperty('access_token');
  });

  it('gives the token to a client that missed any number of renewals, without a token request', async () => {
    const { post, only, clock, endpoint } = await running();
    const first = only().cycle.held.token?.sha256;
    for (let renewals = 1; renewals <= 6; renewals += 1) {
      await clock.advance(only().cycle.held.remaining());
      const requests = endpoint.requests.length;
      for (const missed of [first, sha256('never seen here')]) {
        expect((await post({ body: { rejected_sha256: missed } })).json()).toMatchObject({
          outcome: 'newer',
          access_token: only().cycle.held.token?.accessToken.reveal(),
        });
      }
      expect(endpoint.requests).toHaveLength(requests);
    }
  });

  it('has the remaining lifetime of the token, also if the clock was set back since its issue', async () => {
    const { post, only, clock } = await running();
    const first = { rejected_sha256: sha256('first') };
    const left = only().cycle.held.remaining();
    await clock.advance(seconds(60));
    clock.jumpWall(-seconds(7200));
    const { expires_in: expiresIn } = (await post({ body: first })).json<{ expires_in: number }>();
    expect(expiresIn).toBe(left / 1000 - 60);
    expect(Number.isInteger(expiresIn)).toBe(true);
  });

  it.each([
    ['without a bearer', { bearer: '' }, 401],
    ['with an unknown bearer', { bearer: 'x'.repeat(40) }, 401],
    ['with another scheme', { bearer: '', headers: { authorization: 'Basic eDp5' } }, 401],
    ["for another's token", { bearer: SHIPPING }, 403],
    [
      'for a token that does not exist',
      { path: '/v1/namespaces/billing/secrets/billing-tokens/tokens/absent/reissue' },
      403,
    ],
    [
      'for a namespace that does not exist',
      { path: '/v1/namespaces/absent/secrets/billing-tokens/tokens/dynamics/reissue' },
      403,
    ],
    [
      'with `../` in a name',
      { path: '/v1/namespaces/billing/secrets/billing-tokens/tokens/..%2f..%2fdynamics/reissue' },
      403,
    ],
    ['with an invalid hash', { body: { rejected_sha256: 'x' } }, 400],
    ['with 9 digits of a hash', { body: { rejected_sha256: 'a'.repeat(9) } }, 400],
    ['with an upper-case hash', { body: { rejected_sha256: 'A'.repeat(64) } }, 400],
    ['with no hash', { body: {} }, 400],
    ['with a body that is not JSON', { body: '{', headers: { 'content-type': 'application/json' } }, 400],
    ['with a body of another type', { body: 'a', headers: { 'content-type': 'text/plain' } }, 415],
    ['with a body of 5 kB', { body: { rejected_sha256: 'x'.repeat(5000) } }, 413],
    ['to another path', { path: '/v2' }, 404],
  ])('%s is rejected as problem+json, without a token request', async (_sentence, call, status) => {
    const { post, endpoint } = await running();
    const answer = await post(call);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ status, title: expect.any(String), detail: expect.stringMatching(/\.$/) });
    expect(endpoint.requests).toHaveLength(1);
  });

  it('answers the same for a missing token as for a forbidden one', async () => {
    const { post } = await running();
    const absent = await post({ path: '/v1/namespaces/billing/secrets/billing-tokens/tokens/absent/reissue' });
    const foreign = await post({ bearer: SHIPPING });
    expect(absent.body).toBe(foreign.body);
  });

  it('challenges a caller without a caller token', async () => {
    const { post } = await running();
    expect((await post({ bearer: '' })).headers['www-authenticate']).toBe('Bearer realm="token-acquirer"');
  });

  it('accepts a caller token of any visible characters', async () => {
    const callers = new FakeCallerAuthenticator();
    callers.allow(VISIBLE_ASCII, 'billing-app');
    const { post } = await running({}, callers);
    expect((await post({ bearer: VISIBLE_ASCII })).statusCode).toBe(200);
  });

  it('is 502 with only the error code if the authorization server rejects the request', async () => {
    const { post, endpoint } = await running();
    endpoint.script(new TokenRequestError('invalid_grant', 'A sentence of the adapter.', { progress: 'answered' }));
    const answer = await post();
    expect(answer.statusCode).toBe(502);
    expect(answer.json()).toMatchObject({ code: 'invalid_grant' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(20);
  });

  it('is 502 same_token if the server returns the same token again', async () => {
    const { post, endpoint, only } = await running();
    endpoint.script(tokenResponse({ accessToken: only().cycle.held.token?.accessToken as never }));
    expect((await post()).json()).toMatchObject({ status: 502, code: 'same_token' });
  });

  it('is 429 with Retry-After after a reissued token was rejected immediately', async () => {
    const { post } = await running();
    await post();
    const answer = await post();
    expect(answer.statusCode).toBe(429);
    expect(answer.headers['retry-after']).toBe('1');
  });

  it.each([
    ['token', 200, { stored: false, access_token: expect.any(String) }],
    ['generation', 503, { code: 'store_unavailable' }],
  ] as const)('without a store and with respondWith %s is %i', async (respondWith, status, body) => {
    const { post, store } = await running({ respondWith });
    store.fail(new StoreError('The store is unavailable.'));
    const answer = await post();
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject(body);
  });

  it('is 429 beyond the limit of starts per minute, which other calls do not use', async () => {
    const { post, only, endpoint, clock } = await running();
    const first = only().cycle.held.token?.sha256;
    endpoint.script(...Array.from({ length: STARTS_A_MINUTE + 5 }, () => tokenResponse({ expiresIn: 3600 })));
    const one = await post();
    for (let call = 0; call < STARTS_A_MINUTE + 5; call += 1) await post({ body: { rejected_sha256: first } });
    const answers = [one];
    for (let count = 0; count < STARTS_A_MINUTE; count += 1) {
      // A token that was accepted for 10 s does not count as rejected immediately.
      await clock.advance(seconds(11));
      answers.push(await post());
    }
    expect(answers.slice(0, -1).every(({ statusCode }) => statusCode === 200)).toBe(true);
    expect(answers.at(-1)?.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(endpoint.requests).toHaveLength(STARTS_A_MINUTE + 1);
  });
});

describe('a rejected call', () => {
  const OTHER = 'system:serviceaccount:billing:other-app';
  const identity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
  const as = (name: string, more: Partial<Caller> = {}): CallerAuthenticator => ({
    authenticate: () => Promise.resolve({ name, ...more }),
  });
  const refusals = (events: readonly ProcessEvent[]) =>
    events.flatMap((event) => (event.kind === 'call-refused' ? [event] : []));

  it.each<[string, CallerAuthenticator]>([
    ['that a review confirmed', as(OTHER)],
    ['whose signature was verified', as(OTHER, { stranger: true })],
  ])('of a ServiceAccount %s names the token, and the token names it', async (_sentence, callers) => {
    const { post, processEvents, only } = await running({}, callers);
    expect((await post()).statusCode).toBe(403);
    expect(refusals(processEvents)).toMatchObject([{ status: 403, identity }]);
    expect(only().cycle.status.get('CallersKnown')).toMatchObject({
      status: false,
      message: expect.stringContaining('billing/other-app') as unknown,
    });
  });

  it('of helm test, which calls as an unknown caller, causes no warning', async () => {
    const { post, processEvents, only } = await running({}, as(OTHER));
    expect((await post({ headers: { [TEST_HEADER]: TEST_VALUE } })).statusCode).toBe(403);
    expect(refusals(processEvents)).toMatchObject([{ status: 403, identity, call: { test: true } }]);
    expect(only().cycle.status.get('CallersKnown')).toBeUndefined();
  });

  it('names no token that is not configured', async () => {
    const { post, processEvents, only } = await running({}, as(OTHER));
    expect((await post({ path: `${PATH.replace('dynamics', 'absent')}/reissue` })).statusCode).toBe(403);
    expect(refusals(processEvents).map((event) => event.identity)).toEqual([undefined]);
    expect(only().cycle.status.get('CallersKnown')).toBeUndefined();
  });

  it('names no token for an unknown caller', async () => {
    const { post, processEvents, only } = await running();
    expect((await post({ bearer: secret('unknown') })).statusCode).toBe(401);
    expect(refusals(processEvents).map((event) => event.identity)).toEqual([undefined]);
    expect(only().cycle.status.get('CallersKnown')).toBeUndefined();
  });

  it('of a client names the token and causes no warning', async () => {
    const { post, processEvents, only } = await running();
    expect((await post({ body: {} })).statusCode).toBe(400);
    expect(refusals(processEvents)).toMatchObject([{ status: 400, identity }]);
    expect(only().cycle.status.get('CallersKnown')).toBeUndefined();
  });
});

describe('the audit of a call', () => {
  const audited = (events: readonly ProcessEvent[]): ProcessEvent[] =>
    events.filter(({ kind }) => kind === 'reissue' || kind === 'token-read' || kind === 'call-refused');

  it('has the ServiceAccount, the pod, the address, and the ID of the answer', async () => {
    const callers = { authenticate: () => Promise.resolve({ name: 'billing-app', instance: 'uid-of-the-pod' }) };
    const { post, processEvents } = await running({}, callers);
    const ids = [await post(), await post({ path: `${PATH.replace('dynamics', 'absent')}/reissue` })].map(
      ({ headers }) => headers['x-request-id'],
    );
    const by = { remote: '127.0.0.1', caller: 'billing-app', pod: 'uid-of-the-pod' };
    expect(audited(processEvents)).toMatchObject([
      { kind: 'reissue', result: 'reissued', given: true, current: true, call: { ...by, id: ids[0] } },
      { kind: 'call-refused', status: 403, call: { ...by, id: ids[1] } },
    ]);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);
  });

  it('does not use an ID of the caller', async () => {
    const { post } = await running();
    const answer = await post({ headers: { 'x-request-id': 'chosen', 'request-id': 'chosen' } });
    expect(answer.headers['x-request-id']).not.toBe('chosen');
  });

  it.each<[string, Parameters<typeof specification>[0], Partial<Call>, object]>([
    ['a token that is reissued', {}, {}, { result: 'reissued', given: true }],
    [
      'a newer token',
      {},
      { body: { rejected_sha256: 'f'.repeat(64) } },
      { result: 'newer', given: true, current: false },
    ],
    ['an answer without the token', { respondWith: 'generation' }, {}, { result: 'reissued', given: false }],
  ])('shows whether %s was given out', async (_sentence, given, call, expected) => {
    const { post, processEvents } = await running(given);
    await post(call);
    expect(audited(processEvents)).toMatchObject([{ kind: 'reissue', ...expected }]);
  });

  it.each<[string, Parameters<typeof specification>[0], object]>([
    ['given', { delivery: 'endpoint' }, { kind: 'token-read', result: 'given', call: { caller: 'billing-app' } }],
    ['denied', {}, { kind: 'call-refused', status: 403, call: { caller: 'billing-app' } }],
  ])('has a GET of a token that was %s', async (_sentence, given, expected) => {
    const { app: listener, processEvents } = await running(given);
    const answer = await listener.inject({ url: PATH, headers: { authorization: `Bearer ${BILLING}` } });
    expect(audited(processEvents)).toMatchObject([expected]);
    expect(audited(processEvents)).toMatchObject([{ call: { id: answer.headers['x-request-id'] } }]);
  });

  it('has a GET of a missing token', async () => {
    const { app: listener, processEvents, clock, endpoint } = await running({ delivery: 'endpoint' });
    endpoint.hold();
    await clock.advance(seconds(3600));
    const answer = await listener.inject({ url: PATH, headers: { authorization: `Bearer ${BILLING}` } });
    expect(answer.statusCode).toBe(503);
    expect(audited(processEvents)).toMatchObject([{ kind: 'token-read', result: 'unavailable' }]);
  });

  it('has a call whose caller could not be checked', async () => {
    const callers = knownCallers();
    const { post, processEvents } = await running({}, callers);
    callers.fail(new StoreError('The API server cannot be reached.'));
    await post();
    expect(audited(processEvents)).toMatchObject([{ kind: 'call-refused', status: 503, call: { caller: undefined } }]);
  });
});

describe('a call that only tests the chain', () => {
  const TEST = { 'token-acquirer-test': 'true' };

  it('is marked in the audit, also if it is rejected', async () => {
    const { post, processEvents } = await running();
    await post({ headers: TEST });
    await post({ headers: TEST, bearer: SHIPPING });
    await post({ headers: { 'token-acquirer-test': 'no' }, bearer: '' });
    const calls = processEvents.flatMap((event) => ('call' in event ? [[event.kind, event.call.test]] : []));
    expect(calls).toEqual([
      ['reissue', true],
      ['call-refused', true],
      ['call-refused', undefined],
    ]);
  });

  it('does not count as a sign of a running client app', async () => {
    const { post, clock, execution, only } = await running({ clientApp: { pidFile: '/run/app.pid' } });
    execution.set('stopped');
    await clock.advance(seconds(120));
    expect((await post({ headers: TEST })).json()).toMatchObject({ outcome: 'reissued', stored: true });
    expect(only().cycle.status.get('Suspended')?.status).toBe(true);
    await clock.advance(seconds(20));
    await post();
    expect(only().cycle.status.get('Suspended')?.status).toBe(false);
  });
});

describe('GET of the conditions of a token', () => {
  const clientApp = { namespace: 'billing', selector: 'app=billing' };
  const askFor = async (started: Running, bearer = BILLING): Promise<LightMyRequestResponse> =>
    started.app.inject({ url: `${PATH}/conditions`, headers: { authorization: `Bearer ${bearer}` } });

  it('shows a client the conditions of its pods, and no more', async () => {
    const started = await running({ clientApp });
    const message = 'The selector app=billing matches no pod.';
    started.execution.set('running');
    started.execution.furtherFindings = [{ condition: 'SelectorMatches', healthy: false, message }];
    const answer = await askFor(started);
    expect(answer.statusCode).toBe(200);
    const { selector, conditions, ...more } = answer.json<{ selector: string; conditions: Record<string, string>[] }>();
    expect([selector, more]).toEqual(['app=billing', {}]);
    expect(conditions.map(({ type, status, message: text }) => [type, status, text])).toEqual([
      ['ExecutionStateKnown', 'True', ''],
      ['SelectorMatches', 'False', message],
      ['PodsFollow', 'True', ''],
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('does not count as a sign of a running client app, and has no selector without one', async () => {
    const started = await running({ clientApp: { pidFile: '/run/app.pid' } });
    started.execution.set('stopped');
    await started.clock.advance(seconds(120));
    expect((await askFor(started)).json()).not.toHaveProperty('selector');
    await started.clock.advance(seconds(1));
    expect(started.only().cycle.status.get('Suspended')?.status).toBe(true);
  });

  it.each([
    ['a caller that is none of its clients', SHIPPING, 403],
    ['an unknown caller', 'unknown', 401],
  ])('is denied to %s', async (_sentence, bearer, status) => {
    expect((await askFor(await running({ clientApp }), bearer)).statusCode).toBe(status);
  });
});

describe('GET of a token', () => {
  it('answers the document for delivery by the endpoint', async () => {
    const { app: listener, only } = await running({ delivery: 'endpoint' });
    const answer = await listener.inject({ url: PATH, headers: { authorization: `Bearer ${BILLING}` } });
    expect(answer.json()).toMatchObject({
      access_token: only().cycle.held.token?.accessToken.reveal(),
      token_type: 'Bearer',
      expires_in: 3540,
    });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('is denied for a stored token', async () => {
    const { app: listener } = await running();
    const answer = await listener.inject({ url: PATH, headers: { authorization: `Bearer ${BILLING}` } });
    expect(answer.statusCode).toBe(403);
  });

  it('is 401 without a caller', async () => {
    const { app: listener } = await running({ delivery: 'endpoint' });
    expect((await listener.inject(PATH)).statusCode).toBe(401);
  });
});

interface Asked {
  readonly status: number;
  readonly body: string;
}

/** Sends a request over a real connection, because the addresses of both its ends count. */
async function ask(url: URL, headers: Record<string, string> = {}, localAddress = '127.0.0.1'): Promise<Asked> {
  const request = get(url, { headers, localAddress, agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: (await answer.toArray()).join('') };
}

/** Returns an address of this machine outside loopback. */
function outerAddress(): string {
  const found = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = found.find(({ internal, family }) => !internal && family === 'IPv4');
  if (outer === undefined) throw new Error('This machine has no IPv4 address other than loopback.');
  return outer.address;
}

describe('the status address', () => {
  let scrapes = 0;
  beforeEach(() => {
    scrapes = 0;
  });

  async function status(ready = true): Promise<{ at: (path: string, host?: string) => URL; started: Started }> {
    const started = await start(createWorld());
    app = createListener(undefined);
    refuseForeignPages(app);
    const metrics = async () => {
      scrapes += 1;
      await pause(200);
      return { contentType: 'text/plain', text: 'metric 1\n' };
    };
    const processStatus = new ProcessStatus(started.clock);
    if (ready) processStatus.notReady = undefined;
    addStatusRoutes(app, {
      acquirer: started.acquirer,
      clock: started.clock,
      status: processStatus,
      metrics,
      shards: NO_SHARDS,
    });
    const { port } = new URL(await listen(app, parseAddress(':0', '--status-listen'), '--status-listen'));
    return { at: (path, host = '127.0.0.1') => new URL(path, `http://${host}:${port}`), started };
  }

  it('shows every token without its value', async () => {
    const { at, started } = await status();
    const answer = await ask(at('/status'));
    expect(JSON.parse(answer.body)).toMatchObject({
      ready: true,
      tokens: [
        { token: 'billing/billing-tokens/dynamics', state: 'Valid', stored: true, generation: expect.any(Number) },
      ],
    });
    expect(answer.body).not.toContain(started.only().cycle.held.token?.accessToken.reveal());
  });

  it('shows 8 digits of a hash', async () => {
    const { at, started } = await status();
    const { sha256: hash = '' } = started.only().cycle.held.token ?? {};
    const { body } = await ask(at('/status'));
    expect(JSON.parse(body)).toMatchObject({ tokens: [{ sha256: hash.slice(0, 8) }] });
    expect(body).not.toContain(hash.slice(0, 9));
  });

  it('renders its metrics once for concurrent requests', async () => {
    const { at } = await status();
    const answers = await Promise.all(Array.from({ length: 15 }, () => ask(at('/metrics'))));
    expect(answers.map(({ body }) => body)).toEqual(Array<string>(15).fill('metric 1\n'));
    expect(scrapes).toBe(1);
  });

  it.each([
    ['/livez', true, 200],
    ['/livez', false, 200],
    ['/readyz', true, 200],
    ['/readyz', false, 503],
    ['/metrics', false, 200],
  ])('answers %s, with ready %s, with %i', async (url, ready, expected) => {
    const { at } = await status(ready);
    expect((await ask(at(url), { host: 'localhost' })).status).toBe(expected);
  });

  it('reports at /readyz why it is not ready', async () => {
    const { at } = await status(false);
    const { body } = await ask(at('/readyz'));
    expect(JSON.parse(body)).toMatchObject({ status: 503, detail: 'The token-acquirer is starting.' });
    const report = JSON.parse((await ask(at('/status'))).body) as object;
    expect(report).toMatchObject({ ready: false, not_ready: 'The token-acquirer is starting.' });
  });

  it.each([
    ['/status', 403],
    ['/metrics', 200],
    ['/livez', 200],
    ['/readyz', 200],
  ])('answers a request for %s from outside of loopback with %i', async (path, expected) => {
    const { at, started } = await status();
    const outer = outerAddress();
    const answer = await ask(at(path, outer), {}, outer);
    expect(answer.status).toBe(expected);
    for (const secretWord of ['billing-tokens', started.only().cycle.held.token?.sha256 ?? '']) {
      expect(answer.body).not.toContain(secretWord);
    }
  });

  it('denies the status to a proxy in the same pod, which connects from loopback to the address of the pod', async () => {
    const { at } = await status();
    expect((await ask(at('/status', outerAddress()), {}, '127.0.0.6')).status).toBe(403);
  });

  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['::1', '::1', true],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1', true],
    ['127.0.0.6', '10.0.0.5', false],
    ['10.0.0.7', '10.0.0.5', false],
    ['10.0.0.7', '127.0.0.1', false],
    ['::ffff:10.0.0.7', '::ffff:127.0.0.1', false],
    [undefined, undefined, false],
  ])('treats a connection from %s to %s as one of this machine: %s', (remoteAddress, localAddress, expected) => {
    expect(isLocal({ socket: { remoteAddress, localAddress } as Socket })).toBe(expected);
  });

  it('also shows the status over IPv6, as `kubectl port-forward` may need', async () => {
    const { at } = await status();
    expect((await ask(at('/status', '[::1]'), {}, '::1')).status).toBe(200);
  });

  it.each([
    ['a DNS name that was rebound to this machine', { host: 'evil.example' }, 403],
    ['a page of another site', { host: '127.0.0.1:7081', origin: 'https://evil.example' }, 403],
    ['a page of another port', { host: '127.0.0.1:7081', origin: 'http://127.0.0.1:9999' }, 403],
    ['an opaque origin', { host: '127.0.0.1:7081', origin: 'null' }, 403],
    ['its own page', { host: '127.0.0.1:7081', origin: 'http://127.0.0.1:7081' }, 200],
    ['an IPv6 address', { host: '[::1]:7081' }, 200],
    ['an IPv6 address, by its own page', { host: '[fd00:0::7]:7081', origin: 'http://[fd00::7]:7081' }, 200],
    ['an IPv6 address, by a page of another', { host: '[fd00::7]:7081', origin: 'http://[fd00::8]:7081' }, 403],
    ['an invalid IPv6 address', { host: '[fd00::7:7081' }, 403],
    ["a pod's address", { host: '10.1.2.3:7081' }, 200],
  ])('answers a request by %s: %o with %i', async (_sentence, headers, expected) => {
    const { at } = await status();
    expect((await ask(at('/status'), headers)).status).toBe(expected);
  });
});
