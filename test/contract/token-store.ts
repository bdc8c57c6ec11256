import { afterEach, describe, expect, it } from 'vitest';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import type { SecretReference } from '../../src/core/token.ts';
import { fromVolumeData, toVolumeData, USUAL_FORM, type VolumeData } from '../../src/core/token-volume.ts';
import type { TokenStore } from '../../src/ports/token-store.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';
import { buildToken } from '../support/tokens.ts';

export interface TokenStoreUnderTest {
  readonly store: TokenStore;
  /** Two Secrets that hold nothing yet. */
  readonly secrets: readonly [SecretReference, SecretReference];
  /** All keys that a client of that Secret sees. */
  seen(secret: SecretReference): Promise<VolumeData>;
  /** Changes keys behind the store's back. */
  edit(secret: SecretReference, changes: Readonly<Record<string, string | undefined>>): Promise<void>;
  /** Takes the Secret's contents away behind the store's back; the store may be able to bring them back. */
  empty(secret: SecretReference): Promise<void>;
  /** From now on reads and writes of every Secret fail, until `repair`. */
  breakDown(): Promise<void>;
  repair(): Promise<void>;
  stop(): Promise<void>;
}

/** What every token store does. */
export function describeTokenStore(name: string, make: () => Promise<TokenStoreUnderTest>): void {
  describe(`${name}, as a token store`, () => {
    let parts: TokenStoreUnderTest;
    afterEach(async () => parts.stop());

    async function start(): Promise<TokenStoreUnderTest & { readonly billing: SecretReference }> {
      parts = await make();
      return { ...parts, billing: parts.secrets[0] };
    }

    describeKeys(start);
    describeConcurrency(start);
    describeStrangers(start);
    describeFailures(start);
  });
}

type Start = () => Promise<TokenStoreUnderTest & { readonly billing: SecretReference }>;

function describeKeys(start: Start): void {
  it('reads nothing where nothing was written', async () => {
    const { store, billing } = await start();
    expect(await store.read(billing, ['dynamics', 'dynamics.json'])).toEqual({});
  });

  it('reads what was written, and shows it to clients', async () => {
    const { store, billing, seen } = await start();
    await store.write(billing, { a: '1', b: '2' });
    expect(await store.read(billing, ['a', 'b'])).toEqual({ a: '1', b: '2' });
    expect(await seen(billing)).toEqual({ a: '1', b: '2' });
  });

  it('gives back a whole token', async () => {
    const { store, billing } = await start();
    const data = toVolumeData('dynamics', buildToken({ generation: 7 }));
    await store.write(billing, data);
    const read = await store.read(billing, ['dynamics', 'dynamics.json']);
    expect(read).toEqual(data);
    expect(fromVolumeData('dynamics', read)?.generation).toBe(7);
  });

  it('writes and repairs the copies of a token with it', async () => {
    const { store, billing, edit, seen } = await start();
    const copies = [{ key: 'credential', form: 'bearer' as const }];
    const data = toVolumeData('dynamics', buildToken(), { ...USUAL_FORM, copies });
    await store.write(billing, data);
    await edit(billing, { credential: undefined });
    expect(await store.read(billing, Object.keys(data))).not.toHaveProperty('credential');
    await store.write(billing, data);
    expect(await seen(billing)).toEqual(data);
    await store.write(billing, { ...toVolumeData('dynamics', buildToken()), credential: undefined });
    expect(Object.keys(await seen(billing)).toSorted()).toEqual(['dynamics', 'dynamics.json']);
  });

  it('reads the named keys and no others', async () => {
    const { store, billing } = await start();
    await store.write(billing, { a: '1', b: '2' });
    expect(await store.read(billing, ['b', 'c'])).toEqual({ b: '2' });
    expect(await store.read(billing, [])).toEqual({});
  });

  it('leaves other keys alone', async () => {
    const { store, billing, seen } = await start();
    await store.write(billing, { a: '1', b: '2' });
    await store.write(billing, { b: '3' });
    expect(await seen(billing)).toEqual({ a: '1', b: '3' });
  });

  it('sets some keys and removes others in one write', async () => {
    const { store, billing, seen } = await start();
    await store.write(billing, { a: '1', b: '2', c: '3' });
    await store.write(billing, { a: undefined, b: '4', d: '5' });
    expect(await seen(billing)).toEqual({ b: '4', c: '3', d: '5' });
  });

  it('removes the last key', async () => {
    const { store, billing, seen } = await start();
    await store.write(billing, { a: '1' });
    await store.write(billing, { a: undefined });
    expect(await seen(billing)).toEqual({});
    expect(await store.read(billing, ['a'])).toEqual({});
  });

  it('removes a missing key without complaint', async () => {
    const { store, billing, seen } = await start();
    await store.write(billing, { a: '1' });
    await store.write(billing, { b: undefined });
    expect(await seen(billing)).toEqual({ a: '1' });
  });

  it('writes the same again without complaint', async () => {
    const { store, billing, seen } = await start();
    await store.write(billing, { a: '1' });
    await store.write(billing, { a: '1' });
    expect(await seen(billing)).toEqual({ a: '1' });
  });

  it.each([
    ['an empty value', ''],
    ['a token of 16 KiB', 'x'.repeat(16 * 1024)],
    ['a value with line breaks at its end', 'x\r\n\n'],
    ['a value beyond ASCII', '{"scope":"Größe ✓ 𝒳"}'],
  ])('keeps %s as it is', async (_what, value) => {
    const { store, billing } = await start();
    await store.write(billing, { a: value });
    expect(await store.read(billing, ['a'])).toEqual({ a: value });
  });

  it.each(['constructor', '__proto__', 'toString'])('treats the key %s like any other', async (key) => {
    const { store, billing } = await start();
    expect(Object.keys(await store.read(billing, [key]))).toEqual([]);
    await store.write(billing, Object.fromEntries([[key, '1']]));
    await store.write(billing, { a: '2' });
    expect(Object.entries(await store.read(billing, [key]))).toEqual([[key, '1']]);
  });
}

