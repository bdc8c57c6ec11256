import { describe, expect, it } from 'vitest';
import { TokenRequestError } from '../../src/core/errors.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import type { Reissue } from '../../src/token-acquirer/token/reissues.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import type { Admission } from '../../src/token-acquirer/token/token-requests.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { FakeStoreWatch } from '../fakes/fake-store-watch.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import {
  createWorld,
  minutes,
  type Started,
  seconds,
  specification,
  start,
  type World,
  withOwnCredentials,
} from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';
import { buildToken } from '../support/tokens.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const allowed: Admission = () => Promise.resolve(undefined);
const named = (name: string, given: Partial<TokenSpecification> = {}): TokenSpecification =>
  specification({ identity: { ...SECRET, name }, key: name, ...given });

function reissue(started: Started, name?: string): Promise<Reissue> {
  const { cycle, reissues } = started.only(name);
  return reissues.reissue(cycle.held.token?.sha256 ?? '0'.repeat(64), allowed);
}

describe('a stop', () => {
  it('starts none of the waiting requests, and ends', async () => {
    const world = createWorld();
    world.endpoint.hold();
    const specifications = Array.from({ length: 50 }, (_, index) => named(`token-${index}`));
    const { acquirer, endpoint, clock } = await start(world, { specifications, slots: 4 });
    const stopped = acquirer.stop();
    endpoint.release();
    await clock.advance(seconds(1));
    await stopped;
    expect(endpoint.requests).toHaveLength(4);
    expect(clock.waiting()).toBe(0);
  });

  it('answers every call that came before it, and those that come while it lasts', async () => {
    const world = createWorld();
    world.endpoint.script(...Array.from({ length: 10 }, () => tokenResponse({ expiresIn: 3600 })));
    const started = await start(world);
    await started.clock.advance(seconds(10));
    started.endpoint.hold();
    const answers = Array.from({ length: 100 }, () => reissue(started));
    await started.clock.settle();
    const stopped = started.acquirer.stop();
    answers.push(reissue(started));
    started.endpoint.release();
    await started.clock.advance(seconds(1));
    await stopped;
    const results = (await Promise.all(answers)).map(({ result }) => result);
    expect(new Set(results)).toEqual(new Set(['reissued', 'coalesced']));
    expect(started.endpoint.requests).toHaveLength(2);
  });

  it('serves a client whose token waits for its turn to be renewed', async () => {
    const world = createWorld();
    world.endpoint.script(...Array.from({ length: 4 }, () => tokenResponse({ expiresIn: 60 })));
    const specifications = [named('a'), named('b')];
    const started = await start(world, { specifications, slots: 1 });
    await started.clock.advance(seconds(2));
    started.endpoint.hold();
    await started.clock.advance(seconds(42));
    expect(started.endpoint.inFlight).toBe(1);
    const answers = [reissue(started, 'a'), reissue(started, 'b')];
    await started.clock.settle();
    const stopped = started.acquirer.stop();
    started.endpoint.release();
    await started.clock.advance(seconds(5));
    await stopped;
    for (const { result } of await Promise.all(answers)) expect(['reissued', 'coalesced']).toContain(result);
  });

  it('answers the remaining callers after its grace period', async () => {
    const world = createWorld();
    const started = await start(world);
    await started.clock.advance(seconds(2));
    started.endpoint.hold();
    const answer = reissue(started);
    await started.clock.settle();
    const stopped = started.acquirer.stop();
    await started.clock.advance(seconds(8));
    started.abandon.abort();
    await started.clock.settle();
    await stopped;
    expect(await answer).toMatchObject({ result: 'stopping' });
    expect(await reissue(started)).toMatchObject({ result: 'stopping' });
    expect(started.stored()).toBeDefined();
  });

  it('accepts no new configuration', async () => {
    const { acquirer, endpoint, clock } = await start(createWorld());
    await acquirer.stop();
    acquirer.apply([named('late')]);
    await clock.advance(seconds(2));
    expect(endpoint.requests).toHaveLength(1);
  });
});

