import { afterEach, describe, expect, it } from 'vitest';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256, type TokenIdentity } from '../../src/core/token.ts';
import type { RefreshTokenChain, RefreshTokenStore } from '../../src/ports/refresh-token-store.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';

export interface RefreshTokenStoreUnderTest {
  readonly store: RefreshTokenStore;
  /** Another one on the same state, as a process has it that was started later. */
  another(): RefreshTokenStore;
  /** Makes what is saved for that token unreadable, until `repair`. */
  corrupt(identity: TokenIdentity): Promise<void>;
  /** From now on nothing can be saved, until `repair`. */
  breakDown(): Promise<void>;
  repair(): Promise<void>;
  stop(): Promise<void>;
}

const DYNAMICS: TokenIdentity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const NEIGHBOURS: readonly TokenIdentity[] = [
  { ...DYNAMICS, name: 'dynamics-2' },
  { ...DYNAMICS, secret: 'other-tokens' },
  { ...DYNAMICS, namespace: 'orders' },
];

export function buildChain(parts: Partial<RefreshTokenChain> = {}): RefreshTokenChain {
  const refreshToken = new Redacted(secret('refresh-token'));
  return { refreshToken, originSha256: sha256('the first'), rotates: true, inUse: false, ...parts };
}

/** A chain with its token in plain text, to be compared; Redacted values are all alike to `toEqual`. */
export function plainText(chain: RefreshTokenChain | undefined): unknown {
  return chain === undefined ? undefined : { ...chain, refreshToken: chain.refreshToken.reveal() };
}

type Start = () => Promise<RefreshTokenStoreUnderTest>;

/** What every store of refresh tokens does. */
export function describeRefreshTokenStore(name: string, make: () => Promise<RefreshTokenStoreUnderTest>): void {
  describe(`${name}, as a store of refresh tokens`, () => {
    let parts: RefreshTokenStoreUnderTest;
    afterEach(async () => parts.stop());

    async function start(): Promise<RefreshTokenStoreUnderTest> {
      parts = await make();
      return parts;
    }

    describeSaving(start);
    describeCompareAndSwap(start);
    describeFaults(start);
  });
}

function describeSaving(start: Start): void {
  it('has nothing at first', async () => {
    const { store } = await start();
    expect(await store.load(DYNAMICS)).toBeUndefined();
  });

  it.each<[what: string, parts: Partial<RefreshTokenChain>]>([
    ['a chain', {}],
    ['a chain that does not rotate', { rotates: false }],
    ['a chain in use', { inUse: true }],
    ['a chain in use since a time', { inUse: true, inUseSince: Date.UTC(2026, 0, 1, 12, 0, 0, 123) }],
    ['a token of 16 KiB', { refreshToken: new Redacted('x'.repeat(16 * 1024)) }],
    ['a token with quotes and line breaks', { refreshToken: new Redacted('"\\\n\u2028{}') }],
  ])('gives back %s, to the next process too', async (_what, parts) => {
    const { store, another } = await start();
    const chain = buildChain(parts);
    await store.save(DYNAMICS, chain, undefined);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(chain));
    expect(plainText(await another().load(DYNAMICS))).toEqual(plainText(chain));
  });

  it('follows a chain through many rotations', async () => {
    const { store, another } = await start();
    let chain: RefreshTokenChain | undefined;
    for (let round = 0; round < 12; round += 1) {
      const next = buildChain();
      await store.save(DYNAMICS, next, chain);
      chain = next;
    }
    expect(plainText(await another().load(DYNAMICS))).toEqual(plainText(chain));
  });

  it('keeps tokens apart that share a part of their identity', async () => {
    const { store } = await start();
    const chains = new Map([DYNAMICS, ...NEIGHBOURS].map((identity) => [identity, buildChain()]));
    await Promise.all([...chains].map(([identity, chain]) => store.save(identity, chain, undefined)));
    for (const [identity, chain] of chains) expect(plainText(await store.load(identity))).toEqual(plainText(chain));
  });

  it('removes a chain, and begins another after it', async () => {
    const { store, another } = await start();
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    await store.save(DYNAMICS, undefined, chain);
    expect(await another().load(DYNAMICS)).toBeUndefined();
    const next = buildChain();
    await store.save(DYNAMICS, next, undefined);
    expect(plainText(await another().load(DYNAMICS))).toEqual(plainText(next));
  });

  it('removes a missing chain without complaint', async () => {
    const { store } = await start();
    await store.save(DYNAMICS, undefined, undefined);
    expect(await store.load(DYNAMICS)).toBeUndefined();
  });

  it('saves the same again without complaint', async () => {
    const { store } = await start();
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    await store.save(DYNAMICS, chain, chain);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(chain));
  });
}