function describeConcurrency(start: Start): void {
  it('loses no key of ten tokens that are written together', async () => {
    const { store, billing, seen } = await start();
    const tokens = Array.from({ length: 10 }, (_, index) =>
      toVolumeData(`token-${index}`, buildToken({ generation: index })),
    );
    await Promise.all(tokens.map((data) => store.write(billing, data)));
    expect(await seen(billing)).toEqual(Object.assign({}, ...tokens));
  });

  it('ends with the last of several writes of one key', async () => {
    const { store, billing } = await start();
    await Promise.all(['1', '2', '3', '4'].map((value) => store.write(billing, { a: value })));
    expect(await store.read(billing, ['a'])).toEqual({ a: '4' });
  });

  it('keeps Secrets apart that are written together', async () => {
    const { store, secrets, seen } = await start();
    await Promise.all(secrets.map((reference, index) => store.write(reference, { a: `${index}` })));
    expect(await Promise.all(secrets.map(seen))).toEqual([{ a: '0' }, { a: '1' }]);
  });

  it('never reads keys of two writes together', async () => {
    const { store, billing } = await start();
    let writing = true;
    const writer = (async () => {
      for (let count = 0; count < 50; count += 1) await store.write(billing, { a: `${count}`, b: `${count}` });
      writing = false;
    })();
    while (writing) {
      const { a, b } = await store.read(billing, ['a', 'b']);
      expect(a).toBe(b);
    }
    await writer;
  });
}

function describeStrangers(start: Start): void {
  it('reads what a stranger changed', async () => {
    const { store, billing, edit } = await start();
    await store.write(billing, { a: '1', b: '2' });
    await edit(billing, { a: 'edited' });
    expect(await store.read(billing, ['a', 'b'])).toEqual({ a: 'edited', b: '2' });
  });

  it('repairs what a stranger changed when it is written again', async () => {
    const { store, billing, edit, seen } = await start();
    await store.write(billing, { a: '1', b: '2' });
    await edit(billing, { a: 'edited' });
    await store.write(billing, { a: '1' });
    expect(await seen(billing)).toEqual({ a: '1', b: '2' });
  });

  it('reads nothing where a stranger emptied the Secret, and brings the token back', async () => {
    const { store, billing, empty, seen } = await start();
    await store.write(billing, { a: '1' });
    await empty(billing);
    expect(await store.read(billing, ['a'])).toEqual({});
    await store.write(billing, { a: '1' });
    expect(await seen(billing)).toEqual({ a: '1' });
  });
}

function describeFailures(start: Start): void {
  it('throws a StoreError without any value in it, and works again once repaired', async () => {
    const { store, billing, breakDown, repair, seen } = await start();
    const value = secret('access-token');
    await store.write(billing, { a: '1' });
    await breakDown();
    for (const call of [() => store.read(billing, ['a']), () => store.write(billing, { a: value })]) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(StoreError);
      expect(messageOf(error)).toMatch(/^[A-Z].*\.$/s);
      expect(messageOf(error)).not.toContain(value);
    }
    await repair();
    await store.write(billing, { b: value });
    expect(await seen(billing)).toEqual({ a: '1', b: value });
  });
}
