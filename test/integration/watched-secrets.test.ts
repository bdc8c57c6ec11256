import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretTokenStore } from '../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { SecretWatch } from '../../src/adapters/kubernetes/secrets/secret-watch.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { TokenEvent } from '../../src/core/events.ts';
import { fromVolumeData, type VolumeData } from '../../src/core/token-volume.ts';
import { type Leadership, SOLE_LEADER } from '../../src/token-acquirer/leadership/leadership.ts';
import { Acquirer } from '../../src/token-acquirer/token/acquirer.ts';
import { Slots } from '../../src/token-acquirer/token/slots.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { FakeTokenEndpoint, tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { createWorld, specification } from '../support/acquirer.ts';

const PATH = '/api/v1/namespaces/billing/secrets/billing-tokens';
/** What is promised. */
const PROMPT = { timeout: 2000, interval: 5 };
const SOON = { timeout: 8000, interval: 5 };

let fake: FakeKubernetesApi;
let running: Running[];

beforeEach(async () => {
  fake = await startKubernetesApi();
  fake.objects.put(PATH, { type: 'Opaque' });
  running = [];
});
afterEach(async () => {
  for (const one of running) await one.stop();
  await fake.stop();
});

interface Given {
  readonly expiresIn?: number;
  readonly leadership?: Leadership;
}

/** A token-acquirer with real time, real Secrets of the fake API server, and a fake authorization server. */
class Running {
  readonly events: TokenEvent[] = [];
  readonly endpoint = new FakeTokenEndpoint();
  readonly acquirer: Acquirer;
  readonly #watch: SecretWatch;

  constructor(names: readonly string[], { expiresIn = 3600, leadership = SOLE_LEADER }: Given = {}) {
    const api = fake.connect();
    const [clock, random] = [createSystemClock(), fakeRandom(0)];
    const store = createSecretTokenStore(api);
    this.#watch = new SecretWatch(api, store, { clock, random, onFault: () => undefined });
    this.#watch.enable(true);
    this.endpoint.script(...Array.from({ length: 100 }, () => tokenResponse({ expiresIn })));
    this.acquirer = new Acquirer({
      ...createWorld(),
      clock,
      random,
      store,
      storeWatch: this.#watch,
      endpoint: this.endpoint,
      telemetry: {
        token: (_identity, event) => void this.events.push(event),
        process: () => undefined,
        forget: () => undefined,
      },
      slots: new Slots(20, clock),
      leadership,
      abandon: new AbortController().signal,
    });
    this.acquirer.apply(names.map((name) => specification({ identity: { ...SECRET, name } })));
    running.push(this);
  }

  get hashes(): (string | undefined)[] {
    return [...this.acquirer.acquisitions].map(({ cycle }) => cycle.held.token?.sha256);
  }

  count(kind: TokenEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  async stop(): Promise<void> {
    this.#watch.close();
    await this.acquirer.stop();
  }
}

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };

