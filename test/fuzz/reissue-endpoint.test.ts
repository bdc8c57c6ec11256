import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Calls } from '../../src/token-acquirer/endpoints/calls.ts';
import { createListener } from '../../src/token-acquirer/endpoints/listener.ts';
import { addReissueRoutes } from '../../src/token-acquirer/endpoints/reissue-routes.ts';
import { FakeCallerAuthenticator } from '../fakes/fake-caller-authenticator.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, seconds, specification, start } from '../support/acquirer.ts';
import { CANARY, expectNoLeak, fuzzAsync } from '../support/fuzz.ts';
import { damaged, headerText, hostileText, nearJson } from '../support/hostile.ts';

const CALLER = `caller-${CANARY}`;
const PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';
const BODY = {
  rejected_sha256: '0'.repeat(64),
  error: 'invalid_token',
  cause: 'revoked',
  volume: { generation: 1_796_000_000, seen_at: '2026-11-30T12:00:00Z' },
};
const STATUSES = [200, 202, 400, 401, 403, 404, 413, 415, 429];

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

/** An endpoint with one live token, so that a call that names another hash is answered without a token request. */
async function endpoint() {
  const world = createWorld();
  world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
  const started = await start(world, { specifications: [specification()] });
  await started.clock.advance(seconds(60));
  const callers = new FakeCallerAuthenticator();
  callers.allow(CALLER, 'billing-app');
  const app = createListener(undefined);
  const { acquirer, clock, telemetry } = started;
  await addReissueRoutes(app, { acquirer, callers, clock, telemetry, calls: new Calls() });
  close = () => app.close();
  return { app, started, world };
}

const bodies = fc.oneof({ weight: 4, arbitrary: nearJson(BODY) }, { weight: 1, arbitrary: hostileText });
const actions = fc.constantFrom('/reissue', '/reissue', '/rejections', '/conditions', '', '/');
const paths = fc.oneof(
  { weight: 3, arbitrary: actions.map((action) => PATH + action) },
  {
    weight: 1,
    arbitrary: fc.tuple(damaged(PATH), actions).map(([path, action]) => `/${encodeURI(path.toWellFormed())}${action}`),
  },
  fc.constantFrom(
    '/v1/namespaces/%2e%2e/secrets/..%2f/tokens/%00/reissue',
    '/v1/%',
    '//',
    '/v1/namespaces/a/secrets/b/tokens/__proto__/reissue',
  ),
);
const calls = fc.record({
  method: fc.constantFrom('POST' as const, 'POST' as const, 'GET' as const, 'PUT' as const, 'DELETE' as const),
  path: paths,
  body: bodies,
  type: fc.oneof({ weight: 4, arbitrary: fc.constant('application/json') }, headerText),
  authorization: fc.oneof(
    { weight: 3, arbitrary: fc.constant(`Bearer ${CALLER}`) },
    headerText,
    fc.constantFrom('Bearer', `bearer  ${CALLER}`, `Basic ${CANARY}`),
  ),
});

describe('a call of the reissue endpoint', () => {
  it('has an answer of the contract that repeats nothing of it, and starts no token request', async () => {
    const { app, started, world } = await endpoint();
    const requests = world.endpoint.requests.length;
    await fuzzAsync(
      calls,
      async ({ method, path, body, type, authorization }) => {
        const answer = await app.inject({
          method,
          url: path,
          headers: { 'content-type': type, authorization },
          payload: body,
        });
        expect(STATUSES).toContain(answer.statusCode);
        if (answer.statusCode >= 400) {
          expect(answer.headers['content-type']).toContain('application/problem+json');
          expectNoLeak(answer.body);
        }
        if (answer.statusCode === 200) expect(authorization.toLowerCase()).toMatch(/^bearer +caller-/);
        expectNoLeak(JSON.stringify(answer.headers));
      },
      600,
    );
    expect(world.endpoint.requests.length).toBe(requests);
    expectNoLeak(JSON.stringify(started.events));
  });

  it('is rejected in the same words for a token of others and for one that does not exist', async () => {
    const { app } = await endpoint();
    const name = fc.oneof(
      fc.stringMatching(/^[a-z0-9]{1,20}$/),
      fc.constantFrom('__proto__', 'constructor', 'toString'),
    );
    await fuzzAsync(fc.tuple(name, name, name, nearJson(BODY)), async ([namespace, secret, token, payload]) => {
      const answer = await app.inject({
        method: 'POST',
        url: `/v1/namespaces/${namespace}/secrets/${secret}/tokens/${token}/reissue`,
        headers: { authorization: `Bearer ${CALLER}`, 'content-type': 'application/json' },
        payload,
      });
      // A body that is no JSON is seen after the caller.
      expect(answer.statusCode).toBe(403);
      expect(answer.json()).toMatchObject({ status: 403 });
    });
  });
});
