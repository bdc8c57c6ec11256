import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { FakeRefreshTokenStore } from '../fakes/fake-refresh-token-store.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import {
  createWorld,
  minutes,
  seconds,
  specification,
  start,
  type World,
  withOwnCredentials,
} from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const specifications = [specification({ grant: 'refresh_token' })];
const rotated = (refreshToken: string) => tokenResponse({ refreshToken: new Redacted(refreshToken) });
const lost = (): TokenRequestError => new TokenRequestError('timeout', 'No answer came.', { progress: 'unknown' });

/** An answer with only a refresh token. */
const unusable = (refreshToken?: string): TokenRequestError =>
  new TokenRequestError('invalid_response', 'The answer has no access_token.', {
    progress: 'unknown',
    refreshToken: refreshToken === undefined ? undefined : new Redacted(refreshToken),
  });

function sent({ endpoint }: World): (string | undefined)[] {
  return endpoint.requests.map(({ refreshToken }) => refreshToken?.reveal());
}

async function firstOf(world: World): Promise<string | undefined> {
  return (await world.credentials.read('dynamics')).values.refresh_token?.reveal();
}

describe('a rotating refresh token', () => {
  it('is replaced by each answer and never sent twice', async () => {
    const world = createWorld();
    const [second, third] = [secret('second'), secret('third')];
    world.endpoint.script(rotated(second), rotated(third));
    const { clock } = await start(world, { specifications });
    await clock.advance(seconds(82));
    expect(sent(world)).toEqual([await firstOf(world), second, third]);
  });

  it('is saved before the access token is stored', async () => {
    const world = createWorld();
    world.endpoint.script(rotated(secret('second')));
    world.chains.failSaves(new StoreError('The state is unavailable.'));
    const { store, only, clock, chains } = await start(world, { specifications });
    expect(store.writes).toHaveLength(0);
    expect(only().cycle.status.lastError?.code).toBe('state_unavailable');
    chains.heal();
    await clock.advance(seconds(30));
    expect(store.writes).toHaveLength(1);
  });

  it('is not sent again if its successor could not be saved, and the answer is kept until it is saved', async () => {
    const world = createWorld();
    const second = secret('second');
    world.endpoint.hold().script(rotated(second));
    const { clock, chains, store } = await start(world, { specifications });
    chains.failSaves(new StoreError('The state is unavailable.'));
    world.endpoint.release();
    await clock.advance(minutes(1));
    expect(sent(world)).toHaveLength(1);
    expect(store.writes).toHaveLength(0);
    chains.heal();
    await clock.advance(seconds(30));
    expect(store.writes).toHaveLength(1);
    await clock.advance(seconds(40));
    expect(sent(world).slice(0, 2)).toEqual([await firstOf(world), second]);
  });

  it('is used after a restart, and its predecessor never again', async () => {
    const world = createWorld();
    const second = secret('second');
    world.endpoint.script(rotated(second));
    const before = await start(world, { specifications });
    await before.acquirer.stop();
    const { clock } = await start(world, { specifications });
    await clock.advance(seconds(41));
    expect(sent(world)).toEqual([await firstOf(world), second]);
  });

  it('needs a new credential if it was in use when the process died', async () => {
    const world = createWorld();
    world.endpoint.hold();
    await start(world, { specifications });
    const after = createWorld({ ...world, endpoint: createWorld().endpoint });
    const { only, endpoint, clock, credentials } = await start(after, { specifications });
    await clock.advance(seconds(16));
    expect(only().cycle.status.lastError).toMatchObject({
      code: 'needs_credential',
      message: expect.stringContaining('refreshTokenReuse'),
    });
    expect(endpoint.requests).toHaveLength(0);
    const fresh = secret('fresh');
    credentials.set('dynamics', { client_id: 'billing', refresh_token: fresh });
    await clock.advance(seconds(2));
    expect(sent(after)).toEqual([fresh]);
  });

  it('is sent again after a crash if the server allows reuse', async () => {
    const world = createWorld();
    world.endpoint.script(lost());
    const { clock } = await start(world, {
      specifications: [specification({ grant: 'refresh_token', refreshTokenReuse: Infinity })],
    });
    await clock.advance(seconds(30));
    expect(sent(world)).toEqual([await firstOf(world), await firstOf(world)]);
  });

  it('is not sent again after a lost answer', async () => {
    const world = createWorld();
    world.endpoint.script(lost());
    const { clock, only } = await start(world, { specifications });
    await clock.advance(minutes(20));
    expect(sent(world)).toHaveLength(1);
    expect(only().cycle.status.get('Renewed')).toMatchObject({ reason: 'NeedsCredential' });
  });

  it('is followed by the one that came with an unusable answer, and the status keeps the reason', async () => {
    const world = createWorld();
    const [second, third] = [secret('second'), secret('third')];
    world.endpoint.script(unusable(second), unusable(third));
    const { clock, only, stored, chains } = await start(world, { specifications });
    expect(only().cycle.status.lastError).toMatchObject({
      code: 'invalid_response',
      message: 'The answer has no access_token.',
    });
    expect(chains.peek(specification().identity)).toMatchObject({ rotates: true, inUse: false });
    expect(chains.peek(specification().identity)?.refreshToken.reveal()).toBe(second);
    await clock.advance(seconds(1));
    expect(only().cycle.status.lastError?.code).toBe('invalid_response');
    await clock.advance(seconds(10));
    expect(sent(world)).toEqual([await firstOf(world), second, third]);
    expect(stored()).toBeDefined();
  });

  it('is sent only after it was saved if it came with an unusable answer', async () => {
    const world = createWorld();
    const second = secret('second');
    world.endpoint.hold().script(unusable(second));
    const { clock, chains, stored, only } = await start(world, { specifications });
    chains.failSaves(new StoreError('The state is unavailable.'));
    world.endpoint.release();
    await clock.advance(minutes(1));
    expect(sent(world)).toHaveLength(1);
    expect(only().cycle.status.lastError?.code).toBe('state_unavailable');
    chains.heal();
    await clock.advance(seconds(30));
    expect(sent(world)).toEqual([await firstOf(world), second]);
    expect(stored()).toBeDefined();
  });

  it('does not count as kept by the server if it came back unchanged with an unusable answer', async () => {
    const world = createWorld();
    const first = await firstOf(world);
    world.endpoint.script(unusable(first), lost());
    const { clock, only } = await start(world, { specifications });
    await clock.advance(minutes(5));
    expect(sent(world)).toEqual([first, first]);
    expect(only().cycle.status.lastError?.code).toBe('needs_credential');
  });

  it('needs a new credential after an unusable answer without another one, and the reason stays', async () => {
    const world = createWorld();
    world.endpoint.script(unusable());
    const { clock, only } = await start(world, { specifications });
    await clock.advance(minutes(5));
    expect(sent(world)).toHaveLength(1);
    expect(only().cycle.status.lastError).toMatchObject({
      code: 'needs_credential',
      message: expect.stringMatching(/That request failed: The answer has no access_token\.$/),
    });
  });

  it.each([
    ['that was not reached', new TokenRequestError('unreachable', 'Not reached.', { progress: 'not-sent' })],
    ['that answered an error', new TokenRequestError('server_error', 'It failed.', { progress: 'answered' })],
  ])('is sent again to a server %s', async (_sentence, error) => {
    const world = createWorld();
    world.endpoint.script(error, rotated(secret('second')));
    const { clock, stored } = await start(world, { specifications });
    await clock.advance(seconds(30));
    expect(sent(world)).toEqual([await firstOf(world), await firstOf(world)]);
    expect(stored()).toBeDefined();
  });

  it('is sent again after a rejection while the state was unavailable, because it is unspent', async () => {
    const world = createWorld();
    world.endpoint.hold().script(new TokenRequestError('server_error', 'It failed.', { progress: 'answered' }));
    const { clock, chains, only } = await start(world, { specifications });
    chains.failSaves(new StoreError('The state is unavailable.'));
    world.endpoint.release();
    await clock.advance(seconds(1));
    chains.heal();
    await clock.advance(seconds(60));
    expect(sent(world).slice(0, 2)).toEqual([await firstOf(world), await firstOf(world)]);
    expect(only().cycle.held.isLive()).toBe(true);
  });

  it('is sent after a save of its mark that failed and took place anyway, because it is unspent', async () => {
    const world = createWorld();
    const save = world.chains.save.bind(world.chains);
    let failures = 3;
    world.chains.save = async (...given) => {
      await save(...given);
      failures -= 1;
      if (failures >= 0) throw new StoreError('The API server gave no answer.');
    };
    const { clock, only } = await start(world, { specifications });
    await clock.advance(seconds(30));
    expect(sent(world)).toEqual([await firstOf(world)]);
    expect(only().cycle.held.isLive()).toBe(true);
  });

  it('is marked once its connection is open: a server that cannot be reached costs no save', async () => {
    const world = createWorld();
    const { endpoint } = world;
    let isReachable = false;
    const request = endpoint.request.bind(endpoint);
    endpoint.request = (given, signal) => {
      if (isReachable) return request(given, signal);
      return Promise.reject(new TokenRequestError('unreachable', 'Not reached.', { progress: 'not-sent' }));
    };
    const { clock, chains } = await start(world, { specifications });
    await clock.advance(minutes(5));
    expect(chains.saves).toHaveLength(0);
    isReachable = true;
    endpoint.script(rotated(secret('second')));
    await clock.advance(minutes(1));
    expect(chains.saves.slice(0, 2)).toMatchObject([{ chain: { inUse: true } }, { chain: { inUse: false } }]);
  });

  it('is unmarked again if the request ended while its mark was being saved', async () => {
    const world = createWorld();
    const { endpoint, chains } = world;
    const gate = Promise.withResolvers<void>();
    const save = chains.save.bind(chains);
    chains.save = async (...given) => {
      await gate.promise;
      return save(...given);
    };
    endpoint.request = async ({ beforeSending }) => {
      void beforeSending?.().catch(() => undefined);
      throw new TokenRequestError('timeout', 'No connection in time.', { progress: 'not-sent' });
    };
    const { clock } = await start(world, { specifications });
    gate.resolve();
    await clock.settle();
    expect(chains.saves).toMatchObject([{ chain: { inUse: true } }, { chain: { inUse: false } }]);
  });

  it('needs a new credential after such a rejection and a restart, which loses that knowledge', async () => {
    const world = createWorld();
    world.endpoint.hold().script(new TokenRequestError('server_error', 'It failed.', { progress: 'answered' }));
    const before = await start(world, { specifications });
    world.chains.failSaves(new StoreError('The state is unavailable.'));
    world.endpoint.release();
    await before.clock.settle();
    await before.acquirer.stop();
    world.chains.heal();
    const { only, clock } = await start(world, { specifications });
    await clock.advance(seconds(16));
    expect(only().cycle.status.lastError?.code).toBe('needs_credential');
    expect(sent(world)).toHaveLength(1);
  });

  it('is followed by a successor that was saved though the save failed', async () => {
    const world = createWorld();
    const second = secret('second');
    world.endpoint.script(rotated(second));
    const save = world.chains.save.bind(world.chains);
    let saves = 0;
    world.chains.save = async (...given) => {
      await save(...given);
      saves += 1;
      if (saves === 2) throw new StoreError('Saved, but not tidied up.');
    };
    const { clock, stored } = await start(world, { specifications });
    expect(stored()).toBeDefined();
    await clock.advance(seconds(41));
    expect(sent(world)).toEqual([await firstOf(world), second]);
  });

  it('is not overwritten if another process continued its chain, and the process uses that one', async () => {
    const world = createWorld();
    world.endpoint.hold().script(rotated(secret('second')));
    const { clock, chains } = await start(world, { specifications });
    const identity = specification().identity;
    const others = new Redacted(secret('others'));
    const present = chains.peek(identity);
    if (present === undefined) throw new Error('Nothing was saved.');
    chains.edit(identity, { ...present, refreshToken: others, inUse: false });
    world.endpoint.release();
    await clock.advance(seconds(60));
    expect(sent(world).slice(0, 2)).toEqual([await firstOf(world), others.reveal()]);
  });

  it('continues from memory if someone empties the state, and the first one, which is spent, is not sent again', async () => {
    const world = createWorld();
    const [second, third] = [secret('second'), secret('third')];
    world.endpoint.script(rotated(second), rotated(third));
    const { clock, chains } = await start(world, { specifications });
    chains.edit(specification().identity, undefined);
    await clock.advance(seconds(41));
    expect(sent(world)).toEqual([await firstOf(world), second]);
    expect(chains.peek(specification().identity)?.refreshToken.reveal()).toBe(third);
  });

  it('is never stored in the volume of clients', async () => {
    const world = createWorld();
    const second = secret('second');
    world.endpoint.script(rotated(second));
    const { store } = await start(world, { specifications });
    expect(JSON.stringify(store.writes)).not.toContain(second);
    expect(store.writes).toHaveLength(1);
  });
});

