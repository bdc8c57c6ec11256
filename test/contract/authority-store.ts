import { afterEach, describe, expect, it } from 'vitest';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import type { AuthorityStore } from '../../src/ports/authority-store.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';

export interface AuthorityStoreUnderTest {
  readonly store: AuthorityStore;
  /** Another one on the same place, as another token-acquirer has it. */
  another(): AuthorityStore;
  /** Deletes the saved CA, as a person does who wants a new one. */
  empty(): Promise<void>;
  /** From now on nothing can be read or saved, until `repair`. */
  breakDown(): Promise<void>;
  repair(): Promise<void>;
  stop(): Promise<void>;
}

type Start = () => Promise<AuthorityStoreUnderTest>;

/** What every store of the reissue endpoint's CA does. */
export function describeAuthorityStore(name: string, make: Start): void {
  describe(`${name}, as a store of the CA`, () => {
    let parts: AuthorityStoreUnderTest;
    afterEach(async () => parts.stop());

    async function start(): Promise<AuthorityStoreUnderTest> {
      parts = await make();
      return parts;
    }

    describeSaving(start);
    describeCompareAndSwap(start);
    describeFaults(start);
  });
}

async function saveNext(store: AuthorityStore, text: string): Promise<void> {
  await store.save(text, (await store.load()).version);
}

function describeSaving(start: Start): void {
  it('has nothing at first, and says where', async () => {
    const { store } = await start();
    expect((await store.load()).text).toBeUndefined();
    expect(store.place).toMatch(/^the \S.*[^.]$/);
  });

  it.each<[what: string, text: string]>([
    ['a document', `{"version":1,"private_key":"${secret('ca-key')}"}\n`],
    ['line breaks, quotes and letters of other scripts', '"\\\n\r\n\u2028ž漢\u0000{}'],
    ['64 KiB', 'x'.repeat(64 * 1024)],
    ['an empty text', ''],
  ])('gives back %s, to the next process too', async (_what, text) => {
    const { store, another } = await start();
    await saveNext(store, text);
    expect((await store.load()).text).toBe(text);
    expect((await another().load()).text).toBe(text);
  });

  it('replaces, again and again', async () => {
    const { store, another } = await start();
    for (let round = 0; round < 5; round += 1) await saveNext(round % 2 === 0 ? store : another(), `round ${round}`);
    expect((await store.load()).text).toBe('round 4');
  });

  it('gives the same version as long as nothing was saved', async () => {
    const { store, another } = await start();
    await saveNext(store, 'first');
    expect((await another().load()).version).toBe((await store.load()).version);
  });

  it('has nothing when a person deleted it, and takes a new one', async () => {
    const { store, empty } = await start();
    await saveNext(store, 'first');
    await empty();
    expect((await store.load()).text).toBeUndefined();
    await saveNext(store, 'second');
    expect((await store.load()).text).toBe('second');
  });
}

function describeCompareAndSwap(start: Start): void {
  it.each<[when: string, between: (parts: AuthorityStoreUnderTest) => Promise<void>, left: string | undefined]>([
    ['another has saved', async ({ another }) => saveNext(another(), 'other'), 'other'],
    ['it has saved itself', async ({ store }) => saveNext(store, 'own'), 'own'],
    ['a person deleted it', async ({ empty }) => empty(), undefined],
  ])('saves nothing, and says so, when %s in the meantime', async (_when, between, left) => {
    const parts = await start();
    await saveNext(parts.store, 'first');
    const { version } = await parts.store.load();
    await between(parts);
    const error = await failure(parts.store.save('late', version));
    expect(error).toBeInstanceOf(StoreError);
    expect((error as StoreError).permanent).toBe(false);
    expect((await parts.another().load()).text).toBe(left);
  });

  it('lets one of several win that find nothing together', async () => {
    const { store, another } = await start();
    const stores = Array.from({ length: 6 }, () => another());
    const versions = await Promise.all(stores.map(async (one) => (await one.load()).version));
    const saves = await Promise.allSettled(stores.map((one, index) => one.save(`of ${index}`, versions[index] ?? '')));
    const winners = saves.flatMap(({ status }, index) => (status === 'fulfilled' ? [`of ${index}`] : []));
    expect(winners).toHaveLength(1);
    expect((await store.load()).text).toBe(winners[0]);
  });
}

function describeFaults(start: Start): void {
  it('says in a StoreError without any key that it cannot read or save, and keeps what it has', async () => {
    const { store, another, breakDown, repair } = await start();
    const [text, next] = [secret('ca-key'), secret('ca-key')];
    await saveNext(store, text);
    const { version } = await store.load();
    await breakDown();
    for (const error of [await failure(store.load()), await failure(store.save(next, version))]) {
      expect(error).toBeInstanceOf(StoreError);
      expect(messageOf(error)).toMatch(/^[A-Z].*\.$/s);
      for (const value of [text, next]) expect(messageOf(error)).not.toContain(value);
    }
    await repair();
    expect((await another().load()).text).toBe(text);
    await saveNext(store, next);
    expect((await another().load()).text).toBe(next);
  });
}
