import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ConfigurationError } from '../../src/token-acquirer/configuration/problems.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type SpecificationParts, seconds, specification, start } from '../support/acquirer.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };

const CONFIGURATION = `authorizationServers:
  corporate: { issuer: https://login.example.com }
shards: 2
tokens:
  billing/billing-tokens/dynamics: { authorizationServer: corporate, credential: dynamics, grant: client_credentials }
  billing/billing-tokens/orders: { authorizationServer: corporate, credential: dynamics, grant: client_credentials }
`;

const withShards = (text: string, dynamics: string, orders: string): string =>
  text.replace(/(dynamics: \{ )/, `$1${dynamics}`).replace(/(orders: \{ )/, `$1${orders}`);

function faultsOf(text: string): string[] {
  try {
    parseConfiguration(text, '/etc/token-acquirer/config.yaml');
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

describe('shards in a configuration', () => {
  it('are one by default, which owns every token', () => {
    const { shards, tokens } = parseConfiguration(CONFIGURATION.replace('shards: 2\n', ''), 'config.yaml');
    expect(shards.count).toBe(1);
    expect(tokens.map(({ shard }) => shard)).toEqual([0, 0]);
  });

  it('each own Secrets as a whole, by the shard of one of the tokens', () => {
    for (const shard of [0, 1]) {
      const text = withShards(CONFIGURATION, '', `shard: ${shard}, `);
      expect(parseConfiguration(text, 'config.yaml').tokens.map((token) => token.shard)).toEqual([shard, shard]);
    }
  });

  it.each([
    [
      'a shard that does not exist',
      withShards(CONFIGURATION, 'shard: 2, ', ''),
      'config.yaml:5:45: tokens["billing/billing-tokens/dynamics"].shard: must be less than shards, which is 2: the first shard is 0',
    ],
    [
      'two shards of one Secret',
      withShards(CONFIGURATION, 'shard: 0, ', 'shard: 1, '),
      'config.yaml:6:43: tokens["billing/billing-tokens/orders"].shard: differs from the shard of tokens["billing/billing-tokens/dynamics"], which is in the same Secret: all tokens of a Secret are in one shard',
    ],
    [
      'no shard at all',
      CONFIGURATION.replace('shards: 2', 'shards: 0'),
      'config.yaml:3:9: shards: must be a whole number from 1 to 64',
    ],
    [
      'more shards than there may be',
      CONFIGURATION.replace('shards: 2', 'shards: 65'),
      'config.yaml:3:9: shards: must be a whole number from 1 to 64',
    ],
    [
      'a part of a shard',
      CONFIGURATION.replace('shards: 2', 'shards: 1.5'),
      'config.yaml:3:9: shards: must be a whole number',
    ],
    [
      'a shard that is no number',
      withShards(CONFIGURATION, 'shard: first, ', ''),
      'config.yaml:5:45: tokens["billing/billing-tokens/dynamics"].shard: must be a whole number',
    ],
  ])('are rejected with %s', (_what, text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });
});

const of = (shard: number, given: SpecificationParts = {}): TokenSpecification => specification({ shard, ...given });
const ofShard =
  (shard: number) =>
  (token: TokenSpecification): boolean =>
    token.shard === shard;
const long = (): ReturnType<typeof tokenResponse> => tokenResponse({ expiresIn: 3600 });

describe('a token of another shard', () => {
  it('has no cycle, but is known', async () => {
    const started = await start(createWorld(), { specifications: [] });
    started.acquirer.apply([of(1)], ofShard(0));
    await started.clock.advance(minutes(2));
    expect([...started.acquirer.acquisitions]).toEqual([]);
    expect(started.endpoint.requests).toEqual([]);
    expect(started.acquirer.find(of(1).identity)).toBeUndefined();
    expect(started.acquirer.elsewhere(of(1).identity)).toMatchObject({ shard: 1 });
    expect(started.acquirer.visit(of(1).identity)?.cycle.specification).toMatchObject({ shard: 1 });
    expect(started.acquirer.visit({ ...SECRET, name: 'unknown' })).toBeUndefined();
    expect([...started.acquirer.acquisitions]).toEqual([]);
    await started.clock.advance(minutes(2));
    expect(started.endpoint.requests).toEqual([]);
    expect(started.store.reads).toBe(0);
    await started.acquirer.stop();
    expect(started.clock.waiting()).toBe(0);
  });

  it('keeps its keys in the Secret when this shard loses it, and its chain', async () => {
    const world = createWorld();
    world.endpoint.script(long());
    const rotating = (shard: number): TokenSpecification => of(shard, { grant: 'refresh_token' });
    const { acquirer, clock, store, chains } = await start(world, { specifications: [rotating(0)] });
    const [stored, chain] = [store.data(SECRET), chains.peek(rotating(0).identity)];
    acquirer.apply([rotating(1)], ofShard(0));
    await clock.advance(minutes(5));
    expect(store.data(SECRET)).toEqual(stored);
    expect(Object.keys(stored)).toEqual(['dynamics', 'dynamics.json']);
    expect(chains.peek(rotating(0).identity)).toEqual(chain);
    expect(chain).toBeDefined();
  });

  it('loses its keys when it is no longer configured while this shard owns it', async () => {
    const { acquirer, clock, store } = await start(createWorld());
    acquirer.apply([], ofShard(0));
    await clock.advance(seconds(5));
    expect(store.data(SECRET)).toEqual({});
  });

  it('keeps its keys when another shard has lost it before the configuration did', async () => {
    const { acquirer, clock, store } = await start(createWorld());
    acquirer.apply([of(1)], ofShard(0));
    await clock.settle();
    acquirer.apply([], ofShard(0));
    await clock.advance(seconds(5));
    expect(Object.keys(store.data(SECRET))).toHaveLength(2);
  });

  it('is released only once its request in flight has ended, and the answer is stored', async () => {
    const world = createWorld();
    world.endpoint.script(long(), long());
    const { acquirer, endpoint, clock, store } = await start(world);
    const before = store.data(SECRET)['dynamics'];
    endpoint.hold();
    await clock.advance(minutes(45));
    expect(endpoint.inFlight).toBe(1);
    acquirer.apply([of(1)], ofShard(0));
    let released = false;
    void acquirer.released().then(() => {
      released = true;
    });
    await clock.advance(seconds(1));
    expect(released).toBe(false);
    endpoint.release();
    await clock.advance(seconds(1));
    expect(released).toBe(true);
    expect(store.data(SECRET)['dynamics']).not.toBe(before);
  });

  it('is adopted by the shard that gains it, without a request', async () => {
    const world = createWorld();
    world.endpoint.script(long());
    const loses = await start(world);
    const gains = await start({ ...world }, { specifications: [] });
    gains.acquirer.apply([of(1)], ofShard(1));
    loses.acquirer.apply([of(1)], ofShard(0));
    await world.clock.advance(minutes(30));
    expect(world.endpoint.requests).toHaveLength(1);
    expect(gains.acquirer.find(of(1).identity)?.cycle.held.isLive()).toBe(true);
  });
});
