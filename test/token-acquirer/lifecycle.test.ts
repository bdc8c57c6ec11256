import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError, UsageError } from '../../src/core/errors.ts';
import type { ClientApp, SelectedPods } from '../../src/ports/execution-state.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, seconds, specification, start, withOwnCredentials } from '../support/acquirer.ts';

const PODS: SelectedPods = { namespace: 'billing', selector: 'app=billing' };

const down = (): TokenRequestError =>
  new TokenRequestError('unreachable', 'The server cannot be reached.', { progress: 'not-sent' });
const refused = (code: 'invalid_client' | 'invalid_grant' | 'invalid_scope'): TokenRequestError =>
  new TokenRequestError(code, `The server answered ${code}.`, { progress: 'answered' });

/** More looks than any test waits for. */
const again = <Answer>(answer: Answer): Answer[] => Array.from({ length: 1000 }, () => answer);

describe('the cycle of a token', () => {
  it('obtains a token immediately and stores both keys in one write', async () => {
    const { endpoint, store, stored } = await start(createWorld());
    expect(endpoint.requests).toHaveLength(1);
    expect(store.writes).toHaveLength(1);
    expect(Object.keys(store.writes[0]?.changes ?? {})).toEqual(['dynamics', 'dynamics.json']);
    expect(stored()?.expiresAt).toBeGreaterThan(0);
  });

  it('renews at 67 % of the lifetime, with the hashes of the earlier tokens and a higher generation', async () => {
    const { clock, endpoint, stored } = await start(createWorld());
    const first = stored();
    await clock.advance(seconds(40));
    expect(endpoint.requests).toHaveLength(1);
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
    expect(stored()?.previousSha256).toEqual([first?.sha256]);
    expect(stored()?.generation).toBeGreaterThan(first?.generation ?? Number.POSITIVE_INFINITY);
  });

  it('makes one request per token over an hour of 60 s tokens, and no other write', async () => {
    const { clock, endpoint, store } = await start(createWorld());
    await clock.advance(minutes(60));
    const expected = Math.ceil(3600 / 40.25) + 1;
    expect(endpoint.requests.length).toBeLessThanOrEqual(expected);
    expect(endpoint.requests.length).toBeGreaterThanOrEqual(expected - 2);
    expect(store.writes).toHaveLength(endpoint.requests.length);
  });

  it.each([
    ['renews with expires_in 3 about every two seconds', 3, 10, 5],
    ['renews with expires_in 1 once a second, not faster', 1, 10, 10],
    ['treats a missing expires_in as five minutes', undefined, 300, 2],
    ['treats expires_in 1e12 as a year', 1e12, 3600, 1],
    ['treats a negative expires_in as five minutes', -1, 300, 2],
  ])('%s', async (_sentence, expiresIn, forSeconds, requests) => {
    const world = createWorld();
    world.endpoint.script(...Array.from({ length: 50 }, () => tokenResponse({ expiresIn })));
    const { clock, endpoint } = await start(world);
    await clock.advance(seconds(forSeconds));
    expect(Math.abs(endpoint.requests.length - requests)).toBeLessThanOrEqual(1);
  });

  it('reports once that the server states no lifetime', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: undefined }), tokenResponse({ expiresIn: undefined }));
    const { clock, kinds, only } = await start(world);
    await clock.advance(minutes(4));
    expect(kinds().filter((kind) => kind === 'lifetime-not-stated')).toHaveLength(1);
    expect(only().cycle.status.get('LifetimeStated')).toMatchObject({ status: false, reason: 'DefaultLifetime' });
  });

  it('treats a lifetime that the user has set as stated', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: undefined }));
    const specifications = [specification({ defaultLifetime: minutes(10), isLifetimeConfigured: true })];
    const { kinds, only } = await start(world, { specifications });
    expect(kinds()).not.toContain('lifetime-not-stated');
    expect(only().cycle.status.get('LifetimeStated')).toMatchObject({
      status: true,
      reason: 'DefaultLifetimeConfigured',
      message: 'The authorization server states no usable expires_in; 600 s are assumed.',
    });
  });

  it('renews when the wall clock reaches the time, at the latest at the next look', async () => {
    const { clock, endpoint } = await start(createWorld());
    clock.jumpWall(minutes(60));
    await clock.advance(seconds(30));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('renews when the monotonic clock reaches the time, though the wall clock went back an hour', async () => {
    const { clock, endpoint } = await start(createWorld());
    clock.jumpWall(-minutes(60));
    await clock.advance(seconds(41));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('requests nothing after a restart while the stored token is valid, and continues from its generation', async () => {
    const world = createWorld();
    const before = await start(world);
    const first = before.stored();
    await before.acquirer.stop();
    const { endpoint, clock, stored, store } = await start(world);
    expect(endpoint.requests).toHaveLength(1);
    expect(store.writes).toHaveLength(1);
    await clock.advance(seconds(41));
    expect(endpoint.requests).toHaveLength(2);
    expect(stored()?.previousSha256).toEqual([first?.sha256]);
  });

  it('obtains a new token after a restart on a damaged one', async () => {
    const world = createWorld();
    const before = await start(world);
    await before.acquirer.stop();
    world.store.edit({ namespace: 'billing', secret: 'billing-tokens' }, { dynamics: 'damaged' });
    const { endpoint, kinds } = await start(world);
    expect(endpoint.requests).toHaveLength(2);
    expect(kinds()).toContain('stored-token-unreadable');
  });

  it('sends at most as many concurrent requests as it has slots, soonest expiry first', async () => {
    const world = createWorld();
    world.endpoint.hold();
    const names = Array.from({ length: 30 }, (_, index) => `token-${index}`);
    const specifications = names.map((name) =>
      specification({ identity: { namespace: 'billing', secret: 'billing-tokens', name } }),
    );
    const { endpoint, clock } = await start(world, {
      specifications: withOwnCredentials(world, specifications),
      slots: 4,
    });
    expect(endpoint.inFlight).toBe(4);
    endpoint.release();
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(30);
    expect(endpoint.highestInFlight).toBe(4);
  });
});

describe('the interval', () => {
  it('in the credential folder wins, is active immediately, and is written to the volume', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 600 }));
    const { clock, credentials, endpoint, stored } = await start(world);
    await clock.advance(seconds(5));
    credentials.setInterval('dynamics', seconds(20));
    await clock.settle();
    expect((stored()?.renewAt ?? 0) - (stored()?.issuedAt ?? 0)).toBe(seconds(20));
    await clock.advance(seconds(16));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('renews immediately if it has already passed', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 600 }));
    const { clock, credentials, endpoint } = await start(world);
    await clock.advance(seconds(100));
    credentials.setInterval('dynamics', seconds(20));
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('keeps the jitter of the token', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 1000 }));
    const { clock, credentials, stored } = await start(world, { jitter: 0.5 });
    credentials.setInterval('dynamics', seconds(300));
    await clock.settle();
    expect((stored()?.renewAt ?? 0) - (stored()?.issuedAt ?? 0)).toBe(seconds(300 - 7.5));
  });

  it.each<[string, (world: ReturnType<typeof createWorld>) => Partial<TokenSpecification>]>([
    [
      'in the credential folder',
      ({ credentials }) => {
        credentials.setInterval('dynamics', seconds(1));
        return {};
      },
    ],
    ['in the configuration', () => ({ renewal: { interval: seconds(1) } })],
  ])('is active and reported once if it is very short %s', async (_sentence, make) => {
    const world = createWorld();
    const { clock, endpoint, only, kinds } = await start(world, { specifications: [specification(make(world))] });
    await clock.advance(seconds(10));
    expect(endpoint.requests.length).toBeGreaterThan(8);
    expect(only().cycle.status.get('IntervalValid')).toMatchObject({ status: true, reason: 'VeryShort' });
    expect(only().cycle.status.get('IntervalValid')?.message).toContain('The renewal interval 1s is very short.');
    expect(kinds().filter((kind) => kind === 'interval-short')).toHaveLength(1);
  });

  it('is no longer reported as very short once it is corrected', async () => {
    const world = createWorld();
    world.credentials.setInterval('dynamics', seconds(1));
    const { clock, credentials, only } = await start(world);
    credentials.setInterval('dynamics', seconds(20));
    await clock.settle();
    expect(only().cycle.status.get('IntervalValid')).toMatchObject({ status: true, reason: 'Valid', message: '' });
  });

  it('is reported if it is not a duration, and the previous one stays active', async () => {
    const { clock, credentials, only, kinds } = await start(createWorld());
    credentials.setInterval('dynamics', new UsageError('The file interval is no duration.'));
    await clock.settle();
    expect(only().cycle.status.get('IntervalValid')).toMatchObject({ status: false });
    expect(kinds().filter((kind) => kind === 'interval-invalid')).toHaveLength(1);
  });
});

