import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretRefreshTokenStore } from '../../../src/adapters/kubernetes/secrets/secret-refresh-token-store.ts';
import { messageOf, StoreError } from '../../../src/core/errors.ts';
import type { TokenIdentity } from '../../../src/core/token.ts';
import type { RefreshTokenStore } from '../../../src/ports/refresh-token-store.ts';
import {
  buildChain,
  describeRefreshTokenStore,
  plainText,
  type RefreshTokenStoreUnderTest,
} from '../../contract/refresh-token-store.ts';
import { type FakeKubernetesApi, type JsonObject, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';

const STATE = { namespace: 'token-acquirer', secret: 'token-acquirer-state' };
const PATH = '/api/v1/namespaces/token-acquirer/secrets/token-acquirer-state';
const DYNAMICS: TokenIdentity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const KEY = 'billing.billing-tokens.dynamics';

function dataOf(fake: FakeKubernetesApi): Record<string, string> {
  return (fake.objects.get(PATH)?.['data'] ?? {}) as Record<string, string>;
}

function setData(fake: FakeKubernetesApi, data: Record<string, string>): void {
  fake.objects.put(PATH, { type: 'Opaque', data });
}

async function contract(): Promise<RefreshTokenStoreUnderTest> {
  const fake = await startKubernetesApi();
  setData(fake, {});
  const repairs: (() => void)[] = [];
  return {
    store: createSecretRefreshTokenStore(fake.connect(), STATE),
    another: () => createSecretRefreshTokenStore(fake.connect(), STATE),
    async corrupt({ namespace, secret, name }) {
      const before = dataOf(fake);
      const key = `${namespace}.${secret}.${name}`;
      const text = Buffer.from(before[key] ?? '', 'base64');
      setData(fake, { ...before, [key]: text.subarray(0, text.length / 2).toString('base64') });
      repairs.push(() => setData(fake, before));
    },
    async breakDown() {
      repairs.push(fake.intercept(({ method }) => (method === 'PATCH' ? { status: 503 } : undefined)));
    },
    async repair() {
      for (const repair of repairs.splice(0)) repair();
    },
    stop: () => fake.stop(),
  };
}

describeRefreshTokenStore('A Secret of a fake API server', contract);

describe('a store of refresh tokens in a Secret', () => {
  let fake: FakeKubernetesApi;
  let store: RefreshTokenStore;
  beforeEach(async () => {
    fake = await startKubernetesApi();
    setData(fake, {});
    store = createSecretRefreshTokenStore(fake.connect(), STATE);
  });
  afterEach(() => fake.stop());

  it('keeps each chain under its own key, and removes the key with the chain', async () => {
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    await store.save({ ...DYNAMICS, name: 'other' }, buildChain(), undefined);
    expect(Object.keys(dataOf(fake))).toEqual([KEY, 'billing.billing-tokens.other']);
    await store.save(DYNAMICS, undefined, chain);
    expect(Object.keys(dataOf(fake))).toEqual(['billing.billing-tokens.other']);
  });

  it('does not change other keys of that Secret', async () => {
    setData(fake, { note: 'eA==' });
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    await store.save(DYNAMICS, undefined, chain);
    expect(dataOf(fake)).toEqual({ note: 'eA==' });
  });

  it('accepts a chain in another form', async () => {
    const chain = buildChain();
    await store.save(DYNAMICS, chain, undefined);
    const document = JSON.parse(Buffer.from(dataOf(fake)[KEY] ?? '', 'base64').toString()) as JsonObject;
    setData(fake, { [KEY]: Buffer.from(JSON.stringify(document, undefined, 2)).toString('base64') });
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(chain));
    const next = buildChain();
    await store.save(DYNAMICS, next, chain);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(next));
  });

  it('finds out by the saved text whether a save without an answer took place', async () => {
    const heal = fake.intercept(({ method }) => (method === 'PATCH' ? { reset: 'afterwards' } : undefined));
    const chain = buildChain();
    expect(await failure(store.save(DYNAMICS, chain, undefined))).toMatchObject({ permanent: false });
    heal();
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(chain));
    await store.save(DYNAMICS, chain, chain);
  });

  it('does not overwrite a change between its read and its save', async () => {
    const first = buildChain();
    await store.save(DYNAMICS, first, undefined);
    const others = buildChain();
    const another = createSecretRefreshTokenStore(fake.connect(), STATE);
    let overtaken: Promise<void> | undefined;
    const heal = fake.intercept(({ method }) => {
      if (method !== 'PATCH') return undefined;
      heal();
      overtaken = another.save(DYNAMICS, others, first);
      return { delay: 200 };
    });
    const error = await failure(store.save(DYNAMICS, buildChain(), first));
    await overtaken;
    expect(error).toMatchObject({ permanent: false });
    expect(messageOf(error)).toMatch(/Another process saved a refresh token of billing\/billing-tokens\/dynamics/);
    expect(plainText(await store.load(DYNAMICS))).toEqual(plainText(others));
  });

  it.each<[what: string, breakIt: () => unknown, says: RegExp, permanent: boolean]>([
    [
      'the Secret is missing',
      () => fake.objects.delete(PATH),
      /kubectl create secret generic token-acquirer-state/,
      true,
    ],
    ['the Secret may not be read', () => fake.deny({ verb: 'get', resource: 'secrets' }), /may not get secrets/, true],
    [
      'the Secret may not be changed',
      () => fake.deny({ verb: 'patch', resource: 'secrets' }),
      /may not patch secrets/,
      true,
    ],
    [
      'the Secret is immutable',
      () => fake.objects.put(PATH, { immutable: true, data: { x: '' } }),
      /it is immutable/,
      true,
    ],
    ['the API server fails', () => fake.intercept(() => ({ status: 500 })), /failed \(500\)/, false],
    [
      'the API server does not answer',
      () => fake.intercept(() => ({ delay: Number.POSITIVE_INFINITY })),
      /in time/,
      false,
    ],
  ])('reports that %s', async (_what, breakIt, says, permanent) => {
    breakIt();
    const impatient = createSecretRefreshTokenStore(fake.connect({ timeout: 1000 }), STATE);
    const error = await failure(impatient.save(DYNAMICS, buildChain(), undefined));
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ permanent });
    expect(messageOf(error)).toMatch(says);
  });

  it('does not call the API server for an invalid name', async () => {
    for (const name of ['a.b', '', '../x']) {
      expect(await failure(store.load({ ...DYNAMICS, name }))).toMatchObject({ permanent: true });
    }
    expect(fake.requests).toEqual([]);
  });
});
