import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import { createTokenEndpoint } from '../../src/token-acquirer/token/protocol-adapters.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeTokenEndpoint, tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';
import { bothProtocols, voucherServer } from '../support/voucher-protocol.ts';
import { describeOAuthEndpoint, type TokenEndpointHarness } from './token-endpoint.ts';

type Answer = [status: number, body: Record<string, unknown>];

async function makeReal(
  authentication: Omit<OAuthServerSettings, 'tokenEndpoint'> = { clientAuthentication: 'client_secret_basic' },
): Promise<TokenEndpointHarness> {
  const next: Answer[] = [];
  let held: ServerResponse[] | undefined;
  let arrived = 0;
  const issue = (more = {}): Answer => [
    200,
    { access_token: secret('access-token'), token_type: 'Bearer', expires_in: 60, ...more },
  ];
  const answer = (response: ServerResponse): void => {
    const [status, body] = next.shift() ?? issue();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const server = await startHttpServer((incoming, response) => {
    incoming.resume().on('end', () => {
      // A connection that only tries whether the server is there is no token request.
      if (incoming.method === 'POST') arrived += 1;
      if (held === undefined || incoming.method !== 'POST') answer(response);
      else held.push(response);
    });
  });
  const corporate = { tokenEndpoint: `${server.url}/token`, ...authentication };
  return {
    endpoint: createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock() }),
    refuseNext: (error) => void next.push([error === 'server_error' ? 500 : 400, { error }]),
    issueNext: (refreshToken) => void next.push(issue({ refresh_token: refreshToken })),
    hold: () => {
      held = [];
    },
    release: () => {
      for (const response of held ?? []) answer(response);
      held = undefined;
    },
    disconnect: server.stop,
    arrived: () => arrived,
    stop: server.stop,
  };
}

async function makeWithAssertion(
  clientAuthentication: 'workload_identity' | 'jwt_spiffe' = 'workload_identity',
): Promise<TokenEndpointHarness> {
  const folder = temporaryDirectory();
  const assertionFile = join(folder.path, 'token');
  writeFileSync(assertionFile, `${secret('header')}.claims.signature`);
  const harness = await makeReal({ clientAuthentication, assertionFile });
  return {
    ...harness,
    async stop() {
      folder.remove();
      await harness.stop();
    },
  };
}

async function makeFake(): Promise<TokenEndpointHarness> {
  const fake = new FakeTokenEndpoint();
  return {
    endpoint: fake,
    refuseNext: (code) => {
      const message = 'The authorization server corporate rejected the request.';
      fake.script(new TokenRequestError(code, message, { progress: 'answered' }));
    },
    issueNext: (refreshToken) => void fake.script(tokenResponse({ refreshToken: new Redacted(refreshToken) })),
    hold: () => void fake.hold(),
    release: () => fake.release(),
    disconnect: async () => {
      const message = 'The authorization server corporate could not be reached.';
      fake.unreachable.set('corporate', message);
      fake.script(new TokenRequestError('unreachable', message, { progress: 'not-sent' }));
    },
    arrived: () => fake.requests.length,
    stop: async () => fake.release(),
  };
}

/** The fake as the adapter of a second protocol, behind the endpoint of all protocols. */
async function makeSecondProtocol(): Promise<TokenEndpointHarness> {
  const harness = await makeFake();
  const adapters = bothProtocols(() => new FakeTokenEndpoint(), { adapter: () => harness.endpoint });
  return { ...harness, endpoint: createTokenEndpoint({ corporate: voucherServer('north') }, adapters) };
}

describeOAuthEndpoint('the OAuth adapter', makeReal);
describeOAuthEndpoint('the OAuth adapter with a workload identity', () => makeWithAssertion());
describeOAuthEndpoint('the OAuth adapter with a JWT-SVID', () => makeWithAssertion('jwt_spiffe'));
describeOAuthEndpoint('the OAuth adapter without a client', () => makeReal({ clientAuthentication: 'anonymous' }));
describeOAuthEndpoint('the fake', makeFake);
describeOAuthEndpoint('the adapter of a second protocol', makeSecondProtocol);

describe('the fake token endpoint', () => {
  const signal = new AbortController().signal;
  const request = buildTokenRequest({ client_id: 'app' });

  it('answers from its script in order, then with fresh tokens', async () => {
    const scripted = tokenResponse({ expiresIn: 3600, scope: 'orders' });
    const refusal = new TokenRequestError('rate_limited', 'Too many.', { progress: 'answered', retryAfter: 5000 });
    const fake = new FakeTokenEndpoint().script(scripted, refusal);
    expect(await fake.request(request, signal)).toBe(scripted);
    expect(await refusedRequest(fake, request)).toBe(refusal);
    expect((await fake.request(request, signal)).expiresIn).toBe(60);
    expect(fake.requests).toEqual([request, request, request]);
  });

  it('counts how many requests were ever in flight together', async () => {
    const fake = new FakeTokenEndpoint().hold();
    const waiting = [fake.request(request, signal), fake.request(request, signal)];
    expect(fake.inFlight).toBe(2);
    fake.release();
    await Promise.all(waiting);
    expect([fake.inFlight, fake.highestInFlight]).toEqual([0, 2]);
  });
});
