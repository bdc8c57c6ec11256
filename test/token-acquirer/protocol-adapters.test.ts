import { describe, expect, it } from 'vitest';
import { TokenRequestError } from '../../src/core/errors.ts';
import { identityText } from '../../src/core/token.ts';
import type { OAuthServerSettings, ServerSettings } from '../../src/ports/protocols.ts';
import { createTokenEndpoint } from '../../src/token-acquirer/token/protocol-adapters.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import { FakeTokenEndpoint } from '../fakes/fake-token-endpoint.ts';
import { createWorld, type Started, seconds, specification, start, withOwnCredentials } from '../support/acquirer.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';
import { bothProtocols, VoucherCounters, voucherDemand, voucherServer } from '../support/voucher-protocol.ts';

const OAUTH: OAuthServerSettings & ServerSettings = {
  protocol: 'oauth',
  tokenEndpoint: 'https://login.example.com/token',
  clientAuthentication: 'client_secret_basic',
};

const IDENTITY = { namespace: 'billing', secret: 'billing-tokens' };
const signal = new AbortController().signal;

function voucherToken(given: Partial<TokenSpecification> = {}): TokenSpecification {
  const identity = { ...IDENTITY, name: 'voucher' };
  return specification({
    identity,
    authorizationServer: 'counter',
    demand: voucherDemand(7),
    use: 'voucher',
    scope: 'stamps',
    ...given,
  });
}

/** An acquirer with one token of each protocol, on the fake OAuth endpoint and made-up counters. */
async function startBoth(given: Partial<TokenSpecification> = {}): Promise<Started & { counters: VoucherCounters }> {
  const counters = new VoucherCounters();
  const oauth = new FakeTokenEndpoint();
  const servers = { corporate: OAUTH, counter: voucherServer('north') };
  const endpoint = createTokenEndpoint(
    servers,
    bothProtocols(() => oauth, counters),
  );
  const world = createWorld();
  const specifications = withOwnCredentials(world, [specification(), voucherToken(given)]);
  const started = await start({ ...world, endpoint: endpoint as FakeTokenEndpoint }, { specifications });
  return { ...started, endpoint: oauth, counters };
}

describe('tokens of two protocols', () => {
  it('are requested from the adapter of their server, and stored alike', async () => {
    const { counters, endpoint, stored } = await startBoth();
    expect(counters.visits).toEqual([{ counter: 'north', desk: 7, client: 'voucher' }]);
    expect(endpoint.requests.map(({ authorizationServer }) => authorizationServer)).toEqual(['corporate']);
    expect(stored('voucher')).toMatchObject({ tokenType: 'Bearer', scope: 'stamps' });
    expect(stored('dynamics')).toMatchObject({ tokenType: 'Bearer', scope: '' });
  });

  it('are renewed alike', async () => {
    const { counters, endpoint, clock, stored } = await startBoth();
    const first = stored('voucher');
    await clock.advance(seconds(41));
    expect([counters.visits.length, endpoint.requests.length]).toEqual([2, 2]);
    expect(stored('voucher')?.sha256).not.toBe(first?.sha256);
  });

  it('are retried alike after a rejection, each with its own pause', async () => {
    const { counters, endpoint, clock, only } = await startBoth();
    const message = 'The counter is closed for this client.';
    counters.rejections.push(new TokenRequestError('access_denied', message, { progress: 'answered' }));
    await clock.advance(seconds(41));
    expect(only('voucher').cycle.requests.backingOff.error?.code).toBe('access_denied');
    expect(only('dynamics').cycle.requests.backingOff.error).toBeUndefined();
    await clock.advance(seconds(40));
    expect([counters.visits.length, endpoint.requests.length]).toEqual([3, 3]);
  });

  it('have their credentials checked alike', async () => {
    const { acquirer, clock } = await startBoth();
    const checking = acquirer.checks.check(identityText(voucherToken().identity));
    await clock.advance(seconds(2));
    const [report] = await checking;
    expect(report?.message).toContain('(voucher)');
  });

  it('spend a refresh token where their specification says so, whatever the protocol', async () => {
    const { counters, only } = await startBoth({ rotates: true, neededKeys: ['client_id', 'refresh_token'] });
    expect(counters.visits).toEqual([]);
    expect(only('voucher').cycle.requests.backingOff.error?.code).toBe('credential_unreadable');
  });
});

describe('a token endpoint of several protocols', () => {
  const counters = new VoucherCounters();
  const oauth = new FakeTokenEndpoint();
  const seen: string[][] = [];
  const endpoint = createTokenEndpoint(
    { corporate: OAUTH, partner: OAUTH, counter: voucherServer('south') },
    bothProtocols((servers) => {
      seen.push(Object.keys(servers));
      return oauth;
    }, counters),
  );
  const request = (authorizationServer: string) => buildTokenRequest({ client_id: 'app' }, { authorizationServer });

  it('gives each adapter only its own servers', () => {
    expect(seen).toEqual([['corporate', 'partner']]);
  });

  it('passes on every call by the name of the server', async () => {
    counters.closed = 'The counter south is closed.';
    oauth.caFaults.set('corporate', 'Its CA file is missing.');
    expect(await endpoint.reach('counter', signal)).toBe(counters.closed);
    expect(await endpoint.reach('partner', signal)).toBeUndefined();
    expect([endpoint.obstacle('corporate'), endpoint.obstacle('counter')]).toEqual([
      'Its CA file is missing.',
      undefined,
    ]);
    const { accessToken } = await endpoint.request(request('counter'), signal);
    expect(await endpoint.revoke(request('counter'), accessToken, signal)).toBe(true);
    expect([counters.returned, oauth.revoked]).toEqual([[accessToken.reveal()], []]);
  });

  it('lets an adapter report a server that is not configured', async () => {
    oauth.script(new TokenRequestError('invalid_request', 'Not configured.', { progress: 'not-sent' }));
    expect(await refusedRequest(endpoint, request('unknown'))).toMatchObject({ code: 'invalid_request' });
  });
});