describe('a failed renewal', () => {
  it('never touches the valid token, and retries until the server is back', async () => {
    const world = createWorld();
    const { clock, endpoint, stored, store, only } = await start(world);
    const first = stored()?.sha256;
    endpoint.script(down(), down(), down());
    await clock.advance(seconds(42));
    expect(stored()?.sha256).toBe(first);
    expect(store.writes).toHaveLength(1);
    expect(only().cycle.status.get('Renewed')).toMatchObject({ status: false, reason: 'Unreachable' });
    await clock.advance(seconds(10));
    expect(stored()?.sha256).not.toBe(first);
    expect(only().cycle.status.lastError).toBeUndefined();
  });

  it('reports the expiry at its moment, though the next try is far off', async () => {
    const { clock, endpoint, only } = await start(createWorld());
    endpoint.script(...Array.from({ length: 5 }, () => refused('invalid_client')));
    await clock.advance(seconds(59.9));
    expect(only().cycle.status.get('Ready')).toMatchObject({ status: true });
    await clock.advance(seconds(0.2));
    expect(only().cycle.status.get('Ready')).toMatchObject({ status: false, reason: 'TokenExpired' });
    expect(endpoint.requests).toHaveLength(2);
  });

  it('is reported after the expiry, and ends one retry interval after the server returns', async () => {
    const { clock, endpoint, only } = await start(createWorld());
    endpoint.script(...Array.from({ length: 60 }, down));
    await clock.advance(seconds(75));
    expect(only().cycle.status.get('Ready')).toMatchObject({ status: false, reason: 'TokenExpired' });
    await clock.advance(seconds(60));
    expect(endpoint.requests.length).toBeGreaterThan(60);
    expect(only().cycle.status.get('Ready')).toMatchObject({ status: true, reason: 'TokenValid' });
    expect(only().cycle.status.lastError).toBeUndefined();
  });

  it.each(['invalid_client', 'invalid_grant', 'invalid_scope'] as const)(
    'with %s is retried after 30 s doubling, so that no account is locked',
    async (code) => {
      const world = createWorld();
      world.endpoint.script(...Array.from({ length: 20 }, () => refused(code)));
      const { clock, endpoint } = await start(world);
      const counts: number[] = [];
      for (const wait of [29, 2, 58, 3, 120]) {
        await clock.advance(seconds(wait));
        counts.push(endpoint.requests.length);
      }
      expect(counts).toEqual([1, 2, 2, 3, 4]);
    },
  );

  it('with a rejected credential is tried again immediately when the credential changes', async () => {
    const world = createWorld();
    world.endpoint.script(refused('invalid_client'));
    const { clock, endpoint, credentials, stored } = await start(world);
    await clock.advance(seconds(5));
    credentials.set('dynamics', { client_id: 'billing', client_secret: 'another-client-secret' });
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
    expect(stored()).toBeDefined();
  });

  it('names a missing credential, and ends when that appears', async () => {
    const world = createWorld();
    world.credentials.remove('dynamics');
    const { clock, endpoint, credentials, only } = await start(world);
    expect(endpoint.requests).toHaveLength(0);
    expect(only().cycle.status.lastError).toMatchObject({
      code: 'credential_unreadable',
      message: expect.stringContaining('dynamics'),
    });
    credentials.set('dynamics', { client_id: 'billing' });
    await clock.advance(seconds(2));
    expect(endpoint.requests).toHaveLength(1);
  });

  it('with Retry-After of a year waits no longer than the rest of the lifetime', async () => {
    const world = createWorld();
    const { clock, endpoint } = await start(world);
    endpoint.script(
      new TokenRequestError('rate_limited', 'Too many.', { progress: 'answered', retryAfter: minutes(525_600) }),
    );
    await clock.advance(seconds(41));
    expect(endpoint.requests).toHaveLength(2);
    await clock.advance(seconds(20));
    expect(endpoint.requests).toHaveLength(3);
  });

  it('with the same token again writes nothing, and the next try comes near the expiry', async () => {
    const world = createWorld();
    const same = tokenResponse();
    world.endpoint.script(same, same, same, same, same);
    const { clock, endpoint, store, only } = await start(world);
    await clock.advance(seconds(55));
    expect(endpoint.requests).toHaveLength(2);
    expect(store.writes).toHaveLength(1);
    expect(only().cycle.status.get('Renewed')).toMatchObject({ reason: 'SameToken' });
    await clock.advance(seconds(5));
    expect(endpoint.requests.length).toBeLessThanOrEqual(5);
  });
});