describe('a refresh token that is marked as in use', () => {
  const identity = specification().identity;
  const reusable = (reuse: number) => [specification({ grant: 'refresh_token', refreshTokenReuse: reuse })];

  async function killed(): Promise<World> {
    const world = createWorld();
    world.endpoint.hold();
    await start(world, { specifications });
    expect(sent(world)).toHaveLength(1);
    return createWorld({ ...world, endpoint: createWorld().endpoint });
  }

  it('may be in a request of another process for 15 s, which is transient, and nothing is sent', async () => {
    const world = await killed();
    const { clock, only } = await start(world, { specifications });
    expect(only().cycle.status.lastError?.code).toBe('state_busy');
    await clock.advance(seconds(14));
    expect(only().cycle.status.lastError?.code).toBe('state_busy');
    await clock.advance(seconds(2));
    expect(only().cycle.status.lastError?.code).toBe('needs_credential');
    expect(sent(world)).toEqual([]);
  });

  it('continues with the token that the other process saves', async () => {
    const world = await killed();
    const { clock, chains, only } = await start(world, { specifications });
    const present = chains.peek(identity);
    const next = secret('next');
    if (present !== undefined)
      chains.edit(identity, { ...present, refreshToken: new Redacted(next), inUse: false, inUseSince: undefined });
    await clock.advance(seconds(16));
    expect(sent(world)).toEqual([next]);
    expect(only().cycle.status.lastError).toBeUndefined();
  });

  it('is sent again within the time that the server allows', async () => {
    const world = await killed();
    await world.clock.advance(seconds(20));
    world.endpoint.script(rotated(secret('second')));
    const { only } = await start(world, { specifications: reusable(seconds(30)) });
    expect(sent(world)).toEqual([await firstOf(world)]);
    expect(only().cycle.held.isLive()).toBe(true);
  });

  it('is not sent again after that time', async () => {
    const world = await killed();
    await world.clock.advance(seconds(28));
    const { only } = await start(world, { specifications: reusable(seconds(30)) });
    expect(sent(world)).toEqual([]);
    expect(only().cycle.status.lastError?.code).toBe('needs_credential');
  });

  it('keeps the time of its first use, however often it is sent again', async () => {
    const world = createWorld();
    world.endpoint.script(...Array.from({ length: 100 }, lost));
    const { clock, chains, only } = await start(world, { specifications: reusable(seconds(30)) });
    const marked = chains.peek(identity)?.inUseSince;
    await clock.advance(seconds(26));
    expect(sent(world).length).toBeGreaterThan(10);
    expect(chains.peek(identity)?.inUseSince).toBe(marked);
    const { length } = sent(world);
    await clock.advance(minutes(5));
    expect(sent(world).length).toBeLessThanOrEqual(length + 2);
    expect(only().cycle.status.lastError?.code).toBe('needs_credential');
  });

  it('stays marked if the server answered an error to the second request', async () => {
    const world = createWorld();
    const failed = new TokenRequestError('server_error', 'It failed.', { progress: 'answered' });
    world.endpoint.script(lost(), failed, failed, ...Array.from({ length: 100 }, lost));
    const { clock, chains } = await start(world, { specifications: reusable(seconds(30)) });
    await clock.advance(seconds(2));
    expect(sent(world).length).toBeGreaterThanOrEqual(2);
    expect(chains.peek(identity)?.inUse).toBe(true);
    await clock.advance(minutes(5));
    const { length } = sent(world);
    await clock.advance(minutes(20));
    expect(sent(world)).toHaveLength(length);
  });

  it('is not sent again after a mark of version 0.1.0, which has no time', async () => {
    const world = await killed();
    const { chains } = world;
    const present = chains.peek(identity);
    if (present !== undefined) chains.edit(identity, { ...present, inUseSince: undefined });
    const { only } = await start(world, { specifications: reusable(seconds(30)) });
    expect(only().cycle.status.lastError?.code).toBe('needs_credential');
    expect(sent(world)).toEqual([]);
  });
});

