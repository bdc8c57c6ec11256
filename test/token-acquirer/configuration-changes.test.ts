import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import {
  createWorld,
  minutes,
  type SpecificationParts,
  type Started,
  seconds,
  specification,
  start,
} from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const named = (name: string, given: SpecificationParts = {}): TokenSpecification =>
  specification({ identity: { ...SECRET, name }, key: name, ...given });
const long = (): ReturnType<typeof tokenResponse> => tokenResponse({ expiresIn: 3600 });

/** Returns the keys that clients see after each write. */
function keysAfterEachWrite({ store }: Started): string[][] {
  const keys = new Set<string>();
  return store.writes.map(({ changes }) => {
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) keys.delete(key);
      else keys.add(key);
    }
    return [...keys].toSorted();
  });
}

describe('a token that is removed and added again', () => {
  it('stays in the store during its request, and knows its content', async () => {
    const world = createWorld();
    world.endpoint.script(long(), long());
    const started = await start(world);
    const { acquirer, endpoint, store, clock } = started;
    endpoint.hold();
    await clock.advance(minutes(45));
    expect(endpoint.inFlight).toBe(1);
    acquirer.apply([]);
    await clock.settle();
    acquirer.apply([specification()]);
    await clock.settle();
    endpoint.release();
    await clock.advance(seconds(5));
    expect(keysAfterEachWrite(started)).not.toContainEqual([]);
    expect(store.data(SECRET)['dynamics']).toBe(started.only().cycle.held.token?.accessToken.reveal());
    expect(endpoint.highestInFlight).toBe(1);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('keeps its chain of refresh tokens, the first of which was spent long ago', async () => {
    const world = createWorld();
    const second = secret('second');
    world.endpoint.script(
      tokenResponse({ expiresIn: 3600, refreshToken: new Redacted(secret('first')) }),
      tokenResponse({ expiresIn: 3600, refreshToken: new Redacted(second) }),
    );
    const specifications = [specification({ grant: 'refresh_token' })];
    const { acquirer, endpoint, clock } = await start(world, { specifications });
    endpoint.hold();
    await clock.advance(minutes(45));
    acquirer.apply([]);
    await clock.settle();
    acquirer.apply(specifications);
    endpoint.release();
    await clock.advance(minutes(46));
    expect(endpoint.requests.map(({ refreshToken }) => refreshToken?.reveal()).at(-1)).toBe(second);
  });

  it('is obtained by one cycle in the end, after many quick changes', async () => {
    const { acquirer, endpoint, clock, only, store } = await start(createWorld());
    for (let round = 0; round < 20; round += 1) {
      acquirer.apply([]);
      if (round % 3 === 0) await clock.settle();
      acquirer.apply([specification()]);
    }
    await clock.advance(seconds(5));
    expect(store.data(SECRET)['dynamics']).toBe(only().cycle.held.token?.accessToken.reveal());
    const before = endpoint.requests.length;
    await clock.advance(seconds(40));
    expect(endpoint.requests.length - before).toBeLessThanOrEqual(1);
    expect(endpoint.highestInFlight).toBe(1);
  });
});

describe('an unavailable store during changes of the tokens', () => {
  it('is not called indefinitely about tokens that were added again in the meantime', async () => {
    const { acquirer, clock, store, only } = await start(createWorld());
    store.fail(new StoreError('The store is unavailable.'));
    for (let round = 0; round < 50; round += 1) {
      acquirer.apply([]);
      await clock.settle();
      acquirer.apply([specification()]);
      await clock.settle();
    }
    await clock.advance(minutes(1));
    expect(clock.waiting()).toBeLessThanOrEqual(2);
    store.heal();
    await clock.advance(minutes(1));
    expect(store.data(SECRET)['dynamics']).toBe(only().cycle.held.token?.accessToken.reveal());
    await acquirer.stop();
    expect(clock.waiting()).toBe(0);
  });
});

describe('a token that is renamed', () => {
  it('is never missing from the store under the same key', async () => {
    const started = await start(createWorld(), { specifications: [named('crm', { key: 'dynamics' })] });
    const { acquirer, clock, store, endpoint } = started;
    acquirer.apply([named('dynamics')]);
    await clock.advance(seconds(10));
    expect(keysAfterEachWrite(started)).not.toContainEqual([]);
    expect(store.data(SECRET)['dynamics']).toBeDefined();
    expect(endpoint.requests).toHaveLength(1);
  });

  it('is obtained again under the same key with another scope', async () => {
    const started = await start(createWorld(), { specifications: [named('crm', { key: 'dynamics' })] });
    const { acquirer, clock, endpoint } = started;
    acquirer.apply([named('dynamics', { parameters: { scope: 'wider' }, requestFingerprint: 'wider' })]);
    await clock.advance(seconds(10));
    expect(keysAfterEachWrite(started)).not.toContainEqual([]);
    expect(endpoint.requests.map(({ parameters }) => parameters)).toEqual([{}, { scope: 'wider' }]);
  });

  it('gives its key to another one immediately, and neither is missing', async () => {
    const started = await start(createWorld(), { specifications: [named('a'), named('b')] });
    const { acquirer, clock, store } = started;
    await clock.advance(seconds(1));
    acquirer.apply([named('a', { key: 'b' }), named('b', { key: 'a' })]);
    await clock.advance(seconds(31));
    for (const keys of keysAfterEachWrite(started).slice(2)) expect(keys).toEqual(['a', 'a.json', 'b', 'b.json']);
    for (const { cycle } of acquirer.acquisitions) {
      expect(store.data(SECRET)[cycle.specification.key]).toBe(cycle.held.token?.accessToken.reveal());
    }
  });

  it('leaves neither of its former keys after two changes while the store is unavailable', async () => {
    const { acquirer, clock, store } = await start(createWorld());
    store.fail(new StoreError('The store is unavailable.'));
    for (const key of ['crm', 'erp']) {
      acquirer.apply([specification({ key })]);
      await clock.advance(seconds(1));
    }
    store.heal();
    await clock.advance(seconds(31));
    expect(Object.keys(store.data(SECRET))).toEqual(['erp', 'erp.json']);
  });
});

describe('a token that is sent in another header from now on', () => {
  const header = { name: 'X-Auth-Token', prefix: '' };

  it('is rewritten in one write, without a token request and without an event', async () => {
    const world = createWorld();
    world.endpoint.script(long());
    const started = await start(world);
    const { acquirer, clock, endpoint, store } = started;
    const before = store.writes.length;
    acquirer.apply([specification({ header })]);
    await clock.advance(seconds(2));
    expect(JSON.parse(store.data(SECRET)['dynamics.json'] ?? '')).toMatchObject({
      header,
      generation: expect.any(Number),
    });
    expect(store.writes).toHaveLength(before + 1);
    expect(endpoint.requests).toHaveLength(1);
    expect(started.kinds()).not.toContain('token-repaired');
    acquirer.apply([specification()]);
    await clock.advance(minutes(2));
    expect(JSON.parse(store.data(SECRET)['dynamics.json'] ?? '')).not.toHaveProperty('header');
    expect(store.writes).toHaveLength(before + 2);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('is rewritten also where the header changes during a write', async () => {
    const world = createWorld();
    world.endpoint.script(long());
    const release = world.store.hold();
    const started = await start(world);
    started.acquirer.apply([specification({ header })]);
    await started.clock.advance(seconds(1));
    release();
    await started.clock.advance(seconds(2));
    expect(JSON.parse(world.store.data(SECRET)['dynamics.json'] ?? '')).toMatchObject({ header });
    expect(started.only().cycle.status.get('Stored')).toMatchObject({ status: true });
  });

  it('is adopted by a process that starts with the new header, and rewritten without an event', async () => {
    const world = createWorld();
    world.endpoint.script(long());
    const first = await start(world);
    await first.acquirer.stop();
    const started = await start(world, { specifications: [specification({ header })] });
    await started.clock.advance(seconds(2));
    expect(started.kinds()).toContain('token-adopted');
    expect(started.kinds()).not.toContain('token-repaired');
    expect(JSON.parse(world.store.data(SECRET)['dynamics.json'] ?? '')).toMatchObject({ header });
    expect(world.endpoint.requests).toHaveLength(1);
  });

  it('is repaired each time that somebody else changes the header', async () => {
    const world = createWorld();
    world.endpoint.script(long());
    const started = await start(world, { specifications: [specification({ header })] });
    const document = world.store.data(SECRET)['dynamics.json'] ?? '';
    for (let changes = 0; changes < 2; changes += 1) {
      world.store.edit(SECRET, { 'dynamics.json': document.replace('X-Auth-Token', 'X-Elsewhere') });
      await started.clock.advance(minutes(2));
      expect(world.store.data(SECRET)['dynamics.json']).toBe(document);
    }
    expect(started.kinds().filter((kind) => kind === 'token-repaired')).toHaveLength(2);
  });
});

describe('a token that is removed from the configuration', () => {
  it('is removed from the store as soon as that is back', async () => {
    const { acquirer, clock, store, kinds } = await start(createWorld());
    store.fail(new StoreError('The store is unavailable.'));
    acquirer.apply([]);
    await clock.advance(minutes(2));
    expect(Object.keys(store.data(SECRET))).toHaveLength(2);
    store.heal();
    await clock.advance(seconds(31));
    expect(store.data(SECRET)).toEqual({});
    expect(kinds()).toContain('token-withdrawn');
    await acquirer.stop();
    expect(clock.waiting()).toBe(0);
  });

  it('has nothing to remove where its Secret is gone', async () => {
    const { acquirer, clock, store, kinds } = await start(createWorld());
    store.fail(new StoreError('There is no Secret.', { missing: true }));
    acquirer.apply([]);
    await clock.advance(minutes(2));
    expect(kinds()).not.toContain('store-failed');
    expect(clock.waiting()).toBe(0);
    await acquirer.stop();
  });

  it('has nothing to remove where the Secret of its AccessToken may not be written any more', async () => {
    const { acquirer, clock, store, kinds } = await start(createWorld(), {
      specifications: [specification({ isResource: true })],
    });
    store.fail(new StoreError('You may not.', { permanent: true }));
    acquirer.apply([]);
    await clock.advance(minutes(2));
    expect(kinds()).not.toContain('store-failed');
    expect(clock.waiting()).toBe(0);
    await acquirer.stop();
  });

  it.each([
    ['stays where its AccessToken stays', true, true, 2],
    ['is removed with its AccessToken', true, false, 0],
    ['is removed where the configuration had it', false, true, 0],
  ])('%s', async (_, isResource, isLeft, keys) => {
    const { acquirer, clock, store } = await start(createWorld({ isLeft: () => isLeft }), {
      specifications: [specification({ isResource })],
    });
    expect(Object.keys(store.data(SECRET))).toHaveLength(2);
    acquirer.apply([]);
    await clock.advance(minutes(2));
    expect(Object.keys(store.data(SECRET))).toHaveLength(keys);
    await acquirer.stop();
  });

  it('does not keep the process from ending while the store is unavailable', async () => {
    const { acquirer, clock, store } = await start(createWorld());
    store.fail(new StoreError('The store is unavailable.'));
    acquirer.apply([]);
    await clock.advance(seconds(5));
    await acquirer.stop();
    expect(clock.waiting()).toBe(0);
  });

  it('leaves the store if only the endpoint delivers it', async () => {
    const { acquirer, clock, store, only, endpoint } = await start(createWorld());
    acquirer.apply([specification({ delivery: 'endpoint' })]);
    await clock.advance(seconds(2));
    expect(store.data(SECRET)).toEqual({});
    expect(only().cycle.held.isLive()).toBe(true);
    expect(endpoint.requests).toHaveLength(1);
    acquirer.apply([specification()]);
    await clock.advance(seconds(2));
    expect(store.data(SECRET)['dynamics']).toBe(only().cycle.held.token?.accessToken.reveal());
  });

  it('is neither obtained nor stored for a call in progress', async () => {
    const world = createWorld();
    world.endpoint.script(long());
    const { acquirer, clock, store, only, endpoint } = await start(world);
    const { reissues, cycle } = only();
    await clock.advance(seconds(10));
    acquirer.apply([]);
    const answer = reissues.reissue(cycle.held.token?.sha256 ?? '', () => Promise.resolve(undefined));
    await clock.advance(seconds(5));
    expect(await answer).toMatchObject({ result: 'stopping' });
    expect(endpoint.requests).toHaveLength(1);
    expect(store.data(SECRET)).toEqual({});
  });
});

describe('a stored token that a process finds when it starts', () => {
  const text = (started: Started): string | undefined => started.only().cycle.held.token?.accessToken.reveal();

  async function restarted(mayBeFormer: boolean): Promise<Started> {
    const world = createWorld();
    world.endpoint.script(long(), long());
    const { acquirer } = await start(world);
    await acquirer.stop();
    const next = await start({ ...world, mayBeFormer: () => mayBeFormer });
    await world.clock.advance(seconds(5));
    return next;
  }

  it('is replaced by one request, where an earlier spec of its AccessToken may have asked for it', async () => {
    const next = await restarted(true);
    expect(next.endpoint.requests).toHaveLength(2);
    expect(next.only().cycle.held.superseded).toBe(false);
    expect(next.store.data(SECRET)['dynamics']).toBe(text(next));
    await next.clock.advance(minutes(10));
    expect(next.endpoint.requests).toHaveLength(2);
  });

  it('is kept where nothing else was asked for', async () => {
    expect((await restarted(false)).endpoint.requests).toHaveLength(1);
  });
});

describe('a reload without a change of a token', () => {
  it('does not end the pause after a rejected credential, so that no account is locked', async () => {
    const world = createWorld();
    const refused = new TokenRequestError('invalid_client', 'Refused.', { progress: 'answered' });
    world.endpoint.script(...Array.from({ length: 20 }, () => refused));
    const { acquirer, clock, endpoint, only } = await start(world);
    for (let reload = 0; reload < 10; reload += 1) {
      await clock.advance(seconds(2));
      acquirer.apply([specification()]);
    }
    expect(endpoint.requests).toHaveLength(1);
    const { requests } = only().cycle;
    expect(requests.isErrorOutdated).toBe(false);
    acquirer.apply([specification({ requestFingerprint: 'mended' })]);
    // The error is about what was sent before.
    expect(requests.isErrorOutdated).toBe(true);
    await clock.advance(seconds(2));
    expect(endpoint.requests).toHaveLength(2);
    expect(requests.isErrorOutdated).toBe(false);
  });

  it('neither opens nor closes a watch', async () => {
    const { acquirer, clock, credentials } = await start(createWorld());
    for (let reload = 0; reload < 100; reload += 1) acquirer.apply([specification()]);
    await clock.settle();
    expect(credentials.watching).toBe(1);
    expect(clock.waiting()).toBe(1);
  });
});
