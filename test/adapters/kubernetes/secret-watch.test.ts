import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createSecretTokenStore,
  type SecretTokenStore,
} from '../../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { SecretWatch, type SecretWatchOptions } from '../../../src/adapters/kubernetes/secrets/secret-watch.ts';
import type { SecretReference } from '../../../src/core/token.ts';
import { documentKey, toVolumeData } from '../../../src/core/token-volume.ts';
import { fakeRandom } from '../../fakes/fake-random.ts';
import { type ApiRequest, type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { createFastClock, type FastClock } from '../../support/pods.ts';
import { buildToken } from '../../support/tokens.ts';

/** The factor by which pauses are shorter: 5 min become 3 s, 30 s become 0.3 s. */
const FASTER = 100;
const SOON = { timeout: 8000, interval: 5 };
const BILLING = { namespace: 'billing', secret: 'billing-tokens' };
const ORDERS = { namespace: 'orders', secret: 'orders-tokens' };
/** A pause after which an unwanted call would have come. */
const QUIET = 150;

let fake: FakeKubernetesApi;
let clock: FastClock;
let store: SecretTokenStore;
let faults: string[];
let opened: SecretWatch[];

beforeEach(async () => {
  fake = await startKubernetesApi();
  for (const reference of [BILLING, ORDERS]) put(reference, {});
  clock = createFastClock(FASTER);
  faults = [];
  opened = [];
});

afterEach(async () => {
  for (const watch of opened) watch.close();
  await fake.stop();
});

function open(options: Partial<SecretWatchOptions> = {}): SecretWatch {
  const api = fake.connect();
  store = createSecretTokenStore(api);
  const onFault = (message: string): void => void faults.push(message);
  const watch = new SecretWatch(api, store, { clock, random: fakeRandom(0.5), onFault, ...options });
  opened.push(watch);
  return watch;
}

function pathOf({ namespace, secret }: SecretReference): string {
  return `/api/v1/namespaces/${namespace}/secrets/${secret}`;
}

/** Writes the Secret as another writer with all permissions. */
function put(reference: SecretReference, data: Readonly<Record<string, string>>): void {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  fake.objects.put(pathOf(reference), { type: 'Opaque', data: Object.fromEntries(encoded) });
}

function watches(): ApiRequest[] {
  return fake.requests.filter(({ query }) => query.has('watch'));
}

function others(): string[] {
  return fake.requests.filter(({ query }) => !query.has('watch')).map(({ method }) => method);
}

const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, QUIET));

const token = (key: string, generation = 1) => toVolumeData(key, buildToken({ generation }));

/** Watches the tokens of one Secret. `calls` counts the callbacks of each. */
async function following(keys = ['dynamics'], options: Partial<SecretWatchOptions> = {}) {
  const watch = open(options);
  watch.enable(true);
  const calls: Record<string, number> = Object.fromEntries(keys.map((key) => [key, 0]));
  for (const key of keys) await store.read(BILLING, [key, documentKey(key)]);
  const leaves = keys.map((key) => watch.watch(BILLING, key, () => void (calls[key] = (calls[key] ?? 0) + 1)));
  await expect.poll(() => fake.watches.open, SOON).toBe(1);
  await quiet();
  return { watch, calls, leaves };
}