describe('many rotating refresh tokens', () => {
  const many = Array.from({ length: 40 }, (_, index) =>
    specification({
      identity: { namespace: 'billing', secret: 'billing-tokens', name: `token-${index}` },
      credential: `credential-${index}`,
      grant: 'refresh_token',
    }),
  );

  function manyCredentials(): World {
    const world = createWorld();
    for (const { credential } of many) {
      world.credentials.set(credential, { client_id: 'billing', refresh_token: secret('first-refresh-token') });
    }
    return world;
  }

  /** Makes each answer take 300 ms and bring another refresh token. */
  function slowly(world: World): World {
    const request = world.endpoint.request.bind(world.endpoint);
    world.endpoint.request = async (given, signal) => {
      world.endpoint.script(rotated(secret('next-refresh-token')));
      const answered = request(given, signal);
      await world.clock.wait(300);
      return answered;
    };
    return world;
  }

  it('are sent two at a time until the process has been up for a minute', async () => {
    const world = manyCredentials();
    world.endpoint.hold();
    const { endpoint, clock } = await start(world, { specifications: many });
    expect(endpoint.inFlight).toBe(2);
    await clock.advance(seconds(61));
    endpoint.release();
    await clock.settle();
    endpoint.hold();
    await clock.advance(seconds(45));
    expect(endpoint.inFlight).toBe(20);
    endpoint.release();
  });

  it('do not block a token that spends nothing', async () => {
    const world = manyCredentials();
    world.endpoint.hold();
    const others = Array.from({ length: 10 }, (_, index) =>
      specification({ identity: { namespace: 'billing', secret: 'billing-tokens', name: `other-${index}` } }),
    );
    const { endpoint } = await start(world, { specifications: [...many, ...withOwnCredentials(world, others)] });
    expect(endpoint.requests.filter(({ grant }) => grant === 'client_credentials')).toHaveLength(10);
    expect(endpoint.requests.filter(({ grant }) => grant === 'refresh_token')).toHaveLength(2);
    endpoint.release();
  });

  it('are sent one at a time after a mark was found, until one exchange succeeded', async () => {
    const world = manyCredentials();
    world.endpoint.hold();
    await start(world, { specifications: many });
    const after = createWorld({ ...world, endpoint: createWorld().endpoint });
    after.endpoint.hold();
    const { endpoint, clock } = await start(after, { specifications: many });
    expect(endpoint.inFlight).toBe(1);
    endpoint.script(rotated(secret('second')));
    endpoint.release();
    endpoint.hold();
    await clock.settle();
    expect(endpoint.inFlight).toBe(2);
  });

  it('lose at most two chains in each of five crashes', async () => {
    let world = slowly(manyCredentials());
    const lostIn = (state: World): number =>
      many.filter(({ identity }) => state.chains.peek(identity)?.inUse === true).length;
    for (let crash = 1; crash <= 5; crash += 1) {
      const before = lostIn(world);
      const { clock, abandon } = await start(world, { specifications: many });
      await clock.advance(600);
      expect(lostIn(world) - before).toBeLessThanOrEqual(2);
      // The requests of a killed process get no answer, and nothing else of it continues.
      const chains = new FakeRefreshTokenStore();
      for (const { identity } of many) chains.edit(identity, world.chains.peek(identity));
      abandon.abort();
      world = slowly(createWorld({ ...world, chains, endpoint: createWorld().endpoint }));
    }
    expect(lostIn(world)).toBeLessThanOrEqual(10);
  });
});

