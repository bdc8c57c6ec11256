import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { TokenCopy } from '../../src/core/token-copies.ts';
import type { TokenSpecification } from '../../src/token-acquirer/token/specification.ts';
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

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const CREDENTIAL: TokenCopy = { key: 'credential', form: 'bearer' };
const RAW: TokenCopy = { key: 'api-token', form: 'raw' };
const KEYS = ['api-token', 'credential', 'dynamics', 'dynamics.json'];
const POD = { namespace: 'billing', selector: 'app=billing' };

const withCopies = (...copies: readonly TokenCopy[]): TokenSpecification => specification({ copies });
const valueIn = ({ only }: Started, name?: string): string =>
  only(name).cycle.held.token?.accessToken.reveal() ?? 'no token';
const keysIn = ({ store }: World): string[] => Object.keys(store.data(SECRET)).toSorted();

async function begin(specifications = [withCopies(CREDENTIAL, RAW)], given: Partial<World> = {}): Promise<Started> {
  const world = createWorld(given);
  world.endpoint.script(...specifications.map(() => tokenResponse({ expiresIn: 3600 })));
  return start(world, { specifications: withOwnCredentials(world, specifications) });
}

/** Whether the Secret has the current token under all four keys. */
function expectWhole(started: Started): void {
  const value = valueIn(started);
  expect(keysIn(started)).toEqual(KEYS);
  const data = started.store.data(SECRET);
  expect([data['dynamics'] === value, data['api-token'] === value]).toEqual([true, true]);
  expect(data['credential'] === `Bearer ${value}`).toBe(true);
}

describe('the copies of a token', () => {
  it('are written together with it, each time', async () => {
    const started = await begin();
    started.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    expectWhole(started);
    await started.clock.advance(minutes(45));
    expect(started.endpoint.requests).toHaveLength(2);
    expectWhole(started);
    expect(started.store.writes.map(({ changes }) => Object.keys(changes).toSorted())).toEqual([KEYS, KEYS]);
  });

  it.each<[sentence: string, changes: Record<string, string | undefined>]>([
    ['was removed', { credential: undefined }],
    ['was changed', { credential: 'Bearer another' }],
    ['was emptied', { credential: '' }],
    ['got the form of another', { 'api-token': 'Bearer x' }],
  ])('are repaired within 30 s where one %s, without a token request', async (_, changes) => {
    const started = await begin();
    started.store.edit(SECRET, changes);
    await started.clock.advance(seconds(31));
    expectWhole(started);
    expect(started.kinds().filter((kind) => kind === 'token-repaired')).toHaveLength(1);
    expect(started.endpoint.requests).toHaveLength(1);
  });

  it('are repaired within 2 s where the Secret is watched', async () => {
    const watch = new FakeStoreWatch({ enabled: true });
    const started = await begin(undefined, { storeWatch: watch });
    await started.clock.advance(seconds(10));
    started.store.edit(SECRET, { credential: undefined });
    watch.tell();
    await started.clock.advance(seconds(2));
    expectWhole(started);
  });

  it('are left by a process that starts on them, which requests no token and writes nothing', async () => {
    const first = await begin();
    await first.acquirer.stop();
    const writes = first.store.writes.length;
    const started = await start(first, { specifications: [first.only().cycle.specification] });
    await started.clock.advance(minutes(5));
    expectWhole(started);
    expect(started.endpoint.requests).toHaveLength(1);
    expect(started.store.writes).toHaveLength(writes);
  });

  it('are added by a process that starts on a Secret without them, and nobody is said to have removed them', async () => {
    const first = await begin([withCopies()]);
    await first.acquirer.stop();
    const next = { ...first.only().cycle.specification, copies: [CREDENTIAL, RAW] };
    const started = await start(first, { specifications: [next] });
    await started.clock.advance(seconds(5));
    expectWhole(started);
    expect(started.endpoint.requests).toHaveLength(1);
    expect(started.kinds()).not.toContain('token-repaired');
  });

  it('are removed by a process that starts without them in its configuration, and only they are', async () => {
    const first = await begin();
    first.store.edit(SECRET, { other: 'not ours' });
    await first.acquirer.stop();
    const next = { ...first.only().cycle.specification, copies: [RAW] };
    const started = await start(first, { specifications: [next] });
    await started.clock.advance(seconds(5));
    expect(keysIn(started)).toEqual(['api-token', 'dynamics', 'dynamics.json', 'other']);
    expect(started.endpoint.requests).toHaveLength(1);
    expect(started.kinds()).not.toContain('token-repaired');
    await started.clock.advance(minutes(5));
    expect(started.store.writes).toHaveLength(2);
  });

  it('that another token has by now are left by a process that starts', async () => {
    const orders = specification({ identity: { ...SECRET, name: 'orders' }, key: 'orders' });
    const first = await begin([withCopies(CREDENTIAL), orders]);
    const [dynamics, second] = ['dynamics', 'orders'].map((name) => first.only(name).cycle.specification);
    if (dynamics === undefined || second === undefined) throw new Error('A token is missing.');
    await first.acquirer.stop();
    const specifications = [
      { ...dynamics, copies: [] },
      { ...second, copies: [CREDENTIAL] },
    ];
    const started = await start(first, { specifications });
    await started.clock.advance(minutes(2));
    expect(started.store.data(SECRET)['credential'] === `Bearer ${valueIn(started, 'orders')}`).toBe(true);
  });

  it('are removed with the token while its client app does not run, and come back with the next one', async () => {
    const started = await begin([specification({ copies: [CREDENTIAL, RAW], clientApp: POD })]);
    started.store.edit(SECRET, { other: 'not ours' });
    started.execution.set('stopped');
    await started.clock.advance(minutes(70));
    expect(keysIn(started)).toEqual(['other']);
    started.store.edit(SECRET, { other: undefined });
    started.endpoint.script(tokenResponse({ expiresIn: 3600 }));
    started.execution.set('running');
    await started.clock.advance(minutes(1));
    expectWhole(started);
  });

  it('are removed with a token that leaves the configuration, and only they are', async () => {
    const started = await begin();
    started.store.edit(SECRET, { other: 'not ours' });
    started.acquirer.apply([]);
    await started.clock.advance(seconds(1));
    expect(keysIn(started)).toEqual(['other']);
  });
});