describe('the watch of a token Secret', () => {
  it('requests metadata by name only, from the current version on, and lists nothing', async () => {
    put(BILLING, token('dynamics'));
    await following();
    const [request] = watches();
    expect(watches()).toHaveLength(1);
    expect(request?.path).toBe('/api/v1/namespaces/billing/secrets');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({
      watch: 'true',
      fieldSelector: 'metadata.name=billing-tokens',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '300',
    });
    expect(request?.accept).toBe('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io');
    expect(others()).toEqual(['GET']);
  });

  it.each<[string, () => void]>([
    ['edits a key', () => put(BILLING, { dynamics: 'edited' })],
    ['empties it', () => put(BILLING, {})],
    ['deletes it', () => void fake.objects.delete(pathOf(BILLING))],
    ['labels it', () => void fake.objects.put(pathOf(BILLING), { metadata: { labels: { team: 'x' } } })],
  ])('reports that another writer %s', async (_sentence, deed) => {
    put(BILLING, token('dynamics'));
    const { calls } = await following();
    expect(calls).toEqual({ dynamics: 0 });
    deed();
    await expect.poll(() => calls, SOON).toEqual({ dynamics: 1 });
  });

  it('reports that another writer recreates it', async () => {
    const { calls } = await following();
    fake.objects.delete(pathOf(BILLING));
    await expect.poll(() => calls, SOON).toEqual({ dynamics: 1 });
    put(BILLING, {});
    await expect.poll(() => calls, SOON).toEqual({ dynamics: 2 });
  });

  it('reports the creation of a missing Secret', async () => {
    fake.objects.delete(pathOf(BILLING));
    const watch = open();
    watch.enable(true);
    let calls = 0;
    watch.watch(BILLING, 'dynamics', () => void (calls += 1));
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    put(BILLING, {});
    await expect.poll(() => calls, SOON).toBe(1);
  });

  it('does not report a write of this process, and needs no request for it', async () => {
    const { calls } = await following();
    for (let generation = 1; generation <= 100; generation += 1)
      await store.write(BILLING, token('dynamics', generation));
    await quiet();
    expect(calls).toEqual({ dynamics: 0 });
    expect(others()).toEqual(['GET', ...Array.from({ length: 100 }, () => 'PATCH')]);
    expect(watches()).toHaveLength(1);
  });

  it('does not report a write of this process, though the watch is faster than the answer', async () => {
    const { calls } = await following();
    const release = fake.intercept((request) => (request.method === 'PATCH' ? { delay: 50 } : undefined));
    // Ten tokens together: the watch reports each patch while the others wait.
    const keys = Array.from({ length: 10 }, (_, index) => `token-${index}`);
    await Promise.all(keys.map((key) => store.write(BILLING, token(key))));
    await quiet();
    release();
    expect(calls).toEqual({ dynamics: 0 });
  });

  it('reports a write whose answer was lost, because its result is unknown', async () => {
    const { calls } = await following();
    const heal = fake.intercept(({ method }) => (method === 'PATCH' ? { reset: 'afterwards' } : undefined));
    await expect(store.write(BILLING, token('dynamics'))).rejects.toThrow('cannot be written');
    heal();
    await expect.poll(() => calls, SOON).toEqual({ dynamics: 1 });
  });

  it('reports the tokens that were not read, and not those that were', async () => {
    const { calls } = await following(['dynamics', 'ledger']);
    put(BILLING, { dynamics: 'edited', ledger: 'edited' });
    const version = `${fake.objects.version}`;
    await store.read(BILLING, ['dynamics', 'dynamics.json']);
    expect(await store.knows(BILLING, version, 'dynamics.json')).toBe(true);
    expect(await store.knows(BILLING, version, 'ledger.json')).toBe(false);
    await expect.poll(() => calls['ledger'], SOON).toBe(1);
  });

  it('is one per Secret for all its tokens, and ends with the last of them', async () => {
    const { watch, calls, leaves } = await following(['dynamics', 'ledger']);
    watch.watch(ORDERS, 'dynamics', () => {});
    await expect.poll(() => fake.watches.open, SOON).toBe(2);
    leaves[0]?.();
    put(BILLING, { note: 'x' });
    await expect.poll(() => calls, SOON).toEqual({ dynamics: 0, ledger: 1 });
    leaves[1]?.();
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    expect(watches()).toHaveLength(2);
  });

  it('can be switched on and off', async () => {
    const watch = open();
    let calls = 0;
    watch.watch(BILLING, 'dynamics', () => void (calls += 1));
    await quiet();
    expect(fake.requests).toEqual([]);
    watch.enable(true);
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    watch.enable(true);
    watch.enable(false);
    await expect.poll(() => fake.watches.open, SOON).toBe(0);
    await quiet();
    calls = 0;
    put(BILLING, { note: 'x' });
    await quiet();
    expect(calls).toBe(0);
    expect(watches()).toHaveLength(1);
  });

  it('covers a Secret while it is open', async () => {
    const { watch, leaves } = await following();
    expect([watch.covers(BILLING), watch.covers(ORDERS)]).toEqual([true, false]);
    leaves[0]?.();
    expect(watch.covers(BILLING)).toBe(false);
  });

  it('covers a Secret between two watches that follow each other, and no longer when none can be opened', async () => {
    const { watch } = await following();
    fake.watches.end('close');
    await expect.poll(() => watches().length, SOON).toBe(2);
    expect(watch.covers(BILLING)).toBe(true);
    fake.deny({ verb: 'watch', resource: 'secrets', namespace: 'billing' });
    fake.watches.end('close');
    await expect.poll(() => watch.covers(BILLING), SOON).toBe(false);
  });

  it('has a limit of Secrets, which it logs once, and replaces a Secret that leaves', async () => {
    const watch = open({ most: 3 });
    watch.enable(true);
    const secrets = Array.from({ length: 5 }, (_, index) => ({ namespace: 'billing', secret: `tokens-${index}` }));
    const leaves = secrets.map((secret) => watch.watch(secret, 'dynamics', () => {}));
    await expect.poll(() => fake.watches.open, SOON).toBe(3);
    expect(faults).toEqual([
      expect.stringMatching(/^There are more than 3 token Secrets, so 3 are watched\. .*30 s\.$/),
    ]);
    leaves[0]?.();
    const names = () => watches().map(({ query }) => query.get('fieldSelector'));
    await expect.poll(() => names().length, SOON).toBe(4);
    expect(new Set(names()).size).toBe(4);
    await expect.poll(() => fake.watches.open, SOON).toBe(3);
    expect(faults).toHaveLength(1);
  });
});

