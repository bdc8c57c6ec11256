import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubernetesAccessTokens } from '../../../src/adapters/kubernetes/resources/kubernetes-access-tokens.ts';
import type { FollowedAccessTokens } from '../../../src/ports/access-tokens.ts';
import { type FakeKubernetesApi, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import type { Json } from '../../fakes/kubernetes-api-patch.ts';
import { createFastClock } from '../../support/pods.ts';

/** The factor by which pauses are shorter. */
const FASTER = 50;
const SOON = { timeout: 8000, interval: 10 };

describe('AccessTokens of a cluster', () => {
  let fake: FakeKubernetesApi;
  let faults: string[];
  let followed: FollowedAccessTokens;

  beforeEach(async () => {
    fake = await startKubernetesApi();
    faults = [];
  });

  afterEach(async () => {
    followed.stop();
    await fake.stop();
  });

  function follow(...namespaces: string[]): void {
    const options = { clock: createFastClock(FASTER), onFault: (message: string) => void faults.push(message) };
    followed = createKubernetesAccessTokens(fake.connect(), options).follow(namespaces, () => undefined);
  }

  function put(namespace: string, name: string, spec: object, metadata: object = {}): void {
    fake.objects.put(`/apis/token-acquirer.dev/v1alpha1/namespaces/${namespace}/accesstokens/${name}`, {
      metadata: {
        namespace,
        name,
        uid: `${namespace}-${name}`,
        creationTimestamp: '2026-01-01T00:00:00Z',
        ...metadata,
      },
      spec: { service: 'dynamics', ...spec },
    });
  }

  const names = (): string[] | undefined => followed.current()?.map(({ namespace, name }) => `${namespace}/${name}`);

  /** As an API server does that has no CustomResourceDefinition, or only one of another version. */
  function unknown(namespace: string): () => void {
    const path = `/namespaces/${namespace}/accesstokens`;
    return fake.intercept((request) =>
      request.path.endsWith(path) ? { status: 404, body: '404 page not found\n' } : undefined,
    );
  }

  it('are none where the cluster does not know them, which is reported once and with what to do', async () => {
    const restore = unknown('billing');
    follow('billing');
    await expect.poll(() => followed.current(), SOON).toEqual([]);
    const asked = fake.requests.length;
    await expect.poll(() => fake.requests.length, SOON).toBeGreaterThan(asked + 2);
    expect(faults).toEqual([
      'The AccessTokens of the namespace billing cannot be read, because the cluster does not know AccessTokens (404). Apply the CustomResourceDefinition of this version: it is in the chart and in manifests/access-token-crd.yaml.',
    ]);
    put('billing', 'dynamics', {});
    restore();
    await expect.poll(names, SOON).toEqual(['billing/dynamics']);
  });

  it('are those of the other namespaces, where one namespace cannot be looked at', async () => {
    unknown('crm');
    put('billing', 'dynamics', {});
    follow('billing', 'crm');
    await expect.poll(names, SOON).toEqual(['billing/dynamics']);
    expect(faults).toHaveLength(1);
  });

  it('stay where other namespaces are followed from then on, although the API server does not answer at that time', async () => {
    put('billing', 'dynamics', {});
    put('crm', 'sales', {});
    follow('billing', 'crm');
    await expect.poll(names, SOON).toEqual(['billing/dynamics', 'crm/sales']);
    const restore = fake.intercept(({ path }) =>
      path.includes('/accesstokens') ? { status: 503, body: 'busy\n' } : undefined,
    );
    followed.change(['billing', 'team-a']);
    await expect.poll(names, SOON).toEqual(['billing/dynamics']);
    expect(faults).toHaveLength(1);
    restore();
    put('team-a', 'orders', {});
    put('billing', 'erp', {});
    await expect.poll(names, SOON).toEqual(['billing/dynamics', 'billing/erp', 'team-a/orders']);
    followed.change([]);
    expect(names()).toEqual([]);
  });

  it('are read without the fields of a later version', async () => {
    put('billing', 'dynamics', { rotation: { every: '1d' }, revokeOnDelete: true });
    follow('billing');
    await expect.poll(names, SOON).toEqual(['billing/dynamics']);
    const [resource] = followed.current() ?? [];
    expect(resource?.spec).toEqual({ service: 'dynamics', revokeOnDelete: true });
    expect(resource?.fault).toBeUndefined();
  });

  it('have an error where a field has the form of another version', async () => {
    put('billing', 'dynamics', { revokeOnDelete: 'always' });
    follow('billing');
    await expect.poll(names, SOON).toEqual(['billing/dynamics']);
    expect(followed.current()?.[0]?.fault).toMatch(/^spec\.revokeOnDelete /);
  });

  it('are being deleted from the first event that says so, also while they were known before', async () => {
    put('billing', 'dynamics', {}, { finalizers: ['example.com/backup'] });
    follow('billing');
    await expect.poll(names, SOON).toEqual(['billing/dynamics']);
    expect(followed.current()?.[0]).not.toHaveProperty('isDeleting');
    const deleting = { finalizers: ['example.com/backup'], deletionTimestamp: '2026-01-01T00:01:00Z' };
    put('billing', 'dynamics', {}, deleting);
    await expect.poll(() => followed.current()?.[0]?.isDeleting, SOON).toBe(true);
  });
});

describe('AccessTokens whose Secret exists', () => {
  let fake: FakeKubernetesApi;

  beforeEach(async () => {
    fake = await startKubernetesApi();
  });

  afterEach(() => fake.stop());

  const owner = { kind: 'AccessToken', name: 'dynamics', uid: 'uid-1' };
  const claimed = (metadata: Json): Promise<string> => {
    fake.objects.put('/api/v1/namespaces/billing/secrets/dynamics', { metadata });
    const resource = { namespace: 'billing', name: 'dynamics', uid: 'uid-1', generation: 1, createdAt: 0 };
    const options = { clock: createFastClock(FASTER), onFault: () => undefined };
    return createKubernetesAccessTokens(fake.connect(), options).claim({
      ...resource,
      spec: { service: 'dynamics' },
      status: {},
    });
  };

  it('wait for the end of that of an earlier AccessToken of this name', async () => {
    const ending = 'The Secret billing/dynamics is being deleted. A new one is made then.';
    await expect(claimed({ ownerReferences: [{ ...owner, uid: 'uid-0' }] })).rejects.toThrow(ending);
    await expect(claimed({ ownerReferences: [owner], deletionTimestamp: '2026-01-01T00:00:00Z' })).rejects.toThrow(
      ending,
    );
  });

  it.each([
    ['have it where it is their own', [owner], 'claimed'],
    ['leave that of another AccessToken', [{ ...owner, name: 'other', uid: 'uid-2' }], 'taken'],
    ['leave that of another kind', [{ ...owner, kind: 'ConfigMap', uid: 'uid-2' }], 'taken'],
    ['leave that of nobody', [], 'taken'],
  ])('%s', async (_, ownerReferences, result) => {
    expect(await claimed({ ownerReferences })).toBe(result);
  });
});
