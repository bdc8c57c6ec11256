import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { Token } from '../../src/core/token.ts';
import { toVolumeData, type VolumeData } from '../../src/core/token-volume.ts';
import type { SelectedPods } from '../../src/ports/execution-state.ts';
import { SOLE_LEADER } from '../../src/token-acquirer/leadership/leadership.ts';
import type { Acquisition } from '../../src/token-acquirer/token/acquirer.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { FakeStoreWatch } from '../fakes/fake-store-watch.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import type { Changes } from '../fakes/fake-token-store.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';
import { buildToken } from '../support/tokens.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };

interface Watched extends Started {
  readonly watch: FakeStoreWatch;
  /** Changes keys as another writer, and the watch reports it. */
  change(changes: Changes): Promise<void>;
  /** Returns whether the store holds the token in memory. */
  isWhole(): boolean;
  repairs(): string[];
}

async function watched({ leadership = SOLE_LEADER }: Partial<World> = {}): Promise<Watched> {
  const watch = new FakeStoreWatch({ enabled: true });
  const world = createWorld({ storeWatch: watch, leadership });
  world.endpoint.script(tokenResponse({ expiresIn: 36_000 }), tokenResponse({ expiresIn: 36_000 }));
  const started = await start(world);
  return {
    ...started,
    watch,
    async change(changes) {
      started.store.edit(SECRET, changes);
      watch.tell();
      for (let turn = 0; turn < 10; turn += 1) await started.clock.settle();
    },
    isWhole: () => isWhole(started.store.data(SECRET), started.only().cycle.held.token),
    repairs: () => started.events.flatMap(({ event }) => (event.kind === 'token-repaired' ? [event.message] : [])),
  };
}

function isWhole(data: VolumeData, token: Token | undefined): boolean {
  if (token === undefined) throw new Error('No token is held.');
  return Object.entries(toVolumeData('dynamics', token)).every(([key, text]) => data[key] === text);
}

function heldBy({ cycle }: Acquisition): Token {
  if (cycle.held.token === undefined) throw new Error('No token is held.');
  return cycle.held.token;
}

/** The changes of people and tools to a Secret, by its token. */
const DEEDS: readonly [sentence: string, changes: (token: Token) => Changes][] = [
  ['an emptied Secret', () => ({ dynamics: undefined, 'dynamics.json': undefined })],
  ['an edited key', () => ({ dynamics: 'edited' })],
  ['a key with a line break at its end', (token) => ({ dynamics: `${token.accessToken.reveal()}\n` })],
  ['an emptied key', () => ({ dynamics: '' })],
  ['a deleted key', () => ({ dynamics: undefined })],
  ['an edited document', () => ({ 'dynamics.json': '{}' })],
  ['a document that is not JSON', () => ({ 'dynamics.json': 'edited' })],
  ['a deleted document', () => ({ 'dynamics.json': undefined })],
  [
    'a document with other times',
    (token) => ({ 'dynamics.json': toVolumeData('dynamics', { ...token, renewAt: token.expiresAt })['dynamics.json'] }),
  ],
  ['the key of another token next to its document', () => ({ dynamics: buildToken().accessToken.reveal() })],
  [
    'the document of another token next to its key',
    ({ issuedAt, expiresAt }) => ({
      'dynamics.json': toVolumeData('dynamics', { ...buildToken(), issuedAt, expiresAt })['dynamics.json'],
    }),
  ],
  [
    'an older token, whole',
    ({ issuedAt }) => toVolumeData('dynamics', buildToken({ issuedAt: issuedAt - seconds(60) })),
  ],
  ['keys swapped', (token) => ({ dynamics: toVolumeData('dynamics', token)['dynamics.json'], 'dynamics.json': 'x' })],
];

