import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretTokenStore } from '../../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { StoreError } from '../../../src/core/errors.ts';
import type { SecretReference } from '../../../src/core/token.ts';
import { fromVolumeData, toVolumeData } from '../../../src/core/token-volume.ts';
import type { TokenStore } from '../../../src/ports/token-store.ts';
import { describeTokenStore, type TokenStoreUnderTest } from '../../contract/token-store.ts';
import { type FakeKubernetesApi, type Fault, type JsonObject, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { keyOf } from '../../fakes/kubernetes-api-patch.ts';
import { failure } from '../../support/failure.ts';
import { secret } from '../../support/secrets.ts';
import { buildToken } from '../../support/tokens.ts';

const SECRETS = [
  { namespace: 'billing', secret: 'billing-tokens' },
  { namespace: 'orders', secret: 'orders-tokens' },
] as const;
const [BILLING] = SECRETS;
const KEYS = ['dynamics', 'dynamics.json'];

function pathOf({ namespace, secret: name }: SecretReference): string {
  return `/api/v1/namespaces/${namespace}/secrets/${name}`;
}

function dataOf(fake: FakeKubernetesApi, reference: SecretReference): Record<string, string> {
  const data = Object.entries((fake.objects.get(pathOf(reference))?.['data'] ?? {}) as Record<string, string>);
  return Object.fromEntries(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

function edit(
  fake: FakeKubernetesApi,
  reference: SecretReference,
  changes: Readonly<Record<string, string | undefined>>,
): void {
  const edited = Object.entries({ ...dataOf(fake, reference), ...changes });
  const data = edited.flatMap(([key, value]) =>
    value === undefined ? [] : [[key, Buffer.from(value).toString('base64')]],
  );
  fake.objects.put(pathOf(reference), { type: 'Opaque', data: Object.fromEntries(data) as JsonObject });
}

async function contract(): Promise<TokenStoreUnderTest> {
  const fake = await startKubernetesApi();
  for (const reference of SECRETS) fake.objects.put(pathOf(reference), { type: 'Opaque' });
  let heal = (): void => {};
  return {
    store: createSecretTokenStore(fake.connect()),
    secrets: SECRETS,
    seen: async (reference) => dataOf(fake, reference),
    edit: async (reference, changes) => edit(fake, reference, changes),
    empty: async (reference) => void fake.objects.put(pathOf(reference), { type: 'Opaque' }),
    async breakDown() {
      heal = fake.intercept(() => ({ status: 503 }));
    },
    repair: async () => heal(),
    stop: () => fake.stop(),
  };
}

describeTokenStore('The Secrets of a fake API server', contract);

describe('a token store of Secrets', () => {
  let fake: FakeKubernetesApi;
  let store: TokenStore;
  beforeEach(async () => {
    fake = await startKubernetesApi();
    for (const reference of SECRETS) fake.objects.put(pathOf(reference), { type: 'Opaque' });
    store = createSecretTokenStore(fake.connect());
  });
  afterEach(() => fake.stop());

  const tokenData = (generation = 1) => toVolumeData('dynamics', buildToken({ generation }));
  const methods = () => fake.requests.map(({ method }) => method);

  it('needs one request for a changed token, once it was read or written', async () => {
    await store.read(BILLING, KEYS);
    for (const generation of [1, 2, 3]) await store.write(BILLING, tokenData(generation));
    expect(methods()).toEqual(['GET', 'PATCH', 'PATCH', 'PATCH']);
  });

  it('reads a token before its first write', async () => {
    edit(fake, BILLING, tokenData(1));
    await store.write(BILLING, tokenData(2));
    expect(methods()).toEqual(['GET', 'PATCH']);
  });

  it('reads once for concurrent callers, and never returns data from before a call', async () => {
    edit(fake, BILLING, { dynamics: 'first' });
    const heal = fake.intercept(({ method }) => (method === 'GET' ? { delay: 100 } : undefined));
    const first = store.read(BILLING, KEYS);
    await expect.poll(() => fake.requests.length).toBe(1);
    const rest = Array.from({ length: 50 }, () => store.read(BILLING, ['dynamics']));
    expect(await first).toEqual({ dynamics: 'first' });
    // The second read is in progress, so only a third one finds this.
    await expect.poll(() => fake.requests.length).toBe(2);
    edit(fake, BILLING, { dynamics: 'second' });
    expect(await store.read(BILLING, KEYS)).toEqual({ dynamics: 'second' });
    await Promise.all(rest);
    expect(methods()).toEqual(['GET', 'GET', 'GET']);
    heal();
  });

  it('reads again after a read that failed', async () => {
    const heal = fake.intercept(() => ({ reset: true }));
    for (const read of [store.read(BILLING, KEYS), store.read(BILLING, KEYS)]) {
      expect(await failure(read)).toBeInstanceOf(StoreError);
    }
    heal();
    expect(await store.read(BILLING, KEYS)).toEqual({});
  });

  it('sends the version that it replaces, names itself, and wants no data in the answer', async () => {
    const [first, second] = [tokenData(1), tokenData(2)];
    await store.read(BILLING, KEYS);
    const version = () => keyOf(fake.objects.get(pathOf(BILLING))?.['metadata'], 'resourceVersion');
    const versions = [version()];
    await store.write(BILLING, first);
    versions.push(version());
    await store.write(BILLING, second);
    const [, filling, patch] = fake.requests;
    const base64 = (text = '') => Buffer.from(text).toString('base64');
    expect(JSON.parse(filling?.body ?? '')).toMatchObject([
      { op: 'test', path: '/metadata/resourceVersion', value: versions[0] },
      { op: 'add', path: '/data' },
    ]);
    expect(JSON.parse(patch?.body ?? '')).toEqual([
      { op: 'test', path: '/metadata/resourceVersion', value: versions[1] },
      { op: 'add', path: '/data/dynamics', value: base64(second['dynamics']) },
      { op: 'add', path: '/data/dynamics.json', value: base64(second['dynamics.json']) },
    ]);
    expect(patch?.query.get('fieldManager')).toBe('token-acquirer');
    expect(patch?.contentType).toBe('application/json-patch+json');
    expect(patch?.accept).toContain('as=PartialObjectMetadata');
  });

  it('sets a certificate without a comparison with the previous one', async () => {
    await store.write(BILLING, { 'ca.crt': 'one' });
    edit(fake, BILLING, { 'ca.crt': 'of a stranger' });
    await store.write(BILLING, { 'ca.crt': 'two' });
    expect(dataOf(fake, BILLING)).toEqual({ 'ca.crt': 'two' });
  });

  it('does not overwrite a token that another process wrote in the meantime, until it was read', async () => {
    const [own, others, next] = [tokenData(1), tokenData(2), tokenData(3)];
    await store.write(BILLING, own);
    edit(fake, BILLING, others);
    const error = await failure(store.write(BILLING, next));
    expect(error).toBeInstanceOf(StoreError);
    expect((error as StoreError).permanent).toBe(false);
    expect((error as StoreError).message).toMatch(
      /billing\/billing-tokens was changed by another process in the meantime/,
    );
    expect(dataOf(fake, BILLING)).toEqual(others);
    expect(await store.read(BILLING, KEYS)).toEqual(others);
    await store.write(BILLING, next);
    expect(dataOf(fake, BILLING)).toEqual(next);
  });

  it.each<[what: string, change: (before: Record<string, string>) => Record<string, string | undefined>]>([
    ['removed one key', () => ({ dynamics: undefined })],
    ['edited the raw token', () => ({ dynamics: 'edited' })],
    ['added another key', () => ({ note: 'x' })],
  ])('still writes and removes a token after another writer %s', async (_what, change) => {
    const first = tokenData(1);
    await store.write(BILLING, first);
    edit(fake, BILLING, change(first));
    const next = tokenData(2);
    await store.write(BILLING, next);
    expect(dataOf(fake, BILLING)).toMatchObject(next);
    edit(fake, BILLING, change(next));
    await store.write(BILLING, { dynamics: undefined, 'dynamics.json': undefined });
    expect(Object.keys(dataOf(fake, BILLING))).not.toContain('dynamics');
  });

  it('restores a token in a Secret that another writer emptied, recreated or labeled', async () => {
    const own = tokenData(1);
    await store.write(BILLING, own);
    for (const object of [{ type: 'Opaque' }, { metadata: { labels: { team: 'x' } } }]) {
      fake.objects.delete(pathOf(BILLING));
      expect(await failure(store.read(BILLING, KEYS))).toBeInstanceOf(StoreError);
      fake.objects.put(pathOf(BILLING), object);
      expect(await store.read(BILLING, KEYS)).toEqual({});
      await store.write(BILLING, own);
      expect(dataOf(fake, BILLING)).toEqual(own);
    }
  });

  it('does not remove a token that another process wrote into an empty Secret, until it was read', async () => {
    await store.read(BILLING, KEYS);
    edit(fake, BILLING, tokenData(1));
    const error = await failure(store.write(BILLING, { dynamics: undefined, 'dynamics.json': undefined }));
    expect(error).toMatchObject({ permanent: false });
    await store.read(BILLING, KEYS);
    await store.write(BILLING, { dynamics: undefined, 'dynamics.json': undefined });
    expect(dataOf(fake, BILLING)).toEqual({});
  });

  describe('with an empty Secret', () => {
    const names = Array.from({ length: 10 }, (_, index) => `token-${index}`);
    const writeOf = (name: string, generation = 1) =>
      store.write(BILLING, { ...toVolumeData(name, buildToken({ generation })), 'ca.crt': 'ca' });

    it.each<[string, () => Promise<unknown>, string[]]>([
      ['it was never read', () => Promise.resolve(), ['GET', 'PATCH']],
      ['it was read', () => Promise.all(names.map((name) => store.read(BILLING, [`${name}.json`]))), ['PATCH']],
    ])('writes ten tokens by one patch if %s', async (_name, before, expected) => {
      await before();
      fake.requests.length = 0;
      await Promise.all(names.map((name) => writeOf(name)));
      expect(methods()).toEqual(expected);
      expect(Object.keys(dataOf(fake, BILLING))).toHaveLength(21);
      fake.requests.length = 0;
      await Promise.all(names.map((name) => writeOf(name, 2)));
      expect(methods()).toEqual(['PATCH']);
    });

    it('writes the tokens that come during the first patch by one more', async () => {
      await Promise.all(names.map((name) => store.read(BILLING, [`${name}.json`])));
      fake.requests.length = 0;
      const heal = fake.intercept(({ method }) => (method === 'PATCH' ? { delay: 100 } : undefined));
      const first = writeOf('token-0');
      await expect.poll(() => methods().at(-1)).toBe('PATCH');
      await Promise.all([first, ...names.slice(1).map((name) => writeOf(name))]);
      heal();
      expect(methods()).toEqual(['PATCH', 'PATCH']);
      expect(Object.keys(dataOf(fake, BILLING))).toHaveLength(21);
    });

    it('writes all tokens after another writer', async () => {
      await store.read(BILLING, KEYS);
      edit(fake, BILLING, { note: 'x' });
      await Promise.all(names.map((name) => writeOf(name)));
      expect(Object.keys(dataOf(fake, BILLING))).toHaveLength(22);
    });

    it('writes all tokens except one that is too large', async () => {
      const large = failure(store.write(BILLING, { large: 'x'.repeat(1024 * 1024 + 1) }));
      await Promise.all(names.map((name) => writeOf(name)));
      expect(await large).toMatchObject({ permanent: true });
      expect(Object.keys(dataOf(fake, BILLING))).toHaveLength(21);
    });

    it('writes none while the API server fails, and calls it once for all', async () => {
      const heal = fake.intercept(({ method }) => (method === 'PATCH' ? { status: 503 } : undefined));
      const errors = await Promise.all(names.map((name) => failure(writeOf(name))));
      for (const error of errors) expect(error).toMatchObject({ name: 'StoreError', permanent: false });
      expect(methods()).toEqual(['GET', 'PATCH']);
      heal();
      await Promise.all(names.map((name) => writeOf(name)));
      expect(Object.keys(dataOf(fake, BILLING))).toHaveLength(21);
    });
  });

  it('never writes a token later whose write failed', async () => {
    const write = (name: string, generation: number) =>
      store.write(BILLING, toVolumeData(name, buildToken({ generation })));
    await store.write(BILLING, { ...tokenData(1), ...toVolumeData('other', buildToken()) });
    store = createSecretTokenStore(fake.connect());
    const heal = fake.intercept(() => ({ status: 503 }));
    await failure(write('dynamics', 2));
    heal();
    await store.read(BILLING, KEYS);
    await write('dynamics', 3);
    const healPatches = fake.intercept(({ method }) => (method === 'PATCH' ? { status: 503 } : undefined));
    await failure(write('other', 2));
    healPatches();
    await write('other', 3);
    expect(JSON.parse(dataOf(fake, BILLING)['dynamics.json'] ?? '')).toMatchObject({ generation: 3 });
    expect(JSON.parse(dataOf(fake, BILLING)['other.json'] ?? '')).toMatchObject({ generation: 3 });
  });

  it('renews ten tokens of one Secret together, 20 times, without one rejection', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `token-${index}`);
    const write = (name: string, generation: number) =>
      store.write(BILLING, toVolumeData(name, buildToken({ generation })));
    for (const name of names) await write(name, 0);
    fake.requests.length = 0;
    for (let round = 1; round <= 20; round += 1) await Promise.all(names.map((name) => write(name, round)));
    expect(methods()).toEqual(Array.from({ length: 20 }, () => 'PATCH'));
    expect(Object.keys(dataOf(fake, BILLING))).toHaveLength(20);
  });

  it('writes the tokens that come while a write is under way by one more patch', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `token-${index}`);
    const write = (name: string, generation: number) =>
      store.write(BILLING, toVolumeData(name, buildToken({ generation })));
    await Promise.all(names.map((name) => write(name, 0)));
    fake.requests.length = 0;
    fake.intercept(({ method }) => (method === 'PATCH' ? { delay: 100 } : undefined));
    const lone = write('token-0', 1);
    await expect.poll(() => methods()).toEqual(['PATCH']);
    await Promise.all([lone, ...names.slice(1).map((name) => write(name, 1))]);
    expect(methods()).toEqual(['PATCH', 'PATCH']);
  });

  it('writes all tokens together except those that another process changed', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `token-${index}`);
    const data = (name: string, generation: number) => toVolumeData(name, buildToken({ generation }));
    await Promise.all(names.map((name) => store.write(BILLING, data(name, 0))));
    const foreign = { ...data('token-3', 7), ...data('token-7', 7) };
    edit(fake, BILLING, foreign);
    fake.requests.length = 0;
    const results = await Promise.allSettled(names.map((name) => store.write(BILLING, data(name, 1))));
    const rejected = names.filter((_, index) => results[index]?.status === 'rejected');
    expect(rejected).toEqual(['token-3', 'token-7']);
    expect(methods()).toEqual(['PATCH', 'GET', 'PATCH']);
    expect(dataOf(fake, BILLING)).toMatchObject(foreign);
    for (const name of names.filter((one) => !rejected.includes(one)))
      expect(JSON.parse(dataOf(fake, BILLING)[`${name}.json`] ?? '')).toMatchObject({ generation: 1 });
  });

  it('writes each token by itself where the documents change again and again', async () => {
    const names = ['a', 'b', 'c'];
    const data = (name: string, generation: number) => toVolumeData(name, buildToken({ generation }));
    await Promise.all(names.map((name) => store.write(BILLING, data(name, 0))));
    edit(fake, BILLING, { note: 'x' });
    let strangers = 0;
    fake.intercept(({ method }) => {
      if (method !== 'PATCH' || strangers === 2) return undefined;
      strangers += 1;
      // Between the read and the second patch.
      if (strangers === 2) edit(fake, BILLING, data('b', 7));
      return undefined;
    });
    const results = await Promise.allSettled(names.map((name) => store.write(BILLING, data(name, 1))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const generations = names.map((name) => fromVolumeData(name, dataOf(fake, BILLING))?.generation);
    expect(generations).toEqual([1, 7, 1]);
  });

  it('sends no document again for a patch, and none that it replaces', async () => {
    const [first, second] = [tokenData(1), tokenData(2)];
    await store.write(BILLING, first);
    await store.write(BILLING, second);
    const { body = '' } = fake.requests.at(-1) ?? {};
    expect(body.length).toBeLessThan(300 + JSON.stringify(second).length * 1.4);
  });

  it('reports to all that wait that the API server does not answer, after one timeout', async () => {
    const secrets = Array.from({ length: 60 }, (_, index) => ({ namespace: 'billing', secret: `tokens-${index}` }));
    for (const reference of secrets) fake.objects.put(pathOf(reference), { type: 'Opaque' });
    store = createSecretTokenStore(fake.connect({ timeout: 1000 }));
    await Promise.all(secrets.map((reference) => store.read(reference, KEYS)));
    const heal = fake.intercept(() => ({ delay: Number.POSITIVE_INFINITY }));
    const began = performance.now();
    const errors = await Promise.all(secrets.map((reference) => failure(store.write(reference, tokenData()))));
    for (const error of errors) expect(String(error)).toContain('did not answer in time');
    // One after the other, they would take 6 s.
    expect(performance.now() - began).toBeLessThan(4000);
    heal();
    await store.write(BILLING, tokenData());
  });

  describe('asked whether a token is unchanged', () => {
    const names = Array.from({ length: 10 }, (_, index) => `token-${index}`);
    const keysOf = (name: string) => [name, `${name}.json`];
    const asked = async (within = 0) =>
      Promise.all(names.map(async (name) => (await store.unchanged?.(BILLING, keysOf(name), within)) !== undefined));
    beforeEach(async () => {
      await Promise.all(names.map((name) => store.write(BILLING, toVolumeData(name, buildToken()))));
      fake.requests.length = 0;
    });

    it('looks once for all tokens of a Secret, without their data', async () => {
      expect(await asked()).toEqual(names.map(() => true));
      expect(methods()).toEqual(['GET']);
      expect(fake.requests[0]?.accept).toContain('as=PartialObjectMetadata');
    });

    it('needs no request after a look or a write that is recent enough', async () => {
      expect(await asked(10_000)).toEqual(names.map(() => true));
      expect(methods()).toEqual([]);
    });

    it('still knows it after patches by this process', async () => {
      for (const generation of [1, 2, 3])
        await store.write(BILLING, toVolumeData('token-0', buildToken({ generation })));
      fake.requests.length = 0;
      expect(await asked()).toEqual(names.map(() => true));
      expect(methods()).toEqual(['GET']);
    });

    it.each<[string, Record<string, string | undefined>, harmed: string | undefined]>([
      ['a document', { 'token-3.json': '{}' }, 'token-3'],
      ['another key', { 'token-3': 'x' }, 'token-3'],
      ['a key of nobody', { note: 'x' }, undefined],
    ])('denies it after another writer changed %s, and reads once for all tokens', async (_what, change, harmed) => {
      edit(fake, BILLING, change);
      expect(await asked()).toEqual(names.map(() => false));
      await store.read(BILLING, keysOf('token-0'));
      expect(methods()).toEqual(['GET', 'GET']);
      expect(await asked()).toEqual(names.map((name) => name !== harmed));
      await store.read(BILLING, keysOf('token-3'));
      expect(await asked()).toEqual(names.map(() => true));
    });

    it('denies it after a write of another token that met a foreign change', async () => {
      edit(fake, BILLING, { 'token-3': 'x' });
      await store.write(BILLING, toVolumeData('token-0', buildToken({ generation: 2 })));
      expect(await store.unchanged?.(BILLING, keysOf('token-3'), 60_000)).toBeUndefined();
    });

    it('denies it for a token that was never read', async () => {
      expect(await store.unchanged?.(BILLING, keysOf('unknown'), 60_000)).toBeUndefined();
      expect(methods()).toEqual([]);
    });

    it('reports an API server that fails', async () => {
      fake.intercept(() => ({ status: 503 }));
      expect(await failure(asked())).toMatchObject({ name: 'StoreError', permanent: false });
    });
  });

  it('does not wait for a slow write of another token', async () => {
    await store.write(BILLING, tokenData(1));
    const other = toVolumeData('other', buildToken());
    await store.write(BILLING, other);
    fake.intercept(({ method, body }) =>
      method === 'PATCH' && body.includes('dynamics') ? { delay: 2000 } : undefined,
    );
    const patches = methods().length;
    const next = tokenData(2);
    const slow = store.write(BILLING, next);
    await expect.poll(() => methods().length).toBe(patches + 1);
    const began = performance.now();
    await store.write(BILLING, toVolumeData('other', buildToken({ generation: 2 })));
    expect(performance.now() - began).toBeLessThan(1500);
    await slow;
    expect(dataOf(fake, BILLING)).toMatchObject(next);
  });

  it('learns nothing from a read that a write has overtaken', async () => {
    await store.write(BILLING, tokenData(1));
    fake.intercept(({ method }) => (method === 'GET' ? { delay: 100 } : undefined));
    const reading = store.read(BILLING, KEYS);
    await store.write(BILLING, tokenData(2));
    await reading;
    await store.write(BILLING, tokenData(3));
    expect(methods().filter((method) => method === 'PATCH')).toHaveLength(3);
  });

  it('writes a token again if the answer to its write was lost', async () => {
    await store.write(BILLING, tokenData(1));
    const heal = fake.intercept(() => ({ reset: 'afterwards' }));
    const next = tokenData(2);
    expect(await failure(store.write(BILLING, next))).toBeInstanceOf(StoreError);
    heal();
    expect(dataOf(fake, BILLING)).toEqual(next);
    await store.write(BILLING, next);
    expect(dataOf(fake, BILLING)).toEqual(next);
  });

  it.each<[what: string, fault: Fault, says: RegExp]>([
    ['the API server fails', { status: 500 }, /failed \(500\)/],
    ['the API server is read-only', { status: 503 }, /failed \(503\)/],
    ['the API server wants fewer requests', { status: 429 }, /fewer requests \(429\)/],
    ['the API server does not answer', { delay: Number.POSITIVE_INFINITY }, /did not answer in time/],
    ['the connection breaks', { reset: true }, /cannot be reached/],
    ['the token is rejected', { status: 401 }, /does not accept the ServiceAccount token/],
    ['an answer is not JSON', { status: 200, body: '<html>' }, /unusable/],
  ])('reports that %s', async (_what, fault, says) => {
    const heal = fake.intercept(() => fault);
    const impatient = createSecretTokenStore(fake.connect({ timeout: fault.delay === undefined ? 10_000 : 200 }));
    for (const call of [() => impatient.read(BILLING, KEYS), () => impatient.write(BILLING, tokenData())]) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(StoreError);
      expect((error as StoreError).message).toMatch(says);
      expect((error as StoreError).message).toMatch(/^The Secret billing\/billing-tokens cannot be .*\.$/);
      expect(error).toMatchObject({ permanent: false });
      expect((error as StoreError).cause).toBeUndefined();
    }
    heal();
    await store.write(BILLING, tokenData());
  });

  it('reports how to create a missing Secret, and finds it once it exists', async () => {
    const missing = { namespace: 'billing', secret: 'new-tokens' };
    const command = 'kubectl create secret generic new-tokens --namespace billing';
    for (const call of [() => store.read(missing, KEYS), () => store.write(missing, tokenData())]) {
      const error = await failure(call());
      expect(error).toMatchObject({ permanent: true });
      expect((error as StoreError).message).toContain(command);
    }
    fake.objects.put(pathOf(missing), { type: 'Opaque' });
    const own = tokenData();
    await store.write(missing, own);
    expect(dataOf(fake, missing)).toEqual(own);
  });

  it.each<[verb: 'get' | 'patch', says: string]>([
    ['get', 'may not get secrets billing-tokens in the namespace billing (403)'],
    ['patch', 'may not patch secrets billing-tokens in the namespace billing (403)'],
  ])('names the permission to %s that was revoked', async (verb, says) => {
    const allow = fake.deny({ verb, resource: 'secrets' });
    const error = await failure(store.write(BILLING, tokenData()));
    expect(error).toMatchObject({ permanent: true });
    expect((error as StoreError).message).toContain(says);
    expect((error as StoreError).message).toContain(`verb ${verb}, resource secrets, resourceNames billing-tokens`);
    allow();
    await store.write(BILLING, tokenData());
  });

  it('reports that a Secret is immutable', async () => {
    const before = tokenData(1);
    edit(fake, BILLING, before);
    fake.objects.put(pathOf(BILLING), { ...fake.objects.get(pathOf(BILLING)), immutable: true });
    const error = await failure(store.write(BILLING, tokenData(2)));
    expect(error).toMatchObject({ permanent: true });
    expect((error as StoreError).message).toMatch(/billing\/billing-tokens cannot be written: it is immutable/);
  });

  it.each([
    ['larger than 1 MiB', 1024 * 1024],
    ['larger than a request may be', 3 * 1024 * 1024],
  ])('reports that a Secret would be %s', async (_what, size) => {
    await store.read(BILLING, KEYS);
    const error = await failure(store.write(BILLING, { dynamics: 'x'.repeat(size + 1) }));
    expect(error).toMatchObject({ permanent: true });
    expect((error as StoreError).message).toMatch(/larger than the API server takes/);
    await store.write(BILLING, tokenData());
  });

  it('does not repeat the quotations of the API server in its errors', async () => {
    const value = secret('access-token');
    edit(fake, BILLING, { other: value });
    const body = { kind: 'Status', reason: `Bad ${value}`, message: `"${value}" is invalid`, code: 422 };
    const causes = [{ reason: 'FieldValueInvalid', field: `data ${value}`, message: value }];
    fake.intercept(() => ({ status: 422, body: { ...body, details: { causes } }, headers: { 'X-Token': value } }));
    const error = (await failure(store.read(BILLING, KEYS))) as StoreError;
    expect(error).toBeInstanceOf(StoreError);
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(value);
  });

  it.each(['../kube-system', 'a/b', '', 'UPPER'])(
    'does not call the API server for a Secret with the name %j',
    async (name) => {
      const error = await failure(store.read({ namespace: 'billing', secret: name }, KEYS));
      expect(error).toMatchObject({ permanent: true });
      expect(fake.requests).toEqual([]);
    },
  );

  it('does not call the API server for an invalid key, or without a change', async () => {
    for (const call of [() => store.read(BILLING, ['a/b']), () => store.write(BILLING, { '..': 'x' })]) {
      expect(await failure(call())).toMatchObject({ permanent: true });
    }
    await store.write(BILLING, {});
    expect(fake.requests).toEqual([]);
  });
});