describe('the store', () => {
  const secret = { namespace: 'billing', secret: 'billing-tokens' };

  it('gets a token that waited in memory once it can be written again', async () => {
    const world = createWorld();
    world.store.fail(new StoreError('The store is unavailable.'));
    const { clock, endpoint, store, stored, only } = await start(world);
    await clock.advance(seconds(10));
    expect(endpoint.requests).toHaveLength(1);
    expect(only().cycle.held.token).toBeDefined();
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: false, message: 'The store is unavailable.' });
    store.heal();
    await clock.advance(seconds(30));
    expect(stored()?.sha256).toBe(only().cycle.held.token?.sha256);
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: true });
  });

  it.each([
    ['from an emptied Secret', { dynamics: undefined, 'dynamics.json': undefined }],
    ['from an edited key', { dynamics: 'edited' }],
    ['from an edited document', { 'dynamics.json': '{}' }],
  ])('is repaired within 30 s %s', async (_sentence, changes) => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { clock, store, stored, only, kinds, endpoint } = await start(world);
    store.edit(secret, changes);
    await clock.advance(seconds(31));
    expect(stored()?.sha256).toBe(only().cycle.held.token?.sha256);
    expect(kinds()).toContain('token-repaired');
    expect(endpoint.requests).toHaveLength(1);
  });

  it('is not read right after a write, or more often than every 30 s', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { clock, store, only } = await start(world);
    const reads = store.reads;
    for (let second = 0; second < 29; second += 1) {
      only().cycle.wake();
      await clock.advance(seconds(1));
    }
    expect(store.reads).toBe(reads);
    await clock.advance(seconds(120));
    expect(store.reads - reads).toBeLessThanOrEqual(5);
  });

  it('holds the common data of all volumes next to the token, and its changes', async () => {
    const common: Record<string, string> = { 'ca.crt': 'first' };
    const world = createWorld({ volume: { common, mounted: false, nudge: undefined } });
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { clock, store, acquirer, endpoint } = await start(world);
    expect(store.data(secret)).toMatchObject({ 'ca.crt': 'first' });
    common['ca.crt'] = 'first and second';
    acquirer.volumeChanged();
    await clock.advance(seconds(1));
    expect(store.data(secret)).toMatchObject({ 'ca.crt': 'first and second' });
    store.edit(secret, { 'ca.crt': undefined });
    await clock.advance(seconds(31));
    expect(store.data(secret)).toMatchObject({ 'ca.crt': 'first and second' });
    expect(endpoint.requests).toHaveLength(1);
  });

  it('holds the common data without a token after a failed first request, so that clients can get the reason', async () => {
    const common: Record<string, string> = { 'ca.crt': 'first' };
    const world = createWorld({ volume: { common, mounted: false, nudge: undefined } });
    world.endpoint.script(...again(refused('invalid_client')));
    const { clock, store, acquirer, endpoint, only } = await start(world);
    await clock.advance(seconds(1));
    expect(store.writes).toEqual([{ secret: expect.objectContaining(secret) as unknown, changes: common }]);
    expect(only().cycle.status.get('Stored')).toBeUndefined();
    await clock.advance(minutes(10));
    expect(endpoint.requests.length).toBeGreaterThan(1);
    expect(store.writes).toHaveLength(1);
    common['ca.crt'] = 'first and second';
    acquirer.volumeChanged();
    await clock.advance(seconds(1));
    expect(store.data(secret)).toEqual({ 'ca.crt': 'first and second' });
  });

  it('holds the common data while the client app does not run yet, so that early callers are served', async () => {
    const world = createWorld({ volume: { common: { 'ca.crt': 'first' }, mounted: false, nudge: undefined } });
    world.execution.set('stopped');
    const { clock, store, endpoint, acquirer, stored } = await start(world, {
      specifications: [specification({ clientApp: PODS })],
    });
    await clock.advance(minutes(10));
    expect([endpoint.requests.length, store.writes.length]).toEqual([0, 1]);
    expect(store.data(secret)).toEqual({ 'ca.crt': 'first' });
    acquirer.volumeChanged();
    await clock.advance(minutes(1));
    expect(store.writes).toHaveLength(1);
    world.execution.set('running');
    await clock.advance(seconds(1));
    expect(stored()).toBeDefined();
    expect(store.data(secret)).toMatchObject({ 'ca.crt': 'first' });
  });

  it('gets the common data after it was unavailable', async () => {
    const world = createWorld({ volume: { common: { 'ca.crt': 'first' }, mounted: false, nudge: undefined } });
    world.endpoint.script(...again(refused('invalid_client')));
    world.store.fail(new StoreError('The store is unavailable.'));
    const { clock, store } = await start(world);
    await clock.advance(minutes(1));
    store.heal();
    await clock.advance(minutes(1));
    expect(store.data(secret)).toEqual({ 'ca.crt': 'first' });
    expect(store.writes).toHaveLength(1);
  });

  it.each<[string, ClientApp | undefined, SelectedPods | undefined]>([
    ['the pods of the client app', { namespace: 'billing', selector: 'app=billing' }, PODS],
    ['the whole namespace without a client app', undefined, undefined],
    ['the whole namespace with a client app outside Kubernetes', { pidFile: 'billing.pid' }, undefined],
  ])('leads to a nudge of %s after each write', async (_sentence, clientApp, expected) => {
    const nudges: unknown[] = [];
    const nudge = async (...given: unknown[]) => void nudges.push(given);
    const volume = { common: {}, mounted: true, nudge: { nudge } };
    const world = createWorld({ volume });
    world.endpoint.script(tokenResponse({ expiresIn: 60 }));
    const { clock, store, only } = await start(world, { specifications: [specification({ clientApp })] });
    await clock.advance(seconds(45));
    expect(store.writes).toHaveLength(2);
    const { identity } = only().cycle.specification;
    expect(nudges).toEqual([
      [identity, expected],
      [identity, expected],
    ]);
  });

  it('is accepted with a newer token of another writer', async () => {
    const world = createWorld();
    world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { clock, only } = await start(world);
    const other = createWorld({ clock, store: world.store });
    await clock.advance(seconds(10));
    other.store.delete(secret);
    const second = await start(other);
    await clock.advance(seconds(31));
    expect(only().cycle.held.token?.sha256).toBe(second.stored()?.sha256);
  });

  it('keeps the other tokens of the Secret', async () => {
    const world = createWorld();
    world.store.edit(secret, { 'ca.crt': 'certificate' });
    const { store } = await start(world);
    expect(store.data(secret)['ca.crt']).toBe('certificate');
  });

  it('is not used for a token that is delivered by the endpoint', async () => {
    const world = createWorld();
    const { store, only } = await start(world, { specifications: [specification({ delivery: 'endpoint' })] });
    expect(store.writes).toHaveLength(0);
    expect(only().cycle.held.token).toBeDefined();
  });
});

