import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CollectionObservationOptions } from '../../../src/adapters/kubernetes/api/collection-observation.ts';
import { createPodWatches, type PodWatch, type PodWatches } from '../../../src/adapters/kubernetes/pods/pod-watch.ts';
import { fakeRandom } from '../../fakes/fake-random.ts';
import { type ApiRequest, type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { createFastClock, type FastClock, podObject, podPath } from '../../support/pods.ts';

/** The factor by which pauses and the grace period are shorter: 30 s become 0.6 s. */
const FASTER = 50;
const APP = ['billing', 'app=billing'] as const;
const SOON = { timeout: 8000, interval: 10 };

let fake: FakeKubernetesApi;
let clock: FastClock;
let opened: PodWatches[];

beforeEach(async () => {
  fake = await startKubernetesApi();
  clock = createFastClock(FASTER);
  opened = [];
});

afterEach(async () => {
  for (const watches of opened) watches.close();
  await fake.stop();
});

function open(options: Partial<CollectionObservationOptions> = {}): PodWatches {
  const watches = createPodWatches(fake.connect(), { clock, ...options });
  opened.push(watches);
  return watches;
}

function put(name: string, phase = 'Running'): void {
  fake.objects.put(podPath('billing', name), podObject({ name, phase }));
}

function remove(name: string): void {
  fake.objects.delete(podPath('billing', name));
}

function namesIn(watch: PodWatch): string[] | undefined {
  return watch
    .pods()
    ?.map(({ name }) => name)
    .sort();
}

function asked(verb: 'list' | 'watch'): ApiRequest[] {
  return fake.requests.filter(({ path, query }) => path.endsWith('/pods') && query.has('watch') === (verb === 'watch'));
}

async function following(options: Partial<CollectionObservationOptions> = {}) {
  put('a');
  const watch = open(options).get(...APP);
  const changes: (string[] | undefined)[] = [];
  const leave = watch.subscribe(() => changes.push(namesIn(watch)));
  await expect.poll(() => namesIn(watch), SOON).toEqual(['a']);
  await expect.poll(() => fake.watches.open, SOON).toBe(1);
  return { watch, changes, leave };
}

describe('the pods of a selector', () => {
  it('are unknown until someone subscribes, and then followed', async () => {
    put('a');
    const watch = open().get(...APP);
    expect(watch.pods()).toBeUndefined();
    expect(fake.requests).toEqual([]);
    watch.subscribe(() => {});
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a']);
    put('b');
    fake.objects.put(podPath('billing', 'other'), podObject({ name: 'other', app: 'orders' }));
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a', 'b']);
    remove('a');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['b']);
    expect(watch.because).toBe('');
  });

  it('are all pods of a namespace for an empty selector', async () => {
    put('a');
    fake.objects.put(podPath('billing', 'other'), podObject({ name: 'other', app: 'orders' }));
    const watch = open().get('billing', '');
    watch.subscribe(() => {});
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a', 'other']);
  });

  it('follow the labels, which may change', async () => {
    const { watch } = await following();
    fake.objects.put(podPath('billing', 'a'), podObject({ name: 'a', app: 'orders' }));
    await expect.poll(() => namesIn(watch), SOON).toEqual([]);
    put('a');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a']);
  });

  it('are announced when a kept fact changes, and otherwise not', async () => {
    const { watch, changes } = await following();
    const before = changes.length;
    const busy = { ...podObject({ name: 'a' }), status: { phase: 'Running', podIP: '10.0.0.7' } };
    fake.objects.put(podPath('billing', 'a'), busy);
    fake.watches.bookmark();
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a', 'b']);
    expect(changes.slice(before)).toEqual([['a', 'b']]);
  });

  it('are read page by page', async () => {
    fake.intercept(({ query }) => {
      if (!query.has('limit')) return undefined;
      const isFirst = !query.has('continue');
      const items = [podObject({ name: isFirst ? 'a' : 'b' })];
      const metadata = { resourceVersion: '100', ...(isFirst && { continue: 'more' }) };
      return { body: { kind: 'PodList', apiVersion: 'v1', metadata, items } };
    });
    expect((await open().look(...APP)).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(asked('list').map(({ query }) => query.get('continue'))).toEqual([null, 'more']);
  });

  it('are requested once for all subscribers, as long as one stays', async () => {
    const watches = open();
    const [first, second] = [watches.get(...APP), watches.get(...APP)];
    const leave = [first.subscribe(() => {}), second.subscribe(() => {})];
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    leave[0]?.();
    leave[0]?.();
    await pause(5000 / FASTER);
    expect(fake.watches.open).toBe(1);
    expect(second.pods()).toEqual([]);
    leave[1]?.();
    await expect.poll(() => fake.watches.open, SOON).toBe(0);
    expect(second.pods()).toBeUndefined();
    expect([asked('list'), asked('watch')].map(({ length }) => length)).toEqual([1, 1]);
  });

  it('stay known to a subscriber that leaves and returns immediately', async () => {
    const { watch, leave } = await following();
    leave();
    watch.subscribe(() => {});
    expect(namesIn(watch)).toEqual(['a']);
    await pause(5000 / FASTER);
    expect(namesIn(watch)).toEqual(['a']);
    expect(asked('list')).toHaveLength(1);
  });

  it('are listed immediately without a subscription', async () => {
    put('a');
    const watches = open();
    expect((await watches.look(...APP)).map(({ name }) => name)).toEqual(['a']);
    const { watch } = await following();
    const before = asked('list').length;
    await opened.at(-1)?.look(...APP);
    expect([namesIn(watch), asked('list').length]).toEqual([['a'], before]);
  });

  it('have a sentence with the reason if they cannot be listed', async () => {
    fake.deny({ verb: 'list', resource: 'pods' });
    await expect(open().look(...APP)).rejects.toThrow(
      /^The pods of the namespace billing cannot be read: system:serviceaccount:.* may not list pods/,
    );
  });
});

describe('the watch of pods', () => {
  it.each<{ name: string; end: () => void; lists: number }>([
    { name: 'resumes at its version after a clean close', end: () => fake.watches.end('close'), lists: 1 },
    { name: 'resumes at its version after a TCP reset', end: () => fake.watches.end('reset'), lists: 1 },
    { name: 'lists again after its version became too old', end: () => fake.watches.end('gone'), lists: 2 },
    {
      name: 'lists again if its version is too old when it reopens',
      end: () => {
        fake.objects.compact();
        fake.watches.end('close');
      },
      lists: 2,
    },
    {
      name: 'lists again after HTTP 410',
      end: () => {
        let first = true;
        fake.intercept((_request, { verb }) => {
          if (verb !== 'watch' || !first) return undefined;
          first = false;
          return { status: 410 };
        });
        fake.watches.end('close');
      },
      lists: 2,
    },
  ])('$name', async ({ end, lists }) => {
    const { watch, changes } = await following();
    end();
    remove('a');
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['b']);
    expect(asked('list')).toHaveLength(lists);
    expect(changes).not.toContain(undefined);
    await expect.poll(() => fake.watches.open, SOON).toBe(1);
    put('c');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['b', 'c']);
  });

  it('reopens after silence, and stays open with bookmarks', async () => {
    const { watch } = await following({ silence: 800 });
    for (let times = 0; times < 10; times += 1) {
      fake.watches.bookmark();
      await pause(100);
    }
    expect(asked('watch')).toHaveLength(1);
    await expect.poll(() => asked('watch').length, SOON).toBeGreaterThan(1);
    expect(namesIn(watch)).toEqual(['a']);
    expect(asked('list')).toHaveLength(1);
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a', 'b']);
  });

  it('ignores data that is not a watch event', async () => {
    const { watch } = await following();
    fake.watches.garbage('{"type":"MODIFIED"}\n{"type":"ADDED","object":{}}\nnonsense\n\n');
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a', 'b']);
  });

  it('requests its selector, its version, bookmarks and a timeout', async () => {
    await following();
    expect(Object.fromEntries(asked('watch')[0]?.query ?? [])).toEqual({
      watch: 'true',
      labelSelector: 'app=billing',
      resourceVersion: expect.stringMatching(/^\d+$/),
      allowWatchBookmarks: 'true',
      timeoutSeconds: '300',
    });
  });
});

