import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import type { SelectedPods } from '../../src/ports/execution-state.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { FakeTokenStore } from '../fakes/fake-token-store.ts';
import { createWorld, minutes, seconds, specification, start, type World } from '../support/acquirer.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const PODS: SelectedPods = { namespace: 'billing', selector: 'app=billing' };
const AWAY = new StoreError('The store is unavailable.');
const specifications = [specification({ clientApp: PODS })];

function downFor(requests: number): TokenRequestError[] {
  const down = new TokenRequestError('unreachable', 'The server cannot be reached.', { progress: 'not-sent' });
  return Array.from({ length: requests }, () => down);
}

/** Makes a world whose previous process has stored a token that is valid for an hour. */
async function stored(): Promise<World> {
  const world = createWorld();
  world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
  const before = await start(world);
  await before.acquirer.stop();
  return world;
}

describe('a store that is unavailable at the start', () => {
  it.each([
    ['a moment', 1, 5],
    ['some seconds', 2, 10],
  ])('for %s causes no token request, because the stored token is still valid', async (_sentence, failures, wait) => {
    const world = await stored();
    world.store.fail(AWAY, failures);
    const { clock, only, stored: found } = await start(world);
    await clock.advance(seconds(wait));
    expect(world.endpoint.requests).toHaveLength(1);
    expect(only().cycle.held.token?.sha256).toBe(found()?.sha256);
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: true });
  });

  it('for a moment, while the configuration changes, causes no token request either', async () => {
    const world = await stored();
    const read = world.store.read.bind(world.store);
    const slow = Promise.withResolvers<void>();
    world.store.read = async (...given) => {
      world.store.read = read;
      await slow.promise;
      return read(...given);
    };
    const { clock, only, stored: found, acquirer } = await start(world);
    acquirer.apply([specification({ renewal: { interval: minutes(20) } })]);
    slow.resolve();
    await clock.advance(seconds(5));
    expect(world.endpoint.requests).toHaveLength(1);
    expect(only().cycle.held.token?.sha256).toBe(found()?.sha256);
  });

  it('for longer does not delay tokens', async () => {
    const world = await stored();
    world.store.fail(AWAY);
    const { clock, only } = await start(world);
    await clock.advance(seconds(10));
    expect(world.endpoint.requests).toHaveLength(2);
    expect(only().cycle.held.isLive()).toBe(true);
  });

  it('is not waited for if a person has to act', async () => {
    const world = createWorld();
    world.store.fail(new StoreError('There is no such Secret.', { permanent: true }));
    await start(world);
    expect(world.endpoint.requests).toHaveLength(1);
  });

  it('returns its token as soon as it is back while the authorization server is unavailable', async () => {
    const world = await stored();
    world.store.fail(AWAY);
    world.endpoint.script(...downFor(100));
    const { clock, only } = await start(world);
    await clock.advance(seconds(20));
    expect(only().cycle.held.token).toBeUndefined();
    world.store.heal();
    await clock.advance(seconds(35));
    expect(only().cycle.held.isLive()).toBe(true);
  });

  it('does not keep the process from ending', async () => {
    const world = await stored();
    world.store.fail(AWAY);
    const { acquirer, clock } = await start(world);
    await clock.advance(500);
    let ended = false;
    void acquirer.stop().then(() => {
      ended = true;
    });
    await clock.settle();
    expect(ended).toBe(true);
    expect(world.endpoint.requests).toHaveLength(1);
  });
});

