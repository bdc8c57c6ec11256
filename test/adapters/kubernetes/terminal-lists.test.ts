import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { listAcquirerPods } from '../../../src/adapters/kubernetes/terminal/acquirer-pods.ts';
import { listPods, readSecretEvents } from '../../../src/adapters/kubernetes/terminal/namespace-reads.ts';
import { type FakeKubernetesApi, type JsonObject, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';

const SELECTOR = 'app.kubernetes.io/name=token-acquirer';
const LABELS = { 'app.kubernetes.io/name': 'token-acquirer', 'app.kubernetes.io/instance': 'tokens' };
const USER = 'ann@example.com';

const RUNNING: JsonObject = {
  metadata: { labels: { ...LABELS, 'token-acquirer.dev/shard': '2' } },
  spec: {
    containers: [
      {
        name: 'token-acquirer',
        ports: [
          { name: 'https', containerPort: 9443 },
          { name: 'status', containerPort: 9999 },
        ],
      },
    ],
  },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
};

describe('a list at the terminal', () => {
  let fake: FakeKubernetesApi;
  let api: ApiServer;
  beforeEach(async () => {
    fake = await startKubernetesApi({ user: USER });
    api = fake.connect();
  });
  afterEach(() => fake.stop());

  const put = (path: string, object: JsonObject): void => void fake.objects.put(`/api/v1/namespaces/${path}`, object);

  describe('of the pods of token-acquirers', () => {
    it('has what their labels and ports say', async () => {
      put('one/pods/tokens-1', RUNNING);
      expect(await listAcquirerPods(api, SELECTOR, 'one')).toEqual([
        {
          namespace: 'one',
          name: 'tokens-1',
          release: 'tokens',
          shard: 2,
          phase: 'Running',
          ready: true,
          statusPort: 9999,
        },
      ]);
    });

    it('has the ports of the chart where a pod names none', async () => {
      put('one/pods/plain', { metadata: { labels: { 'app.kubernetes.io/name': 'token-acquirer' } }, spec: {} });
      expect(await listAcquirerPods(api, SELECTOR)).toEqual([
        expect.objectContaining({
          release: 'token-acquirer',
          shard: 0,
          ready: false,
          statusPort: 9090,
        }),
      ]);
    });

    it('has those of all namespaces, and no other pods', async () => {
      put('one/pods/tokens-1', RUNNING);
      put('two/pods/tokens-2', RUNNING);
      put('two/pods/other', { metadata: { labels: { 'app.kubernetes.io/name': 'other' } } });
      const pods = await listAcquirerPods(api, SELECTOR);
      expect(pods.map(({ namespace, name }) => [namespace, name])).toEqual([
        ['one', 'tokens-1'],
        ['two', 'tokens-2'],
      ]);
    });

    it('leaves out a pod that ends', async () => {
      const metadata = { labels: LABELS, deletionTimestamp: '2026-01-01T00:00:00Z' };
      put('one/pods/tokens-1', { ...RUNNING, metadata });
      expect(await listAcquirerPods(api, SELECTOR)).toEqual([]);
    });

    it('says which permission is missing', async () => {
      fake.deny({ verb: 'list', resource: 'pods' });
      expect(await failure(listAcquirerPods(api, SELECTOR))).toMatchObject({
        name: 'StoreError',
        permanent: true,
        message: `The pods of all namespaces cannot be listed: ${USER} may not list pods in all namespaces (403). Ask for a Role with the verb list on pods. Try: kubectl auth can-i list pods --all-namespaces.`,
      });
      expect(String(await failure(listAcquirerPods(api, SELECTOR, 'one')))).toContain(
        `${USER} may not list pods in the namespace one (403). Ask for a Role with the verb list on pods. Try: kubectl auth can-i list pods --namespace one.`,
      );
    });
  });

  it('has all pages', async () => {
    const pages: Readonly<Record<string, JsonObject>> = {
      '': { items: [{ metadata: { name: 'a' } }], metadata: { continue: 'more' } },
      more: { items: [{ metadata: { name: 'b' } }], metadata: { continue: '' } },
    };
    fake.intercept(({ query }) => ({ body: pages[query.get('continue') ?? ''] ?? {} }));
    expect((await listPods(api, 'one')).map(({ metadata }) => metadata?.name)).toEqual(['a', 'b']);
    expect(fake.requests.map(({ query }) => query.get('limit'))).toEqual(['500', '500']);
  });

  it.each<[what: string, status: number, permanent: boolean, part: string]>([
    ['who asks', 401, true, 'does not know the user of the kubeconfig (401). Log in again, as for kubectl.'],
    ['why it denies', 403, true, 'the API server forbids it (403)'],
    ['what is missing', 404, true, 'it does not exist (404)'],
    ['that it has to wait', 429, false, 'the API server cannot do it now (429). Try again.'],
    ['that it failed', 503, false, 'the API server cannot do it now (503). Try again.'],
    ['something else', 400, true, 'the API server rejected it (400 Injected)'],
  ])('says so where the API server answers %s', async (_what, status, permanent, part) => {
    fake.intercept(() => ({ status }));
    const error = await failure(listPods(api, 'one'));
    expect(error).toMatchObject({ permanent });
    expect(String(error)).toContain(`The pods of the namespace one cannot be listed: `);
    expect(String(error)).toContain(part);
  });

  it.each<[what: string, part: string, fault: { reset?: boolean; delay?: number; body?: string }]>([
    ['is not reached', 'cannot be reached (ECONNRESET). Check that this is the right cluster', { reset: true }],
    ['does not answer', 'did not answer in time', { delay: Number.POSITIVE_INFINITY }],
    ['answers with something else', "the API server's answer is unusable", { body: '<html>' }],
  ])('says so where the API server %s', async (_what, part, fault) => {
    fake.intercept(() => fault);
    const error = await failure(listPods(fake.connect({ timeout: 300 }), 'one'));
    expect(error).toMatchObject({ permanent: false });
    expect(String(error)).toContain(part);
  });

  describe('of the events of a Secret', () => {
    const about = (name: string, kind = 'Secret') => ({ involvedObject: { kind, name } });

    it('begins with the newest', async () => {
      put('one/events/a', { ...about('tokens'), type: 'Normal', reason: 'Old', lastTimestamp: '2026-01-01T00:00:00Z' });
      put('one/events/b', { ...about('tokens'), type: 'Warning', reason: 'New', eventTime: '2026-01-02T00:00:00Z' });
      const events = await readSecretEvents(api, 'one', 'tokens');
      expect(events.map(({ type, reason, at }) => [type, reason, at])).toEqual([
        ['Warning', 'New', '2026-01-02T00:00:00Z'],
        ['Normal', 'Old', '2026-01-01T00:00:00Z'],
      ]);
    });

    it('has how often each came, and when last', async () => {
      const series = { count: 5, lastObservedTime: '2026-01-03T00:00:00Z' };
      put('one/events/a', { ...about('tokens'), message: 'Stored.', series, lastTimestamp: '2026-01-01T00:00:00Z' });
      put('one/events/b', { ...about('tokens'), count: 3, lastTimestamp: '2026-01-02T00:00:00Z' });
      expect(await readSecretEvents(api, 'one', 'tokens')).toEqual([
        { type: 'Normal', reason: '', message: 'Stored.', at: '2026-01-03T00:00:00Z', count: 5 },
        { type: 'Normal', reason: '', message: '', at: '2026-01-02T00:00:00Z', count: 3 },
      ]);
    });

    it('has none of other objects', async () => {
      put('one/events/a', about('other'));
      put('one/events/b', about('tokens', 'Pod'));
      expect(await readSecretEvents(api, 'one', 'tokens')).toEqual([]);
    });
  });
});
