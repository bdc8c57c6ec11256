import { describe, expect, it } from 'vitest';
import { TokenRequestError } from '../../src/core/errors.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import type { TokenRequest } from '../../src/ports/token-endpoint.ts';
import type { Reissue } from '../../src/token-acquirer/token/reissues.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import { evenFractions } from '../fakes/fake-random.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';
import { tokensFor } from '../support/endless-tokens.ts';
import { buildToken } from '../support/tokens.ts';

const HOUR = minutes(60);
const allowed = async (): Promise<undefined> => undefined;
const named = (name: string, given: Partial<TokenSpecification> = {}): TokenSpecification =>
  specification({ identity: { namespace: 'billing', secret: 'billing-tokens', name }, ...given });
const numbered = (count: number, given: Partial<TokenSpecification> = {}): TokenSpecification[] =>
  Array.from({ length: count }, (_, index) => named(`token-${index}`, given));

interface Outage {
  /** The tokens that cannot reach the server. */
  affects: (request: TokenRequest) => boolean;
  /** The time of each request, failed or not. */
  readonly times: number[];
}

/** A world whose authorization server can be made unreachable; its tokens live for an hour. */
function worldWithOutage(): { world: World; outage: Outage } {
  const world = createWorld({ endpoint: tokensFor(HOUR) });
  const outage: Outage = { affects: () => false, times: [] };
  const request = world.endpoint.request.bind(world.endpoint);
  world.endpoint.request = async (given, signal) => {
    outage.times.push(world.clock.monotonic());
    const answer = await request(given, signal);
    if (!outage.affects(given)) return answer;
    throw new TokenRequestError('unreachable', 'The server cannot be reached.', { progress: 'not-sent' });
  };
  return { world, outage };
}

/** Stores a token of an hour for each, which are due one after the other within `within`. */
function dueWithin(world: World, specifications: readonly TokenSpecification[], within: number): void {
  for (const [index, { identity, key }] of specifications.entries()) {
    const renewAt = world.clock.now() + seconds(1) + (within * index) / specifications.length;
    const issuedAt = renewAt - 0.67 * HOUR;
    const token = buildToken({ issuedAt, renewAt, expiresAt: issuedAt + HOUR });
    world.store.edit(identity, toVolumeData(key, token));
  }
}

const renewals = ({ events }: Started): string[] =>
  events.flatMap(({ token, event }) => (event.kind === 'token-issued' ? [token] : []));

describe('an outage of 18 min with 500 tokens', () => {
  it('costs 40 to 200 attempts, and all tokens follow soon after it', { timeout: 120_000 }, async () => {
    const { world, outage } = worldWithOutage();
    const specifications = numbered(500);
    dueWithin(world, specifications, minutes(2));
    outage.affects = () => true;
    const started = await start(world, { specifications, random: evenFractions() });
    await started.clock.advance(minutes(18));
    expect(outage.times.length).toBeGreaterThan(40);
    expect(outage.times.length).toBeLessThan(200);
    outage.affects = () => false;
    const returned = started.clock.monotonic();
    outage.times.length = 0;
    await started.clock.advance(seconds(45));
    expect(renewals(started)).toHaveLength(500);
    expect(world.endpoint.highestInFlight).toBeLessThanOrEqual(20);
    // Not a herd: no half second has more than a group and its probe.
    const inTheSame = outage.times.map((time) => outage.times.filter((other) => Math.abs(other - time) < 250).length);
    expect(Math.max(...inTheSame)).toBeLessThanOrEqual(21);
    const last = Math.max(...outage.times) - returned;
    expect(last).toBeLessThan(seconds(43));
    // Soonest expiry first, except the one that tried for all.
    const order = renewals(started)
      .slice(1)
      .map((token) => Number(token.split('-').at(-1)));
    const groups = Array.from({ length: 25 }, (_, group) => Math.min(...order.slice(group * 20, group * 20 + 20)));
    expect(groups).toEqual(groups.toSorted((one, other) => one - other));
    await started.acquirer.stop();
    expect(started.clock.waiting()).toBe(0);
  });
});