describe('a change of the copies in the configuration', () => {
  const changeTo = (started: Started, ...copies: readonly TokenCopy[]): void =>
    started.acquirer.apply([{ ...started.only().cycle.specification, copies }]);

  it('adds and removes keys without a token request or an event', async () => {
    const started = await begin([withCopies()]);
    started.store.edit(SECRET, { other: 'not ours' });
    changeTo(started, CREDENTIAL, RAW);
    await started.clock.advance(seconds(2));
    expect(keysIn(started)).toEqual([...KEYS, 'other'].toSorted());
    changeTo(started, RAW);
    await started.clock.advance(seconds(2));
    expect(keysIn(started)).toEqual(['api-token', 'dynamics', 'dynamics.json', 'other']);
    expect(started.endpoint.requests).toHaveLength(1);
    expect(started.kinds()).not.toContain('token-repaired');
  });

  it('changes the form of a key in one write', async () => {
    const started = await begin([withCopies({ ...CREDENTIAL, form: 'raw' }, RAW)]);
    const writes = started.store.writes.length;
    changeTo(started, CREDENTIAL, RAW);
    await started.clock.advance(seconds(2));
    expectWhole(started);
    expect(started.store.writes).toHaveLength(writes + 1);
  });

  it('removes a key as soon as a store that failed is back', async () => {
    const started = await begin();
    started.store.fail(new StoreError('down'));
    changeTo(started, RAW);
    await started.clock.advance(minutes(2));
    changeTo(started);
    await started.clock.advance(minutes(2));
    started.store.heal();
    await started.clock.advance(minutes(1));
    expect(keysIn(started)).toEqual(['dynamics', 'dynamics.json']);
  });

  it('makes a copy of what was the key of the token', async () => {
    const started = await begin([specification({ key: 'credential' })]);
    started.acquirer.apply([{ ...started.only().cycle.specification, key: 'dynamics', copies: [CREDENTIAL, RAW] }]);
    await started.clock.advance(seconds(2));
    expectWhole(started);
  });

  it('gives a key from one token to another, which is then not removed', async () => {
    const orders = specification({ identity: { ...SECRET, name: 'orders' }, key: 'orders' });
    const started = await begin([withCopies(CREDENTIAL), orders]);
    const [dynamics, second] = [started.only('dynamics'), started.only('orders')].map(
      ({ cycle }) => cycle.specification,
    );
    if (dynamics === undefined || second === undefined) throw new Error('A token is missing.');
    started.acquirer.apply([
      { ...dynamics, copies: [] },
      { ...second, copies: [CREDENTIAL] },
    ]);
    await started.clock.advance(minutes(2));
    expect(started.store.data(SECRET)['credential'] === `Bearer ${valueIn(started, 'orders')}`).toBe(true);
    started.acquirer.apply([{ ...second, copies: [CREDENTIAL] }]);
    await started.clock.advance(seconds(5));
    expect(keysIn(started)).toEqual(['credential', 'orders', 'orders.json']);
  });
});