describe('a change of another writer to the stored token', () => {
  it.each(DEEDS)('as %s is repaired immediately if the store is watched', async (_sentence, changes) => {
    const { clock, only, change, isWhole: whole, repairs, endpoint } = await watched();
    await clock.advance(seconds(10));
    await change(changes(heldBy(only())));
    expect(whole()).toBe(true);
    expect(repairs()).toEqual([expect.stringMatching(/^The stored token had been changed or removed/)]);
    expect(endpoint.requests).toHaveLength(1);
  });

  it.each(DEEDS)('as %s is repaired within 30 s without a watch', async (_sentence, changes) => {
    const { clock, store, only, isWhole: whole, repairs, endpoint } = await watched();
    await clock.advance(seconds(10));
    store.edit(SECRET, changes(heldBy(only())));
    expect(whole()).toBe(false);
    await clock.advance(seconds(30));
    expect(whole()).toBe(true);
    expect(repairs()).toHaveLength(1);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('is looked for every 5 min where the watch covers the Secret, and within 30 s once it no longer does', async () => {
    const { clock, store, watch, isWhole: whole } = await watched();
    watch.covering = true;
    const reads = store.reads;
    await clock.advance(minutes(4));
    expect(store.reads).toBe(reads);
    await clock.advance(minutes(2));
    expect(store.reads).toBe(reads + 1);
    await clock.advance(seconds(40));
    store.edit(SECRET, { dynamics: 'edited' });
    watch.covering = false;
    await clock.advance(seconds(30));
    expect(whole()).toBe(true);
  });

  it('is repaired also while a renewal waits for the authorization server', async () => {
    const { clock, endpoint, change, isWhole: whole, only } = await watched();
    endpoint.hold();
    await clock.advance(heldBy(only()).renewAt - clock.now() + seconds(1));
    expect(endpoint.requests).toHaveLength(2);
    await change({ dynamics: undefined, 'dynamics.json': undefined });
    expect(whole()).toBe(true);
    endpoint.release();
    await clock.advance(seconds(1));
    expect(whole()).toBe(true);
  });

  it('causes one read if it harms nothing', async () => {
    const { clock, store, change, repairs } = await watched();
    await clock.advance(seconds(10));
    const reads = store.reads;
    await change({ note: 'of a stranger' });
    expect(store.reads).toBe(reads + 1);
    expect(repairs()).toEqual([]);
  });

  it('is read at most twice a second', async () => {
    const { clock, store, change } = await watched();
    await clock.advance(seconds(10));
    const reads = store.reads;
    for (let count = 0; count < 100; count += 1) {
      await change({ note: `${count}` });
      await clock.advance(100);
    }
    expect(store.reads - reads).toBeGreaterThanOrEqual(19);
    expect(store.reads - reads).toBeLessThanOrEqual(22);
  });

  it('is adopted, and not overwritten, as a newer token of another token-acquirer', async () => {
    const { clock, only, change, store, repairs } = await watched();
    await clock.advance(seconds(10));
    const [issuedAt, lifetime] = [clock.now() - 1, minutes(10)];
    const newer = buildToken({ issuedAt, renewAt: issuedAt + 0.67 * lifetime, expiresAt: issuedAt + lifetime });
    const writes = store.writes.length;
    await change(toVolumeData('dynamics', newer));
    expect(only().cycle.held.token?.sha256).toBe(newer.sha256);
    expect(store.writes).toHaveLength(writes);
    expect(repairs()).toEqual([]);
  });
});

describe('a writer that repeatedly changes the stored token', () => {
  /** Reverts each repair immediately, for this long. */
  async function fight({ clock, change }: Watched, duration: number): Promise<void> {
    for (let passed = 0; passed < duration; passed += 100) {
      await change({ dynamics: 'of a stranger' });
      await clock.advance(100);
    }
  }

  it('is answered by an immediate repair, then less and less often, down to every 30 s', async () => {
    const parts = await watched();
    await parts.clock.advance(seconds(10));
    await fight(parts, seconds(10));
    const soon = parts.repairs().length;
    expect(soon).toBeGreaterThanOrEqual(6);
    expect(soon).toBeLessThanOrEqual(10);
    await fight(parts, minutes(1));
    const before = parts.repairs().length;
    await fight(parts, minutes(3));
    expect(parts.repairs().length - before).toBeGreaterThanOrEqual(5);
    expect(parts.repairs().length - before).toBeLessThanOrEqual(7);
  });

  it('is reported with a way to find it', async () => {
    const parts = await watched();
    await fight(parts, seconds(10));
    const [first, ...rest] = parts.repairs();
    expect(first).toMatch(/^The stored token had been changed or removed by someone else/);
    expect(rest.at(-1)).toMatch(
      /^Someone else changes or removes the stored token again and again.*kubectl get secret billing-tokens --namespace billing .*managedFields/,
    );
    const { status } = parts.only().cycle;
    expect(status.get('Stored')).toMatchObject({ status: true, reason: 'Disputed' });
    // It ends with a minute's peace.
    await parts.clock.advance(minutes(2));
    expect(parts.isWhole()).toBe(true);
    expect(status.get('Stored')).toMatchObject({ status: true, reason: 'Stored' });
    await parts.change({ dynamics: 'edited' });
    expect(parts.isWhole()).toBe(true);
    expect(parts.repairs().at(-1)).toBe(first);
  });

  it('is also reported without a watch', async () => {
    const { clock, store, repairs } = await watched();
    for (let count = 0; count < 5; count += 1) {
      store.edit(SECRET, { dynamics: 'of a stranger' });
      await clock.advance(seconds(30));
    }
    expect(repairs().at(-1)).toMatch(/again and again/);
  });

  it('does not keep a renewal from finding the token that another token-acquirer stored', async () => {
    const parts = await watched({ leadership: new FakeLeadership('unelected') });
    const { clock, store, only, endpoint } = parts;
    await clock.advance(heldBy(only()).renewAt - clock.now() - seconds(41));
    await fight(parts, seconds(40));
    const issuedAt = clock.now();
    const newer = buildToken({ issuedAt, renewAt: issuedAt + minutes(5), expiresAt: issuedAt + minutes(10) });
    store.edit(SECRET, toVolumeData('dynamics', newer));
    await clock.advance(seconds(2));
    expect(only().cycle.held.token?.sha256).toBe(newer.sha256);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('does not delay a renewal', async () => {
    const parts = await watched();
    await fight(parts, seconds(30));
    const { held } = parts.only().cycle;
    const before = heldBy(parts.only());
    await parts.clock.advance(before.renewAt - parts.clock.now() + seconds(1));
    expect(held.token?.sha256).not.toBe(before.sha256);
    expect(parts.isWhole()).toBe(true);
  });
});

describe('a store that could not be used', () => {
  const MISSING = new StoreError('There is no Secret.', { permanent: true });

  it('is tried immediately after a report of the watch, though its pause is 30 s', async () => {
    const { clock, store, change, isWhole: whole, only } = await watched();
    await clock.advance(seconds(10));
    store.fail(MISSING);
    await change({ dynamics: undefined, 'dynamics.json': undefined });
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: false, message: 'There is no Secret.' });
    store.heal();
    await clock.advance(seconds(1));
    await change({});
    expect(whole()).toBe(true);
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: true });
  });

  it('is tried soon if the watch reports its return before the failed call has ended', async () => {
    const { clock, store, watch, change, isWhole: whole } = await watched();
    await clock.advance(seconds(10));
    const read = store.read.bind(store);
    store.read = async () => {
      store.read = read;
      await clock.wait(100);
      watch.tell();
      throw MISSING;
    };
    await change({ dynamics: undefined, 'dynamics.json': undefined });
    await clock.advance(seconds(1));
    expect(whole()).toBe(true);
  });

  it('is called rarely while it rejects the removal of an expired token, also after a report', async () => {
    const clientApp: SelectedPods = { namespace: 'billing', selector: 'app=billing' };
    const watch = new FakeStoreWatch({ enabled: true });
    const started = await start(createWorld({ storeWatch: watch }), { specifications: [specification({ clientApp })] });
    const { clock, store, execution } = started;
    execution.set('stopped');
    await clock.advance(seconds(50));
    store.fail(MISSING);
    await clock.advance(seconds(20));
    watch.tell();
    const { reads } = store;
    await clock.advance(seconds(20));
    expect(store.reads - reads).toBeLessThanOrEqual(2);
  });

  it('gets a repair that failed several times, and nobody is said to change the token repeatedly', async () => {
    const { clock, store, change, isWhole: whole, repairs, only } = await watched();
    await clock.advance(seconds(10));
    const write = store.write.bind(store);
    let failures = 0;
    store.write = async (...given) => {
      failures += 1;
      if (failures > 5) return write(...given);
      throw new StoreError('The store is unavailable.');
    };
    await change({ dynamics: 'edited' });
    await clock.advance(minutes(1));
    expect(failures).toBe(6);
    expect(whole()).toBe(true);
    expect(repairs()).toEqual([expect.stringMatching(/^The stored token had been changed or removed/)]);
    expect(only().cycle.status.get('Stored')).toMatchObject({ status: true, reason: 'Stored' });
  });

  it('leads to the adoption of the token as soon as the watch reports it, also from the start on', async () => {
    const watch = new FakeStoreWatch({ enabled: true });
    const world = createWorld({ storeWatch: watch });
    world.store.fail(MISSING);
    const { clock, store, stored, only, endpoint } = await start(world);
    await clock.advance(seconds(6));
    expect(only().cycle.held.token).toBeDefined();
    expect(stored()).toBeUndefined();
    store.heal();
    watch.tell();
    await clock.advance(seconds(1));
    expect(stored()?.sha256).toBe(only().cycle.held.token?.sha256);
    expect(endpoint.requests).toHaveLength(1);
  });
});