function stored(): VolumeData {
  const data = (fake.objects.get(PATH)?.['data'] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

/** Of all tokens that are stored whole. */
function hashesIn(names: readonly string[]): (string | undefined)[] {
  return names.map((name) => {
    try {
      return fromVolumeData(name, stored())?.sha256;
    } catch {
      return 'damaged';
    }
  });
}

function patches(): number {
  return fake.requests.filter(({ method }) => method === 'PATCH').length;
}

async function started(names: readonly string[], count = 1): Promise<Running[]> {
  const all: Running[] = [];
  for (let one = 0; one < count; one += 1) {
    const next = new Running(names);
    all.push(next);
    await expect.poll(() => next.hashes.every((hash) => hash !== undefined), SOON).toBe(true);
    await expect.poll(() => hashesIn(names), SOON).toEqual(next.hashes);
  }
  await expect.poll(() => fake.watches.open, SOON).toBe(count);
  await quiet();
  return all;
}

const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

function tamper(changes: Readonly<Record<string, string>>): void {
  const data = Object.entries({ ...stored(), ...changes });
  const encoded = data.map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  fake.objects.put(PATH, { type: 'Opaque', data: Object.fromEntries(encoded) });
}

describe('Watched Secrets', () => {
  it('have their twenty tokens back within 2 s of being emptied, for a few requests each', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `token-${index}`);
    const [one] = await started(names);
    const before = fake.requests.length;
    fake.objects.put(PATH, { type: 'Opaque' });
    await expect.poll(() => hashesIn(names), PROMPT).toEqual(one?.hashes);
    await expect.poll(() => one?.count('token-repaired'), SOON).toBe(20);
    expect(one?.events.filter(({ kind }) => kind === 'store-failed')).toEqual([]);
    // Twenty that fill an empty Secret together: one is the first, the others try again.
    expect(fake.requests.length - before).toBeLessThan(3 * 20);
    expect(one?.endpoint.requests).toHaveLength(20);
  });

  it('cost no look where tokens are obtained, and one for the tokens that a stranger left whole', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `token-${index}`);
    await started(names);
    const reads = (): number =>
      fake.requests.filter(({ method, query }) => method === 'GET' && !query.has('watch')).length;
    const before = reads();
    expect(before).toBeLessThanOrEqual(25);
    tamper({ note: 'of a stranger' });
    await quiet();
    expect(reads() - before).toBeGreaterThanOrEqual(1);
    expect(reads() - before).toBeLessThanOrEqual(3);
  });

  it('are no tug of war between two token-acquirers: both take over the newer token', async () => {
    const [first, second] = await started(['dynamics'], 2);
    // The second took over what the first had stored.
    expect(second?.hashes).toEqual(first?.hashes);
    expect(second?.endpoint.requests).toHaveLength(0);
    const before = patches();
    const [acquisition] = [...(second?.acquirer.acquisitions ?? [])];
    await acquisition?.cycle.requests.acquire('reissue', 'TokenRejected');
    await expect.poll(() => first?.hashes, PROMPT).toEqual(second?.hashes);
    await quiet();
    expect(hashesIn(['dynamics'])).toEqual(first?.hashes);
    expect(patches() - before).toBe(1);
    expect(first?.count('token-repaired')).toBe(0);
    expect(second?.count('token-repaired')).toBe(0);
  });

  it('are renewed by the leader, and by the other one once it leads, with what is stored', async () => {
    const [leading, following] = [new FakeLeadership('leading'), new FakeLeadership('following')];
    const first = new Running(['dynamics'], { expiresIn: 4, leadership: leading });
    await expect.poll(() => first.count('token-stored'), SOON).toBe(1);
    const second = new Running(['dynamics'], { expiresIn: 4, leadership: following });
    await expect.poll(() => first.endpoint.requests.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(4);
    expect(second.hashes).toEqual([undefined]);
    expect(second.events).toEqual([]);
    expect(second.endpoint.requests).toHaveLength(0);
    expect([first.count('token-repaired'), second.count('token-repaired')]).toEqual([0, 0]);
    await first.stop();
    running.splice(running.indexOf(first), 1);
    following.become('leading');
    await expect.poll(() => second.count('token-adopted'), SOON).toBe(1);
    await expect.poll(() => second.endpoint.requests.length, SOON).toBeGreaterThanOrEqual(1);
    await expect.poll(() => hashesIn(['dynamics']), SOON).toEqual(second.hashes);
  });

  it('are no tug of war between two token-acquirers that renew at different times, where nobody is elected', async () => {
    const known = { leadership: new FakeLeadership('unelected') };
    const first = new Running(['dynamics'], known);
    await expect.poll(() => first.count('token-stored'), SOON).toBe(1);
    const second = new Running(['dynamics'], known);
    await expect.poll(() => second.count('token-adopted'), SOON).toBe(1);
    const before = patches();
    // As with an interval that the kubelet brought to one of them only.
    second.acquirer.apply([
      specification({ identity: { ...SECRET, name: 'dynamics' }, renewal: { interval: 60_000 } }),
    ]);
    await expect.poll(() => patches() - before, SOON).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(patches() - before).toBe(1);
    expect([first.count('token-repaired'), second.count('token-repaired')]).toEqual([0, 0]);
    expect(second.hashes).toEqual(first.hashes);
  });

  it('are not repaired in a loop where a tool undoes each repair', async () => {
    const [one] = await started(['dynamics']);
    let undone = 0;
    const stop = fake.objects.listen(({ object, path }) => {
      if (path !== PATH || JSON.stringify(object).includes('"c3RyYW5nZXI="')) return;
      undone += 1;
      setImmediate(() => tamper({ dynamics: 'stranger' }));
    });
    tamper({ dynamics: 'stranger' });
    await new Promise((resolve) => setTimeout(resolve, 4000));
    stop();
    const repairs = one?.count('token-repaired') ?? 0;
    expect(repairs).toBeGreaterThanOrEqual(4);
    expect(repairs).toBeLessThanOrEqual(8);
    expect(undone).toBeLessThanOrEqual(repairs);
    const messages = one?.events.flatMap((event) => (event.kind === 'token-repaired' ? [event.message] : []));
    expect(messages?.at(-1)).toMatch(/again and again/);
  });
});