describe('a renewal that falls due while a reissue is in flight', () => {
  it('joins the reissue, with one token request for both', async () => {
    const started = await start(createWorld());
    const { clock, endpoint } = started;
    await clock.advance(seconds(38));
    endpoint.hold();
    const answer = reissue(started);
    await clock.advance(seconds(10));
    expect(endpoint.inFlight).toBe(1);
    endpoint.release();
    await clock.advance(seconds(5));
    expect(await answer).toMatchObject({ result: 'reissued', stored: true });
    expect(endpoint.highestInFlight).toBe(1);
    expect(endpoint.requests).toHaveLength(2);
  });
});

describe('a reissue that fails while the store is read before a renewal', () => {
  it('delays the renewal, as the server asks for', async () => {
    const world = createWorld({ leadership: new FakeLeadership('unelected') });
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const started = await start(world);
    const { clock, endpoint, store, only } = started;
    const renewAt = only().cycle.held.token?.renewAt ?? 0;
    await clock.advance(renewAt - clock.now() - 1);
    const read = store.read.bind(store);
    const slow = Promise.withResolvers<void>();
    store.read = async (...given) => {
      await slow.promise;
      return read(...given);
    };
    await clock.advance(seconds(40));
    expect(endpoint.requests).toHaveLength(1);
    endpoint.script(new TokenRequestError('rate_limited', 'No.', { progress: 'answered', retryAfter: minutes(1) }));
    const answer = reissue(started);
    await clock.settle();
    slow.resolve();
    await clock.advance(seconds(50));
    expect(await answer).toMatchObject({ result: 'failed' });
    expect(endpoint.requests).toHaveLength(2);
    await clock.advance(seconds(15));
    expect(endpoint.requests).toHaveLength(3);
  });
});