describe('an unavailable authorization server', () => {
  /** Three tokens that are due, of which the server has failed each. */
  async function unavailable(count = 3): Promise<Started & { outage: Outage }> {
    const { world, outage } = worldWithOutage();
    const specifications = numbered(count);
    dueWithin(world, specifications, seconds(1));
    outage.affects = () => true;
    const started = await start(world, { specifications, jitter: 1 });
    await started.clock.advance(minutes(3));
    return { ...started, outage };
  }

  function reissue({ only }: Started, name: string): Promise<Reissue> {
    const { cycle, reissues } = only(name);
    return reissues.reissue(cycle.held.token?.sha256 ?? '', allowed);
  }

  it('does not block a token of another server', async () => {
    const { world, outage } = worldWithOutage();
    const specifications = [...numbered(5), named('other', { authorizationServer: 'other' })];
    outage.affects = ({ authorizationServer }) => authorizationServer === 'corporate';
    const { only, clock } = await start(world, { specifications });
    await clock.advance(seconds(10));
    expect(only('other').cycle.held.isLive()).toBe(true);
  });

  it('is named in the status of each waiting token', async () => {
    const { only } = await unavailable(40);
    for (let index = 0; index < 40; index += 1) {
      const { status } = only(`token-${index}`).cycle;
      expect(status.lastError?.code).toBe('unreachable');
      expect(status.get('Renewed')).toMatchObject({ status: false, reason: 'Unreachable' });
    }
  });

  it('counts as available again after any answer', async () => {
    const { world, outage } = worldWithOutage();
    const specifications = numbered(3);
    dueWithin(world, specifications, seconds(1));
    outage.affects = () => true;
    const { clock, endpoint } = await start(world, { specifications, jitter: 1 });
    await clock.advance(minutes(3));
    outage.affects = () => false;
    endpoint.script(new TokenRequestError('server_error', 'It failed.', { progress: 'answered' }));
    outage.times.length = 0;
    await clock.advance(seconds(35));
    expect(outage.times.length).toBeGreaterThanOrEqual(3);
  });

  it('is tried by another token if the one that tries is removed', async () => {
    const { acquirer, clock, only, outage } = await unavailable(10);
    acquirer.apply([named('token-7')]);
    outage.affects = () => false;
    await clock.advance(seconds(70));
    expect(only('token-7').cycle.status.lastError).toBeUndefined();
    expect(only('token-7').cycle.held.token?.expiresAt).toBeGreaterThan(clock.now() + 0.9 * HOUR);
  });

  it('does not block a stop if a client waits for an abandoned try', async () => {
    const { acquirer, abandon, clock, endpoint, ...started } = await unavailable();
    endpoint.hold();
    await clock.advance(seconds(30));
    expect(endpoint.inFlight).toBe(1);
    const waiting = ['token-0', 'token-1', 'token-2'].find(
      (name) => started.only(name).cycle.requests.inFlight === undefined,
    );
    const answer = reissue({ acquirer, abandon, clock, endpoint, ...started }, waiting ?? '');
    await clock.settle();
    let ended = false;
    void acquirer.stop().then(() => (ended = true));
    await clock.settle();
    expect(ended).toBe(false);
    abandon.abort();
    await clock.advance(seconds(1));
    expect(ended).toBe(true);
    expect(await answer).toMatchObject({ result: 'stopping' });
  });

  it('does not include a server that only one token cannot reach', async () => {
    const { world, outage } = worldWithOutage();
    world.credentials.set('broken', { client_id: 'broken' });
    const specifications = [named('broken', { credential: 'broken' }), named('healthy')];
    world.store.edit(
      named('healthy').identity,
      toVolumeData(
        'healthy',
        buildToken({
          issuedAt: world.clock.now() - 0.6 * HOUR,
          renewAt: world.clock.now() + 0.07 * HOUR,
          expiresAt: world.clock.now() + 0.4 * HOUR,
        }),
      ),
    );
    outage.affects = ({ credential }) => credential.name === 'broken';
    const started = await start(world, { specifications, jitter: 1 });
    await started.clock.advance(0.07 * HOUR + seconds(65));
    expect(renewals(started)).toEqual(['billing/billing-tokens/healthy']);
  });

  it('is tried for a client that calls, and its success counts for all', async () => {
    const started = await unavailable(30);
    const { clock, outage } = started;
    outage.times.length = 0;
    while (outage.times.length === 0) await clock.advance(seconds(1));
    await clock.advance(seconds(6));
    outage.affects = () => false;
    // One whose own pause is over, because it has not tried for long.
    const answer = reissue(started, 'token-29');
    await clock.advance(seconds(2));
    expect(await answer).toMatchObject({ result: 'reissued' });
    await clock.advance(seconds(5));
    expect(renewals(started)).toHaveLength(30);
  });

  it('is not tried for each of many clients that call', async () => {
    const started = await unavailable(30);
    const { clock, outage } = started;
    outage.times.length = 0;
    const answers = Array.from({ length: 30 }, (_, index) => reissue(started, `token-${index}`));
    await clock.advance(seconds(2));
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ result: 'failed', error: { code: 'unreachable' } });
      expect(answer).toHaveProperty('retryAfter', expect.any(Number));
    }
    expect(outage.times.length).toBeLessThanOrEqual(2);
  });

  it('receives the request of a client that joined the try as soon as that succeeds', async () => {
    const started = await unavailable(30);
    const { clock, outage, endpoint } = started;
    outage.affects = () => false;
    endpoint.hold();
    await clock.advance(seconds(31));
    expect(endpoint.inFlight).toBe(1);
    let answer: Reissue | undefined;
    void reissue(started, 'token-29').then((result) => (answer = result));
    await clock.settle();
    expect(endpoint.inFlight).toBe(1);
    endpoint.release();
    await clock.advance(seconds(2));
    expect(answer).toMatchObject({ result: expect.stringMatching(/reissued|coalesced/) });
  });

  it('does not keep the process from ending', async () => {
    const { acquirer, clock } = await unavailable(30);
    const stopped = acquirer.stop();
    await clock.settle();
    await stopped;
    expect(clock.waiting()).toBe(0);
  });
});