describe('a refresh token that the server keeps', () => {
  it('stays in use when the answer brings none', async () => {
    const world = createWorld();
    const { clock } = await start(world, { specifications });
    await clock.advance(seconds(82));
    const first = await firstOf(world);
    expect(sent(world)).toEqual([first, first, first]);
  });

  it('is followed by the one of an unusable answer', async () => {
    const world = createWorld();
    const second = secret('second');
    world.endpoint.script(tokenResponse(), unusable(second));
    const { clock } = await start(world, { specifications });
    await clock.advance(seconds(60));
    const first = await firstOf(world);
    expect(sent(world).slice(0, 3)).toEqual([first, first, second]);
  });

  it('is sent again after a lost answer, because it cannot be spent', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse(), lost());
    const { clock } = await start(world, { specifications });
    await clock.advance(seconds(60));
    expect(sent(world).length).toBeGreaterThanOrEqual(3);
  });
});

describe('the credential', () => {
  it('wins over the state with another refresh token', async () => {
    const world = createWorld();
    world.endpoint.script(rotated(secret('second')));
    const { clock, credentials } = await start(world, { specifications });
    const fresh = secret('fresh');
    credentials.set('dynamics', { client_id: 'billing', refresh_token: fresh });
    await clock.advance(seconds(41));
    expect(sent(world).at(-1)).toBe(fresh);
  });

  it('is a clear error without a refresh token', async () => {
    const world = createWorld();
    world.credentials.set('dynamics', { client_id: 'billing' });
    const { only } = await start(world, { specifications });
    expect(only().cycle.status.lastError).toMatchObject({
      code: 'credential_unreadable',
      message: expect.stringContaining('refresh_token'),
    });
  });

  it('leaves no state behind for a removed token', async () => {
    const world = createWorld();
    world.endpoint.script(rotated(secret('second')));
    const { acquirer, chains, clock } = await start(world, { specifications });
    acquirer.apply([]);
    await clock.advance(seconds(1));
    expect(chains.peek(specifications[0]?.identity ?? { namespace: '', secret: '', name: '' })).toBeUndefined();
  });
});