describe('a request that fails inside the token-acquirer', () => {
  /** Starts a reissue whose admission fails when the returned function is called. */
  async function failing(started: Started): Promise<{ fail: () => void; answer: Promise<unknown> }> {
    const admission = Promise.withResolvers<undefined>();
    const rejected = started.only().cycle.held.token?.sha256 ?? '';
    const answer = started
      .only()
      .reissues.reissue(rejected, () => admission.promise)
      .catch((error: unknown) => error);
    await started.clock.settle();
    return { fail: () => admission.reject(new TypeError('secret')), answer };
  }

  async function unhandledDuring(task: () => Promise<void>): Promise<unknown[]> {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      await task();
    } finally {
      process.off('unhandledRejection', note);
    }
    return unhandled;
  }

  it('ends only that request while the cycle waits for its end', async () => {
    const started = await start(createWorld());
    const { clock, endpoint } = started;
    await clock.advance(seconds(5));
    const unhandled = await unhandledDuring(async () => {
      const { fail, answer } = await failing(started);
      started.only().cycle.wake();
      await clock.settle();
      fail();
      expect(await answer).toBeInstanceOf(TypeError);
      await clock.advance(seconds(40));
    });
    expect(unhandled).toEqual([]);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('ends only that request if it is a renewal, which is tried again', async () => {
    const started = await start(createWorld());
    const { clock, endpoint, credentials } = started;
    await clock.advance(seconds(5));
    const unhandled = await unhandledDuring(async () => {
      const { cycle } = started.only();
      const acquire = cycle.requests.acquire.bind(cycle.requests);
      cycle.requests.acquire = () => {
        cycle.requests.acquire = acquire;
        return Promise.reject(new TypeError('secret'));
      };
      credentials.setInterval('dynamics', seconds(2));
      await clock.advance(seconds(2));
    });
    expect(unhandled).toEqual([]);
    expect(started.kinds()).toContain('cycle-failed');
    await clock.advance(seconds(31));
    expect(endpoint.requests.length).toBeGreaterThan(1);
  });

  it('does not keep the process from ending', async () => {
    const started = await start(createWorld());
    await started.clock.advance(seconds(5));
    const { fail, answer } = await failing(started);
    const stopped = started.acquirer.stop();
    fail();
    await started.clock.settle();
    await stopped;
    expect(await answer).toBeInstanceOf(TypeError);
  });
});

describe('an authorization server that hangs', () => {
  it('does not block tokens of another server', async () => {
    const world = createWorld();
    const asked: string[] = [];
    const endpoint: World['endpoint'] = world.endpoint;
    const request = endpoint.request.bind(endpoint);
    endpoint.request = (given, signal) => {
      asked.push(given.authorizationServer);
      return given.authorizationServer === 'hanging' ? new Promise(() => undefined) : request(given, signal);
    };
    const hanging = Array.from({ length: 30 }, (_, index) =>
      named(`hanging-${index}`, { authorizationServer: 'hanging' }),
    );
    const { only } = await start(world, {
      specifications: withOwnCredentials(world, [...hanging, named('well')]),
      slots: 20,
    });
    expect(asked.filter((server) => server === 'hanging')).toHaveLength(20);
    expect(only('well').cycle.held.isLive()).toBe(true);
  });

  it('lets a rejected token go before many waiting renewals', async () => {
    const world = createWorld();
    const specifications = Array.from({ length: 5 }, (_, index) => named(`token-${index}`));
    world.endpoint.script(...specifications.map((_, index) => tokenResponse({ expiresIn: 60 + index })));
    const started = await start(world, { specifications, slots: 1 });
    await started.clock.advance(seconds(1));
    const { endpoint, clock } = started;
    endpoint.hold();
    await clock.advance(seconds(43));
    const before = endpoint.requests.length;
    const answer = reissue(started, 'token-4');
    await clock.settle();
    endpoint.release();
    await clock.advance(seconds(10));
    expect(await answer).toMatchObject({ result: expect.stringMatching(/reissued|coalesced/) });
    expect(endpoint.requests.length).toBeGreaterThan(before);
  });
});

describe('a flood of calls', () => {
  it('without a new request causes no read of the store', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const started = await start(world);
    await started.clock.advance(seconds(1));
    const { reads } = started.store;
    for (let call = 0; call < 1000; call += 1) {
      const { result } = await started.only().reissues.reissue('f'.repeat(64), allowed);
      expect(result).toBe('newer');
      await started.clock.settle();
    }
    expect(started.store.reads - reads).toBeLessThanOrEqual(1);
  });
});

describe('an expired token that is removed from the store', () => {
  it('makes way for one that comes in the meantime', async () => {
    const clientApp = { pidFile: '/run/app.pid' };
    const started = await start(createWorld(), { specifications: [specification({ clientApp })] });
    const { store, clock, execution } = started;
    execution.set('stopped');
    await clock.advance(seconds(59.5));
    const read = store.read.bind(store);
    let answer: Promise<Reissue> | undefined;
    store.read = async (...given) => {
      const found = await read(...given);
      // The store is slow, and a client calls just then.
      answer ??= reissue(started);
      for (let turn = 0; turn < 10; turn += 1) await clock.settle();
      return found;
    };
    await clock.advance(seconds(1));
    expect(await answer).toMatchObject({ result: 'reissued' });
    store.read = read;
    for (let turn = 0; turn < 50; turn += 1) await clock.settle();
    expect(store.writes.flatMap(({ changes }) => Object.values(changes))).not.toContain(undefined);
    expect(store.data(SECRET)['dynamics']).toBe(started.only().cycle.held.token?.accessToken.reveal());
  });
});