describe('an interrupted watch of a token Secret', () => {
  it.each(['close', 'reset'] as const)(
    'resumes at its version after a %s, without a loss or a second read',
    async (how) => {
      const { calls } = await following();
      await store.write(BILLING, token('dynamics'));
      await quiet();
      fake.watches.end(how);
      put(BILLING, { dynamics: 'edited' });
      await expect.poll(() => calls, SOON).toEqual({ dynamics: 1 });
      await quiet();
      expect(calls).toEqual({ dynamics: 1 });
      expect(watches().at(-1)?.query.get('resourceVersion')).toMatch(/^\d+$/);
    },
  );

  it('resumes at the last bookmark', async () => {
    await following();
    for (let count = 0; count < 3; count += 1) put(ORDERS, { count: `${count}` });
    fake.watches.bookmark();
    await quiet();
    fake.watches.end('close');
    await expect.poll(() => watches().length, SOON).toBe(2);
    expect(watches()[1]?.query.get('resourceVersion')).toBe(`${fake.objects.version}`);
  });

  it.each(['in the stream', 'as the answer'])(
    'begins with the current Secret if its version is too old, reported %s',
    async (where) => {
      const { calls } = await following();
      put(BILLING, { note: 'x' });
      await expect.poll(() => calls, SOON).toEqual({ dynamics: 1 });
      await store.read(BILLING, ['dynamics', 'dynamics.json']);
      let gone = where === 'in the stream' ? 0 : 1;
      fake.intercept(({ query }) => {
        if (!query.has('watch') || gone === 0) return undefined;
        gone -= 1;
        return { status: 410 };
      });
      fake.watches.end(where === 'in the stream' ? 'gone' : 'close');
      await expect.poll(() => watches().at(-1)?.query.has('resourceVersion'), SOON).toBe(false);
      await expect.poll(() => fake.watches.open, SOON).toBe(1);
      await quiet();
      expect(calls).toEqual({ dynamics: 1 });
      expect(faults).toEqual([]);
      put(BILLING, {});
      await expect.poll(() => calls, SOON).toEqual({ dynamics: 2 });
    },
  );

  it('reopens after silence', async () => {
    await following(['dynamics'], { silence: 300 });
    await expect.poll(() => watches().length, SOON).toBeGreaterThanOrEqual(2);
  });

  it('survives invalid data', async () => {
    const { calls } = await following();
    fake.watches.garbage('{"type":"MODIFIED"}\nnot JSON\n{"type":"MODIFIED","object":{}}\n');
    await quiet();
    put(BILLING, { note: 'x' });
    await expect.poll(() => calls, SOON).toEqual({ dynamics: 1 });
  });

  it('does not reopen in a tight loop if it ends immediately each time', async () => {
    const stop = fake.intercept(({ query }) => (query.has('watch') ? { body: '' } : undefined));
    const watch = open();
    watch.enable(true);
    watch.watch(BILLING, 'dynamics', () => {});
    // 1.5 s of the test are 150 s.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(watches().length).toBeGreaterThanOrEqual(5);
    expect(watches().length).toBeLessThanOrEqual(20);
    stop();
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    expect(faults).toEqual([]);
  });

  it('leaves nothing open and sends no request after the end of the process', async () => {
    const { watch } = await following();
    watch.close();
    await expect.poll(() => fake.watches.open, SOON).toBe(0);
    const before = fake.requests.length;
    await quiet();
    expect(fake.requests).toHaveLength(before);
  });
});