describe('the client app', () => {
  const clientApp = { pidFile: '/run/app.pid' };
  const specifications = [specification({ clientApp })];

  it('suspends its token when it stops, without a request, and the expired token leaves the store', async () => {
    const { clock, execution, endpoint, stored, kinds } = await start(createWorld(), { specifications });
    execution.set('stopped');
    await clock.advance(seconds(50));
    expect(stored()).toBeDefined();
    await clock.advance(minutes(10));
    expect(endpoint.requests).toHaveLength(1);
    expect(stored()).toBeUndefined();
    expect(kinds()).toEqual(expect.arrayContaining(['suspended', 'token-withdrawn']));
  });

  it('has a new token immediately after it returns', async () => {
    const { clock, execution, endpoint, stored } = await start(createWorld(), { specifications });
    execution.set('stopped');
    await clock.advance(minutes(10));
    execution.set('running');
    await clock.advance(seconds(1));
    expect(endpoint.requests).toHaveLength(2);
    expect(stored()?.expiresAt).toBeGreaterThan(clock.now());
  });

  it('is treated as running while its state is unknown, which is reported once', async () => {
    const { clock, execution, endpoint, only, kinds } = await start(createWorld(), { specifications });
    execution.set('unknown');
    await clock.advance(minutes(2));
    expect(endpoint.requests.length).toBeGreaterThan(1);
    expect(only().cycle.status.get('ExecutionStateKnown')).toMatchObject({
      status: false,
      reason: 'ExecutionStateUnknown',
    });
    expect(kinds().filter((kind) => kind === 'execution-state-unknown')).toHaveLength(1);
  });

  it.each([
    ['is not reported right after the first look', [], 1, 0],
    ['is reported immediately with a known reason', ['The selector is wrong.'], 1, 1],
    ['is reported when it lasts', [], 31, 1],
  ])('with an unknown state %s', async (_sentence, sentences, after, times) => {
    const world = createWorld();
    world.execution.set('unknown');
    world.execution.sentences = sentences;
    const { clock, kinds } = await start(world, { specifications });
    await clock.advance(seconds(after));
    expect(kinds().filter((kind) => kind === 'execution-state-unknown')).toHaveLength(times);
  });

  it('is reported once if some of its pods never see a new token, and again when it comes back', async () => {
    const { clock, execution, only, kinds } = await start(createWorld(), { specifications });
    const notices = (): number => kinds().filter((kind) => kind === 'pods-left-behind').length;
    execution.sentences = ['The pod billing-1 mounts it with subPath.'];
    await clock.advance(minutes(2));
    expect(only().cycle.status.get('PodsFollow')).toMatchObject({
      status: false,
      reason: 'PodsLeftBehind',
      message: 'The pod billing-1 mounts it with subPath.',
    });
    expect(notices()).toBe(1);
    execution.sentences = [];
    await clock.advance(minutes(1));
    expect(only().cycle.status.get('PodsFollow')).toMatchObject({ status: true });
    execution.sentences = ['The pod billing-2 mounts it with subPath.'];
    await clock.advance(minutes(1));
    expect(notices()).toBe(2);
  });

  it('has a condition that names the pods outside its selector, and an event at each change', async () => {
    const { clock, execution, only, kinds, events } = await start(createWorld(), { specifications });
    const notices = (): number => kinds().filter((kind) => kind === 'pods-not-selected').length;
    const message = 'The selector app=billing matches no pod.';
    execution.furtherFindings = [{ condition: 'SelectorMatches', healthy: false, message }];
    await clock.advance(minutes(2));
    const condition = { status: false, reason: 'NoPodSelected', message };
    expect(only().cycle.status.get('SelectorMatches')).toMatchObject(condition);
    expect(only().cycle.status.get('PodsFollow')).toMatchObject({ status: true });
    expect(events.find(({ event }) => event.kind === 'pods-not-selected')?.event).toMatchObject({ message });
    expect(notices()).toBe(1);
    const found = {
      healthy: true,
      reason: 'PodsSelected',
      message: 'The selector app=billing matches 1 pod.',
    } as const;
    execution.furtherFindings = [{ condition: 'SelectorMatches', ...found }];
    await clock.advance(minutes(1));
    const { reason, message: sentence } = found;
    expect(only().cycle.status.get('SelectorMatches')).toMatchObject({ status: true, reason, message: sentence });
    expect(notices()).toBe(1);
  });

  it.each<[string, TokenSpecification['clientApp'], string]>([
    [
      'selector and Secret',
      { namespace: 'billing', selector: 'app=billing', secret: 'billing-tokens' },
      'No pod in the namespace billing that is Pending or Running matches the selector app=billing, and none uses the Secret billing-tokens.',
    ],
    [
      'selector',
      { namespace: 'apps', selector: 'app=billing' },
      'No pod in the namespace apps that is Pending or Running matches the selector app=billing.',
    ],
    ['health URL', { healthUrl: 'http://127.0.0.1:1/' }, 'Nothing answers at the health URL http://127.0.0.1:1/'],
    ['PID file', { pidFile: '/run/app.pid' }, 'No client app runs with the process ID in the file /run/app.pid.'],
  ])('is named in the reason for the suspension: %s', async (_name, app, words) => {
    const world = createWorld();
    world.execution.set('stopped');
    const { only } = await start(world, { specifications: [specification({ clientApp: app })] });
    const suspended = only().cycle.status.get('Suspended');
    expect(suspended).toMatchObject({ status: true, reason: 'ClientAppNotRunning' });
    expect(suspended?.message).toContain(words);
  });
});