describe('a store that becomes unavailable later', () => {
  it.each(['has the current token', 'needs new common data'])(
    'and %s is called less and less often, without load on it or the processor',
    async (sentence) => {
      const world = await stored();
      const { clock, acquirer, only } = await start(world);
      await clock.advance(seconds(20));
      world.store.fail(AWAY);
      if (sentence.startsWith('needs')) acquirer.volumeChanged();
      const reads = world.store.reads;
      await clock.advance(seconds(300));
      expect(world.store.reads - reads).toBeGreaterThan(5);
      expect(world.store.reads - reads).toBeLessThan(20);
      expect(only().cycle.status.get('Stored')).toMatchObject({ status: false });
      world.store.heal();
      await clock.advance(seconds(31));
      expect(only().cycle.status.get('Stored')).toMatchObject({ status: true });
      expect(world.endpoint.requests).toHaveLength(1);
    },
  );

  it('does not block an answer with the token while a write hangs, and the write continues', async () => {
    const world = await stored();
    const { only, clock, stored: found, acquirer } = await start(world);
    await clock.advance(seconds(60));
    const release = world.store.hold();
    let answer: unknown;
    const rejected = only().cycle.held.token?.sha256 ?? '';
    void only()
      .reissues.reissue(rejected, async () => undefined)
      .then((reissue) => {
        answer = reissue;
      });
    await clock.advance(seconds(3));
    expect(answer).toMatchObject({ result: 'reissued', stored: false });
    let ended = false;
    void acquirer.stop().then(() => {
      ended = true;
    });
    await clock.settle();
    expect(ended).toBe(false);
    release();
    await clock.advance(seconds(1));
    expect(found()?.sha256).toBe(only().cycle.held.token?.sha256);
    expect(ended).toBe(true);
  });

  it('is waited for while a write hangs if the answer does not have the token', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { only, clock } = await start(world, { specifications: [specification({ respondWith: 'generation' })] });
    await clock.advance(seconds(60));
    const release = world.store.hold();
    let answer: unknown;
    void only()
      .reissues.reissue(only().cycle.held.token?.sha256 ?? '', async () => undefined)
      .then((reissue) => {
        answer = reissue;
      });
    await clock.advance(seconds(9));
    expect(answer).toBeUndefined();
    release();
    await clock.advance(seconds(1));
    expect(answer).toMatchObject({ result: 'reissued', stored: true });
  });

  it('does not block a request for another token while a write hangs', async () => {
    const world = createWorld();
    world.store.hold();
    const names = ['a', 'b', 'c'];
    const three = names.map((name) => specification({ identity: { ...SECRET, name }, key: name }));
    const { clock } = await start(world, { slots: 1, specifications: three });
    await clock.advance(seconds(9));
    expect(world.endpoint.requests).toHaveLength(3);
  });
});

describe('a store that is slower than renewals are due', () => {
  const renewed = [specification({ renewal: { interval: seconds(1) } })];

  it('causes no request while the last token is being written and is valid', async () => {
    const world = createWorld();
    const { clock, store, stored: found, only } = await start(world, { specifications: renewed });
    const release = store.hold();
    await clock.advance(seconds(50));
    expect(world.endpoint.requests).toHaveLength(2);
    release();
    await clock.advance(500);
    expect(world.endpoint.requests).toHaveLength(3);
    expect(found()?.sha256).toBe(only().cycle.held.token?.sha256);
  });

  it('leads to as many requests as writes', async () => {
    const world = createWorld();
    const write = world.store.write.bind(world.store);
    world.store.write = async (...given) => {
      await world.clock.wait(seconds(10));
      await write(...given);
    };
    const { clock } = await start(world, { specifications: renewed });
    await clock.advance(minutes(10));
    expect(world.store.writes.length).toBeGreaterThan(50);
    expect(world.endpoint.requests.length).toBeLessThanOrEqual(world.store.writes.length + 2);
  });

  it('blocks neither a reissue for a client nor the replacement of an expired token', async () => {
    const world = createWorld();
    const { clock, store, only } = await start(world, { specifications: renewed });
    const release = store.hold();
    await clock.advance(seconds(20));
    expect(world.endpoint.requests).toHaveLength(2);
    const rejected = only().cycle.held.token?.sha256 ?? '';
    const answer = only().reissues.reissue(rejected, async () => undefined);
    await clock.advance(seconds(3));
    expect(await answer).toMatchObject({ result: 'reissued', stored: false });
    expect(world.endpoint.requests).toHaveLength(3);
    await clock.advance(seconds(61));
    expect(world.endpoint.requests).toHaveLength(4);
    release();
  });
});