describe('the watch of pods during errors', () => {
  const reset = () => fake.intercept((_request, { resource }) => (resource === 'pods' ? { reset: true } : undefined));

  it('keeps the last pods for the grace period, then has none, and recovers', async () => {
    const { watch, changes } = await following();
    const restore = reset();
    const brokenAt = clock.monotonic();
    fake.watches.end('reset');
    await expect.poll(() => watch.pods(), SOON).toBeUndefined();
    expect(clock.monotonic() - brokenAt).toBeGreaterThan(29_000);
    expect(watch.because).toMatch(/^The pods of the namespace billing cannot be watched: the API server cannot be/);
    expect(changes.at(-1)).toBeUndefined();
    restore();
    remove('a');
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['b']);
    expect(watch.because).toBe('');
    expect(changes.filter((names) => names === undefined)).toHaveLength(1);
  });

  it('does not log a short break', async () => {
    const { watch, changes } = await following();
    const restore = reset();
    fake.watches.end('reset');
    await pause(10_000 / FASTER);
    expect(namesIn(watch)).toEqual(['a']);
    restore();
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a', 'b']);
    expect(changes).not.toContain(undefined);
  });

  it('follows a permission to list that is revoked and granted again', async () => {
    const { watch } = await following();
    const back = [fake.deny({ verb: 'list', resource: 'pods' }), fake.deny({ verb: 'watch', resource: 'pods' })];
    fake.watches.end('close');
    await expect.poll(() => watch.pods(), SOON).toBeUndefined();
    expect(watch.because).toContain('may not list pods');
    for (const give of back) give();
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a']);
  });

  it('lists the pods periodically without the permission to watch', async () => {
    put('a');
    fake.deny({ verb: 'watch', resource: 'pods' });
    const watch = open().get(...APP);
    watch.subscribe(() => {});
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a']);
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a', 'b']);
  });

  it('logs an invalid selector, and rarely tries it again', async () => {
    const watch = open().get('billing', 'app in (');
    let told = 0;
    watch.subscribe(() => {
      told += 1;
    });
    await expect.poll(() => watch.because, SOON).toContain('selected by "app in (", which may not be a label selector');
    await pause(20_000 / FASTER);
    expect([watch.pods(), told]).toEqual([undefined, 1]);
    expect(asked('list').length).toBeLessThan(8);
  });

  it('has pauses that grow to 30 s, with jitter', async () => {
    for (const [fraction, expected] of [
      [1, [100, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
      [0, [50, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]],
    ] as const) {
      const faster = createFastClock(2000);
      fake.deny({ verb: 'list', resource: 'pods' });
      const watches = open({ clock: faster, random: fakeRandom(fraction) });
      watches.get(...APP).subscribe(() => {});
      await expect.poll(() => faster.waits.length, SOON).toBeGreaterThanOrEqual(expected.length);
      watches.close();
      expect(faster.waits.slice(0, expected.length)).toEqual(expected);
    }
  });

  it('has no tight loop if the server closes each watch immediately', async () => {
    fake.intercept((_request, { verb }) => (verb === 'watch' ? { body: '' } : undefined));
    const watch = open().get(...APP);
    watch.subscribe(() => {});
    await pause(20_000 / FASTER);
    expect(asked('watch').length).toBeLessThan(9);
    put('b');
    expect(watch.pods()).toEqual([]);
  });

  it('has no tight loop if the server rejects each watch as too old', async () => {
    fake.intercept((_request, { verb }) => (verb === 'watch' ? { status: 410 } : undefined));
    const watch = open().get(...APP);
    watch.subscribe(() => {});
    await pause(20_000 / FASTER);
    expect(asked('list').length).toBeLessThan(9);
    put('b');
    await expect.poll(() => namesIn(watch), SOON).toEqual(['b']);
  });

  it('drops a request whose answer never begins', async () => {
    const { watch } = await following({ silence: 150 });
    const restore = fake.intercept((_request, { verb }) =>
      verb === 'watch' ? { delay: Number.POSITIVE_INFINITY } : undefined,
    );
    fake.watches.end('close');
    await expect.poll(() => watch.pods(), SOON).toBeUndefined();
    expect(watch.because).toContain('did not answer in time');
    restore();
    await expect.poll(() => namesIn(watch), SOON).toEqual(['a']);
  });

  it('sends no request after its end', async () => {
    const { watch } = await following();
    opened.at(-1)?.close();
    await expect.poll(() => fake.watches.open, SOON).toBe(0);
    const before = fake.requests.length;
    await pause(10_000 / FASTER);
    expect([fake.requests.length, watch.pods()]).toEqual([before, undefined]);
  });
});