describe('a token that claims to come from the future', () => {
  it('in the store does not replace the one in memory', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { clock, store, only, kinds } = await start(world);
    const issuedAt = clock.now() + minutes(60 * 24 * 365);
    const planted = buildToken({ issuedAt, renewAt: issuedAt + 1000, expiresAt: issuedAt + 2000 });
    store.edit(SECRET, toVolumeData('dynamics', planted));
    await clock.advance(seconds(31));
    expect(only().cycle.held.token?.sha256).not.toBe(planted.sha256);
    expect(store.data(SECRET)['dynamics']).toBe(only().cycle.held.token?.accessToken.reveal());
    expect(kinds()).toContain('token-repaired');
  });

  it('is renewed within its lifetime if it was stored while the clock was wrong', async () => {
    const world = createWorld();
    const issuedAt = world.clock.now() + minutes(60 * 24 * 365);
    const early = buildToken({ issuedAt, renewAt: issuedAt + minutes(40), expiresAt: issuedAt + minutes(60) });
    world.store.edit(SECRET, toVolumeData('dynamics', early));
    const { clock, endpoint, stored } = await start(world);
    expect(endpoint.requests).toHaveLength(0);
    await clock.advance(minutes(40) + seconds(10));
    expect(endpoint.requests).toHaveLength(1);
    expect(stored()?.sha256).not.toBe(early.sha256);
  });

  it('is still renewed in time after the clock was set back, though its interval was changed after that', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 600 }));
    const { clock, credentials, endpoint } = await start(world);
    await clock.advance(seconds(10));
    clock.jumpWall(-minutes(60));
    credentials.setInterval('dynamics', seconds(300));
    await clock.advance(seconds(5));
    await clock.advance(seconds(290));
    expect(endpoint.requests).toHaveLength(2);
  });
});

describe('an authorization server that always returns the same token', () => {
  it('receives fewer and fewer requests, also after that token has expired', async () => {
    const world = createWorld();
    const same = tokenResponse({ expiresIn: 600 });
    world.endpoint.script(...Array.from({ length: 1000 }, () => same));
    const { clock, endpoint } = await start(world, { jitter: 1 });
    await clock.advance(minutes(10));
    const before = endpoint.requests.length;
    await clock.advance(minutes(10));
    expect(endpoint.requests.length - before).toBeLessThan(100);
    expect(endpoint.requests.length - before).toBeGreaterThan(10);
  });
});

describe('an internal error', () => {
  it.each<[string, (world: World) => void]>([
    [
      'in a look at the store',
      ({ store }) => {
        const read = store.read.bind(store);
        let calls = 0;
        store.read = (...given) => (calls++ === 0 ? Promise.reject(new TypeError('secret')) : read(...given));
      },
    ],
    [
      'in a read of the interval',
      ({ credentials }) => {
        const interval = credentials.interval.bind(credentials);
        let calls = 0;
        credentials.interval = (name) => (calls++ === 0 ? Promise.reject(new TypeError('secret')) : interval(name));
      },
    ],
  ])('%s degrades only that token, and passes', async (_sentence, spoil) => {
    const world = createWorld();
    spoil(world);
    const { stored, events, clock } = await start(world);
    await clock.advance(seconds(31));
    expect(stored()).toBeDefined();
    expect(events.map(({ event }) => ('message' in event ? event.message : '')).join(' ')).not.toContain('secret');
  });

  it('during the removal of a token ends neither the process nor the others', async () => {
    const { acquirer, store, clock, kinds } = await start(createWorld());
    const read = store.read.bind(store);
    store.read = () => Promise.reject(new TypeError('secret'));
    acquirer.apply([]);
    await clock.advance(seconds(5));
    expect(kinds()).toContain('cycle-failed');
    store.read = read;
    await clock.advance(seconds(30));
    expect(store.data(SECRET)).toEqual({});
    await acquirer.stop();
  });
});