describe('the common data next to the token', () => {
  it('is not written again after a restart without a change', async () => {
    const world = createWorld({ volume: { common: { 'ca.crt': 'CA' }, mounted: false, nudge: undefined } });
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const first = await start(world);
    await first.acquirer.stop();
    const writes = world.store.writes.length;
    const common: Record<string, string> = {};
    const { acquirer, clock, kinds } = await start({ ...world, volume: { common, mounted: false, nudge: undefined } });
    common['ca.crt'] = 'CA';
    acquirer.volumeChanged();
    await clock.advance(seconds(10));
    expect(world.store.writes).toHaveLength(writes);
    common['ca.crt'] = 'another CA';
    acquirer.volumeChanged();
    await clock.advance(seconds(10));
    expect(world.store.data(SECRET)).toMatchObject({ 'ca.crt': 'another CA' });
    expect(kinds()).not.toContain('token-repaired');
  });
});

describe('new common data next to the token', () => {
  it.each([
    ['is stored with the next token if that is due at the start', 50, 2],
    ['is stored with an adopted token that is not due', 10, 1],
  ])('%s, in one write', async (_sentence, minute, requests) => {
    const world = { ...(await stored()), volume: { common: { 'ca.crt': 'CA' }, mounted: false, nudge: undefined } };
    await world.clock.advance(minutes(minute));
    const writes = world.store.writes.length;
    const { clock, kinds, endpoint, only, stored: found } = await start(world);
    await clock.advance(seconds(1));
    expect(world.store.writes).toHaveLength(writes + 1);
    expect(world.store.data(SECRET)['ca.crt']).toBe('CA');
    expect(found()?.sha256).toBe(only().cycle.held.token?.sha256);
    expect(endpoint.requests).toHaveLength(requests);
    expect(kinds()).not.toContain('token-repaired');
  });

  it('is stored next to an adopted token also where the request for the next one fails', async () => {
    const world = { ...(await stored()), volume: { common: { 'ca.crt': 'CA' }, mounted: false, nudge: undefined } };
    world.endpoint.script(...downFor(60));
    await world.clock.advance(minutes(50));
    const { clock, kinds } = await start(world);
    await clock.advance(seconds(2));
    expect(world.store.data(SECRET)['ca.crt']).toBe('CA');
    expect(kinds()).not.toContain('token-repaired');
  });

  it('is stored seconds after the write of a token, and is not reported as a change by another writer', async () => {
    const common: Record<string, string> = {};
    const world = { ...(await stored()), volume: { common, mounted: false, nudge: undefined } };
    const { clock, acquirer, only, kinds } = await start(world);
    await clock.advance(seconds(60));
    const release = world.store.hold();
    void only().reissues.reissue(only().cycle.held.token?.sha256 ?? '', async () => undefined);
    await clock.settle();
    common['ca.crt'] = 'CA';
    acquirer.volumeChanged();
    await clock.settle();
    release();
    await clock.advance(seconds(2));
    expect(world.store.data(SECRET)['ca.crt']).toBe('CA');
    expect(kinds()).not.toContain('token-repaired');
  });
});

describe('a client app with an unknown state', () => {
  it.each<[string, (world: World) => void, number, number]>([
    ['gets no token if it proves to be stopped', ({ execution }) => execution.set('stopped'), 60, 0],
    ['gets a token immediately if it proves to run', ({ execution }) => execution.set('running'), 0, 1],
    ['gets a token after 5 s if its state stays unknown', () => undefined, 6, 1],
  ])('%s', async (_sentence, turnOut, after, requests) => {
    const world = createWorld();
    world.execution.set('unknown');
    const { clock } = await start(world, { specifications });
    await clock.advance(100);
    expect(world.endpoint.requests).toHaveLength(0);
    turnOut(world);
    await clock.advance(seconds(after) + 100);
    expect(world.endpoint.requests).toHaveLength(requests);
  });
});