describe('a token Secret that may not be watched', () => {
  const refused = { verb: 'watch', resource: 'secrets', namespace: 'billing' };

  it('is logged once with the verb to allow, and tried every 5 min', async () => {
    const allow = fake.deny(refused);
    const faster = createFastClock(1000);
    const watch = open({ clock: faster });
    watch.enable(true);
    let calls = 0;
    watch.watch(BILLING, 'dynamics', () => void (calls += 1));
    await expect.poll(() => faults.length, SOON).toBe(1);
    expect(faults[0]).toBe(
      'The Secret billing/billing-tokens cannot be watched: the API server forbids it (403). Allow it by a Role in the namespace billing (verb watch, resource secrets, resourceNames billing-tokens) and a RoleBinding, or set `propagation.watch: false`. Changes by others are still repaired within 30 s.',
    );
    await expect.poll(() => watches().length, SOON).toBe(3);
    // The first try comes after at most half a second, the next ones after 225 s with this jitter.
    expect(faster.waits.slice(1, 3)).toEqual([225_000, 225_000]);
    expect(faults).toHaveLength(1);
    expect(others()).toEqual([]);
    allow();
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    put(BILLING, { note: 'x' });
    await expect.poll(() => calls, SOON).toBeGreaterThanOrEqual(1);
  });

  it('is logged again when the next watch begins after a permission was revoked', async () => {
    const { watch } = await following();
    fake.deny(refused);
    fake.watches.end('close');
    await expect.poll(() => faults, SOON).toEqual([expect.stringContaining('(verb watch, resource secrets')]);
    watch.close();
  });

  it('does not block the watch of another', async () => {
    fake.deny(refused);
    const watch = open();
    watch.enable(true);
    let calls = 0;
    watch.watch(BILLING, 'dynamics', () => {});
    watch.watch(ORDERS, 'dynamics', () => void (calls += 1));
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    await store.read(ORDERS, ['dynamics', 'dynamics.json']);
    calls = 0;
    put(ORDERS, { note: 'x' });
    await expect.poll(() => calls, SOON).toBe(1);
  });

  it.each([
    ['the API server fails', { status: 500 }],
    ['the API server wants fewer requests', { status: 429 }],
    ['the API server rejects the token', { status: 401 }],
    ['the connection is reset', { reset: true }],
  ])('is tried again soon, without a log line, if %s', async (_sentence, fault) => {
    const heal = fake.intercept(({ query }) => (query.has('watch') ? fault : undefined));
    const watch = open();
    watch.enable(true);
    watch.watch(BILLING, 'dynamics', () => {});
    await expect.poll(() => watches().length, SOON).toBeGreaterThanOrEqual(3);
    heal();
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    expect(faults).toEqual([]);
    expect(Math.max(...clock.waits)).toBeLessThanOrEqual(30_000);
  });

  it('is logged with any other lasting reason', async () => {
    fake.intercept(({ query }) => (query.has('watch') ? { status: 400 } : undefined));
    const watch = open();
    watch.enable(true);
    watch.watch(BILLING, 'dynamics', () => {});
    await expect
      .poll(() => faults, SOON)
      .toEqual([
        expect.stringMatching(
          /^The Secret billing\/billing-tokens cannot be watched: the API server rejected it \(400\)/,
        ),
      ]);
  });
});
