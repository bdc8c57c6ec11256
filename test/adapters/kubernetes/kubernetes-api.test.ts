import { CoreV1Api, type V1Pod, Watch } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statusOf } from '../../../src/adapters/kubernetes/api/api-failure.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';
import { until } from '../../support/until.ts';

const PODS = '/api/v1/namespaces/billing/pods';

function pod(app: string, phase = 'Running') {
  return { metadata: { labels: { app } }, status: { phase } };
}

describe('the fake API server', () => {
  let fake: FakeKubernetesApi;
  beforeEach(async () => {
    fake = await startKubernetesApi();
  });
  afterEach(() => fake.stop());

  it('lists the pods that match a selector', async () => {
    fake.objects.put(`${PODS}/a`, pod('billing'));
    fake.objects.put(`${PODS}/b`, pod('orders'));
    const core = new CoreV1Api(fake.connect().configuration);
    for (const [labelSelector, names] of [
      ['app=billing', ['a']],
      ['app in (billing, orders)', ['a', 'b']],
      ['app!=billing', ['b']],
      ['!app', []],
    ] as const) {
      const { items } = await core.listNamespacedPod({ namespace: 'billing', labelSelector });
      expect(items.map(({ metadata }) => metadata?.name)).toEqual(names);
    }
    const error = await failure(core.listNamespacedPod({ namespace: 'billing', labelSelector: 'a=(' }));
    expect(statusOf(error)).toBe(400);
  });

  it('streams the changes of those pods, and ends streams on demand', async () => {
    const api = fake.connect();
    const events: string[] = [];
    const ends: unknown[] = [];
    const start = (resourceVersion: string) =>
      new Watch(api.kubeConfig).watch(
        PODS,
        { labelSelector: 'app=billing', resourceVersion },
        (type, object: V1Pod) => events.push(`${type} ${object.metadata?.name ?? object.kind}`),
        (error) => ends.push(error),
      );
    fake.objects.put(`${PODS}/a`, pod('billing'));
    await start('');
    await until('the first event', () => events.length === 1, 2000);
    fake.objects.put(`${PODS}/b`, pod('orders'));
    fake.objects.put(`${PODS}/a`, pod('billing', 'Failed'));
    fake.objects.put(`${PODS}/a`, pod('orders'));
    await until('three events', () => events.length === 3, 2000);
    expect(events).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    fake.watches.end('close');
    await until('the end', () => ends.length === 1, 2000);
    fake.objects.compact();
    await start('1');
    await until('a 410', () => events.includes('ERROR Status'), 2000);
  });

  it('changes through a status subresource only the fields that it may change', async () => {
    fake.objects.put(`${PODS}/a`, { ...pod('billing'), spec: { nodeName: 'one' } });
    const core = new CoreV1Api(fake.connect().configuration);
    const body = [
      { op: 'replace', path: '/spec/nodeName', value: 'two' },
      { op: 'add', path: '/metadata/annotations', value: { note: 'x' } },
    ];
    const changed = await core.patchNamespacedPodStatus({ name: 'a', namespace: 'billing', body });
    expect(changed.spec?.nodeName).toBe('one');
    expect(changed.metadata?.annotations).toEqual({ note: 'x' });
  });

  it('denies, delays and breaks requests on demand', async () => {
    fake.objects.put(`${PODS}/a`, pod('billing'));
    const read = (timeout = 10_000) =>
      new CoreV1Api(fake.connect({ timeout }).configuration).readNamespacedPod({ name: 'a', namespace: 'billing' });
    const allow = fake.deny({ verb: 'get', resource: 'pods' });
    expect(statusOf(await failure(read()))).toBe(403);
    allow();
    for (const fault of [{ reset: true }, { delay: Number.POSITIVE_INFINITY }, { reset: 'afterwards' as const }]) {
      const heal = fake.intercept(() => fault);
      expect(statusOf(await failure(read(300)))).toBeUndefined();
      heal();
    }
    expect((await read()).metadata?.name).toBe('a');
  });
});