describe('a write that failed because another token-acquirer wrote in the meantime', () => {
  it('is not repeated over a newer token, which counts', async () => {
    const world = await stored();
    const first = await start(world);
    const other = createWorld({ clock: world.clock, store: new FakeTokenStore() });
    await world.clock.advance(seconds(5));
    other.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const second = await start(other);
    await second.acquirer.stop();
    world.store.edit(SECRET, other.store.data(SECRET));
    world.store.fail(new StoreError('Another writer changed the Secret in the meantime.'), 1);
    first.only().cycle.volumeChanged();
    await world.clock.advance(seconds(40));
    expect(first.stored()?.sha256).toBe(second.stored()?.sha256);
    expect(first.only().cycle.held.token?.sha256).toBe(second.stored()?.sha256);
    expect(first.only().cycle.status.get('Stored')).toMatchObject({ status: true });
  });

  it('is repeated within seconds over an older one, also after a reissue', async () => {
    const world = await stored();
    const { only, clock, stored: found } = await start(world);
    world.store.fail(AWAY, 1);
    const reissued = only().reissues.reissue(only().cycle.held.token?.sha256 ?? '', async () => undefined);
    await clock.advance(seconds(5));
    expect(await reissued).toMatchObject({ result: 'reissued', stored: false });
    expect(found()?.sha256).toBe(only().cycle.held.token?.sha256);
  });
});

describe('a token that was removed from the store because its client app does not run', () => {
  it('is not reported as stored', async () => {
    const world = createWorld();
    const { clock, only } = await start(world, { specifications });
    world.execution.set('stopped');
    await clock.advance(minutes(10));
    expect(world.store.data(SECRET)).toEqual({});
    expect(only().cycle.held.stored).toBe(false);
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: false, reason: 'Withdrawn' });
  });

  it('has no error left after the store was unavailable', async () => {
    const world = createWorld();
    const { clock, only } = await start(world, { specifications });
    world.execution.set('stopped');
    await clock.advance(seconds(50));
    world.store.fail(AWAY);
    await clock.advance(minutes(1));
    expect(only().cycle.status.get('Stored')).toMatchObject({ reason: 'StoreUnavailable' });
    world.store.heal();
    await clock.advance(minutes(2));
    expect(only().cycle.status.get('Stored')).toMatchObject({ reason: 'Withdrawn' });
  });

  it('is not restored while its successor cannot be obtained, so that a returning pod waits', async () => {
    const world = createWorld();
    const { clock, only, stored: found } = await start(world, { specifications });
    world.execution.set('stopped');
    await clock.advance(minutes(10));
    world.endpoint.script(...downFor(60));
    world.execution.set('running');
    await clock.advance(seconds(20));
    only().cycle.volumeChanged();
    await clock.advance(seconds(15));
    expect(world.store.data(SECRET)).toEqual({});
    await clock.advance(minutes(5));
    expect(found()?.expiresAt).toBeGreaterThan(clock.now());
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: true });
  });
});

describe('a Secret that someone deleted', () => {
  const MISSING = new StoreError('There is no Secret. Run: kubectl create secret generic x.', { missing: true });

  it.each([
    ['of the configuration', {}, MISSING.message],
    [
      'of an AccessToken',
      { isResource: true },
      'There is no Secret billing-tokens in the namespace billing: someone deleted it. The token-acquirer makes it again.',
    ],
  ])('and that is %s is reported with what is to be done', async (_, given, message) => {
    const world = createWorld();
    const { clock, only, events } = await start(world, { specifications: [specification(given)] });
    world.store.fail(MISSING);
    await clock.advance(minutes(2));
    expect(events.map(({ event }) => event)).toContainEqual({ kind: 'store-failed', message });
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: false, message });
  });
});