function describeCompareAndSwap(start: Start): void {
  const first = buildChain();
  const second = buildChain();

  it.each<[what: string, saved: readonly RefreshTokenChain[], expected: RefreshTokenChain | undefined]>([
    ['nothing where there is a chain', [first], undefined],
    ['a chain where there is nothing', [], first],
    ['another token', [second], first],
    ['the contents of before', [first, second], first],
    ['another origin', [first], { ...first, originSha256: sha256('another') }],
    ['a chain that does not rotate', [first], { ...first, rotates: false }],
    ['a chain in use', [first], { ...first, inUse: true }],
  ])('saves nothing, and says so, to who expects %s', async (_what, saved, expected) => {
    const { store, another } = await start();
    let before: RefreshTokenChain | undefined;
    for (const chain of saved) {
      await store.save(DYNAMICS, chain, before);
      before = chain;
    }
    for (const wanted of [buildChain(), undefined]) {
      const error = await failure(another().save(DYNAMICS, wanted, expected));
      expect(error).toBeInstanceOf(StoreError);
      expect((error as StoreError).permanent).toBe(false);
    }
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(before));
  });

  it('compares contents, not objects', async () => {
    const { store, another } = await start();
    await store.save(DYNAMICS, first, undefined);
    await another().save(DYNAMICS, second, { ...first, refreshToken: new Redacted(first.refreshToken.reveal()) });
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(second));
  });

  it('lets one of several win that save together', async () => {
    const { store, another } = await start();
    await store.save(DYNAMICS, first, undefined);
    const chains = Array.from({ length: 8 }, () => buildChain());
    const saves = await Promise.allSettled(chains.map((chain) => another().save(DYNAMICS, chain, first)));
    const winners = chains.filter((_chain, index) => saves[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(winners[0]));
  });

  it('lets one of two win that mark the same token as in use', async () => {
    const { store, another } = await start();
    await store.save(DYNAMICS, first, undefined);
    const marks = await Promise.allSettled(
      [1, 2].map(() => another().save(DYNAMICS, { ...first, inUse: true }, first)),
    );
    expect(marks.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
}

function describeFaults(start: Start): void {
  it('guesses nothing where what is saved is unreadable', async () => {
    const { store, corrupt, repair } = await start();
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    await corrupt(DYNAMICS);
    const calls = [() => store.load(DYNAMICS), () => store.save(DYNAMICS, buildChain(), undefined)];
    for (const call of [...calls, () => store.save(DYNAMICS, buildChain(), chain)]) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(StoreError);
      expect((error as StoreError).permanent).toBe(true);
      expect(messageOf(error)).not.toContain(chain.refreshToken.reveal());
    }
    await repair();
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(chain));
  });

  it('says in a StoreError without any token that it cannot save, and keeps what it has', async () => {
    const { store, another, breakDown, repair } = await start();
    const [chain, next] = [buildChain(), buildChain()];
    await store.save(DYNAMICS, chain, undefined);
    await breakDown();
    const error = await failure(store.save(DYNAMICS, next, chain));
    expect(error).toBeInstanceOf(StoreError);
    expect(messageOf(error)).toMatch(/^[A-Z].*\.$/s);
    expect(messageOf(error)).not.toContain(next.refreshToken.reveal());
    await repair();
    expect(plainText(await another().load(DYNAMICS))).toEqual(plainText(chain));
    await store.save(DYNAMICS, next, chain);
    expect(plainText(await another().load(DYNAMICS))).toEqual(plainText(next));
  });
}