describe('the watch of a token', () => {
  it('covers the Secret and key in the configuration, and none for a token that is not stored', async () => {
    const { watch, acquirer, clock } = await watched();
    expect(watch.watched).toEqual(['billing/billing-tokens/dynamics']);
    acquirer.apply([specification({ key: 'other' })]);
    await clock.settle();
    expect(watch.watched).toEqual(['billing/billing-tokens/other']);
    acquirer.apply([specification({ delivery: 'endpoint' })]);
    await clock.settle();
    expect(watch.watched).toEqual([]);
    acquirer.apply([specification()]);
    await clock.settle();
    expect(watch.watched).toEqual(['billing/billing-tokens/dynamics']);
  });

  it('ends with the token, and restores no removed keys', async () => {
    const parts = await watched();
    const { watch, acquirer, clock, store } = parts;
    await clock.advance(seconds(10));
    await parts.change({ dynamics: 'edited' });
    // A look waits now, and the token is removed from the configuration.
    await parts.change({ dynamics: 'edited' });
    acquirer.apply([]);
    await clock.advance(minutes(2));
    expect(watch.watched).toEqual([]);
    expect(store.data(SECRET)).toEqual({});
    expect(clock.waiting()).toBe(0);
  });

  it('ends with the process, and starts no look after that', async () => {
    const { watch, acquirer, clock, change, store } = await watched();
    await change({ dynamics: 'edited' });
    await change({ dynamics: 'edited' });
    const stopped = acquirer.stop();
    const reads = store.reads;
    await clock.advance(seconds(5));
    await stopped;
    expect(store.reads).toBe(reads);
    expect(watch.watched).toEqual([]);
    expect(clock.waiting()).toBe(0);
  });
});
