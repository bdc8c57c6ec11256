import { describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import type { RefreshTokenChain } from '../../src/ports/refresh-token-store.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { FakeRefreshTokenStore } from '../fakes/fake-refresh-token-store.ts';
import { FakeStoreWatch } from '../fakes/fake-store-watch.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, seconds, specification, start } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const rotating = [specification({ grant: 'refresh_token' })];
const rotated = () => tokenResponse({ expiresIn: 600, refreshToken: new Redacted(secret('refresh-token')) });

describe('a replica that follows', () => {
  it('requests, reads, repairs and reports nothing', async () => {
    const watch = new FakeStoreWatch({ enabled: true });
    const world = createWorld({ leadership: new FakeLeadership('following'), storeWatch: watch });
    let reads = 0;
    const read = world.store.read.bind(world.store);
    world.store.read = async (...given) => {
      reads += 1;
      return read(...given);
    };
    const { clock, endpoint, store, events, only } = await start(world);
    await clock.advance(minutes(10));
    store.edit(SECRET, { dynamics: 'of a stranger' });
    watch.tell();
    await clock.advance(minutes(10));
    expect([endpoint.requests.length, reads, store.writes.length, events.length]).toEqual([0, 0, 0, 0]);
    expect(only().cycle.status.conditions).toEqual({});
  });

  it('removes no token that the configuration no longer has, before it leads', async () => {
    const leadership = new FakeLeadership('leading');
    const world = createWorld({ leadership });
    const { clock, acquirer, store } = await start(world);
    await clock.advance(seconds(5));
    leadership.become('following');
    acquirer.apply([]);
    await clock.advance(minutes(5));
    expect(store.data(SECRET)).toHaveProperty('dynamics');
    leadership.become('leading');
    await clock.advance(minutes(1));
    expect(store.data(SECRET)).not.toHaveProperty('dynamics');
  });

  it('ends when it is stopped', async () => {
    const { clock, acquirer } = await start(createWorld({ leadership: new FakeLeadership('following') }));
    const stopped = acquirer.stop();
    await clock.settle();
    await stopped;
    expect(clock.waiting()).toBe(0);
  });
});

describe('a replica that leads no longer', () => {
  it('forgets its token and what it reported', async () => {
    const leadership = new FakeLeadership('leading');
    const { clock, only, kinds } = await start(createWorld({ leadership }));
    await clock.advance(seconds(5));
    expect(only().cycle.held.token).toBeDefined();
    leadership.become('following');
    await clock.advance(seconds(1));
    expect(only().cycle.held.token).toBeUndefined();
    expect(only().cycle.status.conditions).toEqual({});
    const before = kinds().length;
    await clock.advance(minutes(10));
    expect(kinds()).toHaveLength(before);
  });

  it('begins no request that waited for its turn', async () => {
    const leadership = new FakeLeadership('leading');
    const world = createWorld({ leadership });
    world.endpoint.hold();
    const specifications = ['a', 'b'].map((name) => specification({ identity: { ...SECRET, name } }));
    const { clock, endpoint } = await start(world, { specifications, slots: 1 });
    expect(endpoint.inFlight).toBe(1);
    leadership.become('following');
    endpoint.release();
    await clock.advance(minutes(5));
    expect(endpoint.requests).toHaveLength(1);
  });

  it('adopts what is stored when it leads again', async () => {
    const leadership = new FakeLeadership('leading');
    const world = createWorld({ leadership });
    world.endpoint.script(...Array.from({ length: 9 }, () => tokenResponse({ expiresIn: 3600 })));
    const first = await start(world);
    await first.clock.advance(seconds(5));
    leadership.become('following');
    await first.clock.advance(seconds(5));
    const { clock, store, endpoint, credentials } = world;
    const second = await start(createWorld({ clock, store, endpoint, credentials }));
    const { cycle } = second.only();
    await cycle.requests.acquire('reissue', 'TokenRejected');
    await second.acquirer.stop();
    const requests = endpoint.requests.length;
    leadership.become('leading');
    await clock.advance(minutes(10));
    expect(first.only().cycle.held.token?.sha256).toBe(first.stored()?.sha256);
    expect(endpoint.requests).toHaveLength(requests);
  });
});

describe('a replica that is cut off', () => {
  it('renews a token that needs no rotation', async () => {
    const leadership = new FakeLeadership('leading');
    const world = createWorld({ leadership });
    world.endpoint.script(...Array.from({ length: 3 }, () => tokenResponse({ expiresIn: 600 })));
    const { clock, endpoint } = await start(world);
    leadership.become('cut-off');
    await clock.advance(minutes(8));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('sends no refresh token that rotates, and goes on when it leads again', async () => {
    const leadership = new FakeLeadership('leading');
    const world = createWorld({ leadership });
    world.endpoint.script(rotated(), rotated(), rotated());
    const { clock, endpoint, kinds } = await start(world, { specifications: rotating });
    leadership.become('cut-off');
    await clock.advance(minutes(8));
    expect(endpoint.requests).toHaveLength(1);
    expect(kinds()).not.toContain('token-request-failed');
    leadership.become('leading');
    await clock.advance(seconds(5));
    expect(endpoint.requests).toHaveLength(2);
  });
});

describe('replicas of which none is elected', () => {
  it('request few tokens twice, because each looks first and stands back by chance', async () => {
    const world = createWorld({ leadership: new FakeLeadership('unelected') });
    world.endpoint.script(...Array.from({ length: 90 }, () => tokenResponse({ expiresIn: 600 })));
    const { clock, endpoint, store, credentials, leadership } = world;
    const first = await start(world, { random: fakeRandom(0.1) });
    const second = await start(createWorld({ clock, store, endpoint, credentials, leadership }), {
      random: fakeRandom(0.9),
    });
    await clock.advance(minutes(70));
    expect(endpoint.requests.length).toBeLessThanOrEqual(12);
    expect(first.only().cycle.held.token?.sha256).toBe(first.stored()?.sha256);
    expect(second.only().cycle.held.token?.sha256).toBe(first.stored()?.sha256);
  });
});

describe('a refresh token whose process was paused', () => {
  it('is not sent when its mark took long to save, and its mark does not count as used', async () => {
    const world = createWorld();
    world.endpoint.script(rotated(), rotated());
    const { clock, chains } = world;
    const save = chains.save.bind(chains);
    let isPaused = true;
    chains.save = async (identity, chain, expected) => {
      await save(identity, chain, expected);
      // The process stands still from here until another one could regard the mark as old.
      if (isPaused && chain?.inUse === true) await clock.wait(seconds(20));
      isPaused = false;
    };
    const { kinds } = await start(world, { specifications: rotating });
    await clock.advance(minutes(1));
    expect(kinds().filter((kind) => kind.startsWith('token-'))).toEqual([
      'token-request-failed',
      'token-stored',
      'token-issued',
    ]);
    // The refresh token was not spent.
    const sent = world.endpoint.requests.map(({ refreshToken }) => refreshToken?.reveal());
    expect(new Set(sent).size).toBe(1);
  });

  it('is not sent where another replica leads when the mark is saved', async () => {
    const leadership = new FakeLeadership('leading');
    class Slow extends FakeRefreshTokenStore {
      override async save(...given: Parameters<FakeRefreshTokenStore['save']>): Promise<void> {
        await super.save(...given);
        const chain: RefreshTokenChain | undefined = given[1];
        if (chain?.inUse === true) leadership.become('following');
      }
    }
    const world = createWorld({ leadership, chains: new Slow() });
    world.endpoint.script(rotated());
    const { clock } = await start(world, { specifications: rotating });
    await clock.advance(minutes(1));
    expect(world.store.writes).toHaveLength(0);
  });
});