describe('10,000 renewals', () => {
  it('leave no timer, watch or listener behind', async () => {
    const world = createWorld();
    world.endpoint.script(
      ...Array.from({ length: 200 }, (_, index) =>
        index % 3 === 0
          ? new TokenRequestError('server_error', 'It failed.', { progress: 'answered' })
          : tokenResponse({ expiresIn: 2 }),
      ),
    );
    const request = world.endpoint.request.bind(world.endpoint);
    world.endpoint.request = async (given, signal) => {
      const response = await request(given, signal);
      return { ...response, expiresIn: 2 };
    };
    const started = await start(world);
    const { clock, credentials, acquirer, endpoint, abandon } = started;
    let listeners = 0;
    const add = abandon.signal.addEventListener.bind(abandon.signal);
    const remove = abandon.signal.removeEventListener.bind(abandon.signal);
    abandon.signal.addEventListener = (...given: Parameters<typeof add>) => {
      listeners += 1;
      add(...given);
    };
    abandon.signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...given);
    };
    while (endpoint.requests.length < 10_000) await clock.advance(minutes(10));
    expect(clock.waiting()).toBe(1);
    expect(credentials.watching).toBe(1);
    expect(listeners).toBeLessThanOrEqual(1);
    await acquirer.stop();
    expect(clock.waiting()).toBe(0);
  });
});

/** A turn that reads while something else ends. Nothing else would wake the cycle for half a minute. */
describe('a slow look at the store or the credential', () => {
  const unreachable = (): TokenRequestError =>
    new TokenRequestError('unreachable', 'The server cannot be reached.', { progress: 'not-sent' });

  interface Slow extends Started {
    /** Has the cycle read the store, which takes this long. */
    look(takes: number): void;
  }

  /** A token that is due after a second. */
  async function slow(): Promise<Slow> {
    const storeWatch = new FakeStoreWatch({ enabled: true });
    const world = createWorld({ storeWatch });
    const now = world.clock.now();
    const token = buildToken({ issuedAt: now - minutes(40), renewAt: now + seconds(1), expiresAt: now + minutes(20) });
    world.store.edit(SECRET, toVolumeData('dynamics', token));
    const started = await start(world, { jitter: 1 });
    const read = world.store.read.bind(world.store);
    return {
      ...started,
      look(takes) {
        world.store.read = async (...given) => {
          await world.clock.wait(takes);
          return read(...given);
        };
        storeWatch.tell();
      },
    };
  }

  const pauses = ({ events }: Started): number[] =>
    events.flatMap(({ event }) => (event.kind === 'token-request-failed' ? [event.retryIn] : []));

  it('delays no request that fails during it', async () => {
    const started = await slow();
    const { clock, endpoint } = started;
    endpoint.script(unreachable()).hold();
    await clock.advance(seconds(2));
    expect(endpoint.inFlight).toBe(1);
    started.look(500);
    await clock.advance(100);
    endpoint.release();
    await clock.settle();
    const [pause = Infinity] = pauses(started);
    await clock.advance(pause + 1000);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('delays no try of an unavailable server that falls due during it', async () => {
    const started = await slow();
    const { clock, endpoint } = started;
    endpoint.script(unreachable(), unreachable(), unreachable());
    while (pauses(started).length < 3) await clock.advance(100);
    await clock.advance((pauses(started)[2] ?? 0) - 250);
    expect(endpoint.requests).toHaveLength(3);
    started.look(500);
    await clock.advance(2000);
    expect(endpoint.requests).toHaveLength(4);
  });

  it('delays no renewal once the last token is written', async () => {
    const started = await slow();
    const { clock, credentials, endpoint, store } = started;
    const write = store.write.bind(store);
    const written = Promise.withResolvers<void>();
    store.write = async (...given) => {
      await written.promise;
      return write(...given);
    };
    endpoint.script(tokenResponse({ expiresIn: 60 }));
    // Due again while it is being written.
    await clock.advance(seconds(45));
    expect(endpoint.requests).toHaveLength(1);
    const read = credentials.read.bind(credentials);
    credentials.read = async (...given) => {
      await clock.wait(500);
      return read(...given);
    };
    credentials.set('dynamics', { client_id: 'billing', client_secret: secret('client-secret') });
    await clock.advance(100);
    written.resolve();
    await clock.advance(3000);
    expect(endpoint.requests).toHaveLength(2);
  });
});