describe('the configuration', () => {
  it('gets another token immediately for another scope', async () => {
    const { clock, acquirer, endpoint } = await start(createWorld());
    acquirer.apply([specification({ parameters: { scope: 'wider' }, requestFingerprint: 'other' })]);
    await clock.advance(seconds(2));
    expect(endpoint.requests).toHaveLength(2);
    await clock.advance(seconds(30));
    expect(endpoint.requests).toHaveLength(2);
  });

  it('has the keys of a removed token removed from the store', async () => {
    const { clock, acquirer, store } = await start(createWorld());
    acquirer.apply([]);
    await clock.advance(seconds(1));
    expect(store.data({ namespace: 'billing', secret: 'billing-tokens' })).toEqual({});
    await acquirer.stop();
  });

  it('moves the token to another key in one write, without a request', async () => {
    const { clock, acquirer, store, endpoint } = await start(createWorld());
    acquirer.apply([specification({ key: 'crm' })]);
    await clock.advance(seconds(31));
    expect(Object.keys(store.data({ namespace: 'billing', secret: 'billing-tokens' }))).toEqual(['crm', 'crm.json']);
    expect(endpoint.requests).toHaveLength(1);
    expect(store.writes).toHaveLength(2);
  });
});

describe('a stop', () => {
  it('waits for the request in flight and stores its token', async () => {
    const world = createWorld();
    world.endpoint.hold();
    const { acquirer, endpoint, store, clock } = await start(world);
    const stopped = acquirer.stop();
    endpoint.release();
    await stopped;
    expect(store.writes).toHaveLength(1);
    expect(clock.waiting()).toBe(0);
  });

  it('closes every watch', async () => {
    const { acquirer, credentials, execution } = await start(createWorld(), {
      specifications: [specification({ clientApp: { pidFile: '/x' } })],
    });
    await acquirer.stop();
    expect([credentials.watching, execution.watching]).toEqual([0, 0]);
  });
});
