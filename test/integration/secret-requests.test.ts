import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretTokenStore } from '../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { Acquirer } from '../../src/token-acquirer/token/acquirer.ts';
import { Slots } from '../../src/token-acquirer/token/slots.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { createWorld, minutes, seconds, specification } from '../support/acquirer.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const PATH = '/api/v1/namespaces/billing/secrets/billing-tokens';
const NAMES = Array.from({ length: 10 }, (_, index) => `token-${index}`);
const SOON = { timeout: 15_000, interval: 5 };

let fake: FakeKubernetesApi;
let stop = async (): Promise<void> => undefined;

beforeEach(async () => {
  fake = await startKubernetesApi();
  fake.objects.put(PATH, { type: 'Opaque' });
});
afterEach(async () => {
  await stop();
  await fake.stop();
});

/** Ten tokens of one Secret, each of which lives for an hour. */
async function started() {
  const world = createWorld();
  const { clock, endpoint } = world;
  const { promise, abort } = abortable();
  endpoint.script(...Array.from({ length: 100 }, () => tokenResponse({ expiresIn: 3600 })));
  let stored = 0;
  const acquirer = new Acquirer({
    ...world,
    store: createSecretTokenStore(fake.connect(), { clock }),
    random: fakeRandom(0),
    telemetry: {
      token: (_identity, { kind }) => void (stored += kind === 'token-stored' ? 1 : 0),
      process: () => undefined,
      forget: () => undefined,
    },
    slots: new Slots(20, clock),
    abandon: promise,
  });
  acquirer.apply(NAMES.map((name) => specification({ identity: { ...SECRET, name } })));
  stop = async () => {
    abort();
    await acquirer.stop();
  };
  const storedTokens = async (count: number): Promise<void> => {
    await expect
      .poll(async () => {
        await clock.advance(20);
        return stored;
      }, SOON)
      .toBe(count);
  };
  await storedTokens(NAMES.length);
  return { clock, storedTokens };
}

function abortable() {
  const controller = new AbortController();
  return { promise: controller.signal, abort: () => controller.abort() };
}

/** Answers all that is asked in the meantime. */
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

function asked(): string[] {
  return fake.requests.map(({ method, accept }) => (method === 'GET' && accept.includes('Partial') ? 'LOOK' : method));
}

describe('the requests to the API server for ten tokens in a Secret', () => {
  it('are a look for all of them every 30 s', async () => {
    const { clock } = await started();
    fake.requests.length = 0;
    for (let half = 0; half < 20; half += 1) {
      await clock.advance(seconds(15));
      await quiet();
    }
    const looks = asked();
    expect(new Set(looks)).toEqual(new Set(['LOOK']));
    expect(looks.length).toBeGreaterThanOrEqual(9);
    expect(looks.length).toBeLessThanOrEqual(11);
  });

  it('are fewer than one patch for each renewal, where they are due together', async () => {
    const { clock, storedTokens } = await started();
    await clock.advance(seconds(29));
    fake.requests.length = 0;
    // As long as a patch takes elsewhere, so that the other tokens come in this time.
    fake.intercept(({ method }) => (method === 'PATCH' ? { delay: 30 } : undefined));
    // A second before they are due.
    await clock.advance(minutes(39) + seconds(42));
    await quiet();
    await storedTokens(2 * NAMES.length);
    const patches = asked().filter((one) => one === 'PATCH');
    expect(patches.length).toBeGreaterThanOrEqual(1);
    expect(patches.length).toBeLessThanOrEqual(3);
    expect(asked()).not.toContain('GET');
  });

  it('are a look and one or two reads where a stranger changed something, and no patch', async () => {
    const { clock } = await started();
    await clock.advance(seconds(10));
    const data = fake.objects.get(PATH)?.['data'] ?? {};
    fake.objects.put(PATH, { type: 'Opaque', data, metadata: { labels: { team: 'x' } } });
    fake.requests.length = 0;
    for (let part = 0; part < 4; part += 1) {
      await clock.advance(seconds(10));
      await quiet();
    }
    expect(asked()[0]).toBe('LOOK');
    const reads = asked().filter((one) => one === 'GET').length;
    expect(reads).toBeGreaterThanOrEqual(1);
    expect(reads).toBeLessThanOrEqual(2);
    expect(asked()).not.toContain('PATCH');
  });
});
