import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretAuthorityStore } from '../../src/adapters/kubernetes/secrets/secret-authority-store.ts';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import type { AuthorityStore } from '../../src/ports/authority-store.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';
import { keep, leafOf, registerKeys, signerIn } from '../support/self-managed.ts';

const PATH = '/api/v1/namespaces/token-acquirer/secrets/token-acquirer-ca';

let api: FakeKubernetesApi;
let store: AuthorityStore;

beforeEach(async () => {
  api = await startKubernetesApi();
  api.objects.put(PATH, { type: 'Opaque' });
  store = createSecretAuthorityStore(api.connect(), { namespace: 'token-acquirer', secret: 'token-acquirer-ca' });
});

afterEach(async () => api.stop());

async function saveNext(text: string): Promise<void> {
  await store.save(text, (await store.load()).version);
}

describe('the CA in a Secret', () => {
  it('leaves other keys, labels and the type as they are', async () => {
    const labels = { app: 'token-acquirer' };
    api.objects.put(PATH, { type: 'Opaque', metadata: { labels }, data: { other: 'eA==' } });
    await saveNext('text');
    expect(api.objects.get(PATH)).toMatchObject({
      type: 'Opaque',
      metadata: { labels },
      data: { other: 'eA==', 'authorities.json': Buffer.from('text').toString('base64') },
    });
  });

  it('is read and saved with one request each, and a save brings no key back', async () => {
    await saveNext(secret('ca-key'));
    expect(api.requests.map(({ method }) => method)).toEqual(['GET', 'PATCH']);
    expect(api.requests[1]?.accept).toMatch(/^application\/json;as=PartialObjectMetadata/);
  });

  it('counts any change of the Secret since, and is then saved with the next version', async () => {
    const { version } = await store.load();
    api.objects.put(PATH, { type: 'Opaque', data: { other: 'eA==' } });
    const error = await failure(store.save('text', version));
    expect(messageOf(error)).toMatch(/token-acquirer\/token-acquirer-ca: another process changed it in the meantime/);
    await saveNext('text');
    expect((await store.load()).text).toBe('text');
  });

  it.each<[what: string, arrange: () => void, sentence: RegExp]>([
    [
      'the Secret is missing',
      () => void api.objects.delete(PATH),
      /^There is no Secret token-acquirer-ca .* Run: kubectl create secret generic token-acquirer-ca --namespace token-acquirer\.$/,
    ],
    ['it may not be read', () => void api.deny({ verb: 'get', resource: 'secrets' }), /may not get secrets .*Allow/],
    [
      'it may not be changed',
      () => void api.deny({ verb: 'patch', resource: 'secrets' }),
      /may not patch secrets .*Allow/,
    ],
    [
      'it is immutable',
      () => void api.objects.put(PATH, { type: 'Opaque', immutable: true }),
      /it is immutable\. Delete it and make it again/,
    ],
  ])('says what is to be done when %s', async (_what, arrange, sentence) => {
    arrange();
    const text = secret('ca-key');
    const error = await failure(saveNext(text));
    expect(error).toBeInstanceOf(StoreError);
    expect((error as StoreError).permanent).toBe(true);
    if (!(error as StoreError).missing)
      expect(messageOf(error)).toMatch(
        /^The CA of the reissue endpoint cannot be .* the Secret token-acquirer\/token-/,
      );
    expect(messageOf(error)).toMatch(sentence);
    expect(messageOf(error)).not.toContain(text);
  });

  it('was saved though the answer was lost: the next look finds it', async () => {
    const { version } = await store.load();
    const heal = api.intercept(({ method }) => (method === 'PATCH' ? { reset: 'afterwards' } : undefined));
    expect(await failure(store.save('text', version))).toBeInstanceOf(StoreError);
    heal();
    expect((await store.load()).text).toBe('text');
  });

  it('serves an endpoint from an empty Secret, after the API server was unavailable, and its successor alike', async () => {
    const heal = api.intercept(() => ({ status: 503 }));
    const clock = createFakeClock();
    const first = keep(store, clock);
    while (first.faults.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    heal();
    await clock.advance(1000);
    await first.ready;
    first.stop();
    expect(signerIn(first.current().caBundle, leafOf(first.current()))).toBe(0);
    const next = keep(store, clock);
    await next.ready;
    next.stop();
    expect(next.current().caBundle).toBe(first.current().caBundle);
    registerKeys((await store.load()).text ?? '');
  });
});
