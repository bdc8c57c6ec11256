import type { V1Deployment, V1Pod } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reviewOf } from '../../../src/adapters/kubernetes/doctor/access-reviews.ts';
import { fileSource } from '../../../src/adapters/kubernetes/doctor/mounted-file.ts';
import { observedCredential } from '../../../src/adapters/kubernetes/doctor/observed-acquirers.ts';
import { readEvents } from '../../../src/adapters/kubernetes/doctor/observed-events.ts';
import { observedPod } from '../../../src/adapters/kubernetes/doctor/observed-pod.ts';
import { readSecretKeys, readTokenSecret } from '../../../src/adapters/kubernetes/doctor/observed-secret.ts';
import { Readings } from '../../../src/adapters/kubernetes/doctor/readings.ts';
import { readRelease } from '../../../src/adapters/kubernetes/doctor/release.ts';
import { type FakeKubernetesApi, type JsonObject, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { fieldsOf, installObjects, NAMESPACE, PLACES, putRelease, putTokens } from '../../support/installed-objects.ts';

let fake: FakeKubernetesApi;
let readings: Readings;
beforeEach(async () => {
  fake = await startKubernetesApi({ user: 'ann@example.com' });
  readings = new Readings(fake.connect());
});
afterEach(() => fake.stop());

/** A Deployment whose container has these volumes, each mounted at a path. */
function mounting(mounts: Readonly<Record<string, object>>, args: readonly string[] = []): V1Deployment {
  const entries = Object.entries(mounts);
  const container = {
    name: 'token-acquirer',
    args: [...args],
    volumeMounts: entries.map(([mountPath], index) => ({ name: `v${index}`, mountPath })),
  };
  const volumes = entries.map(([, volume], index) => ({ name: `v${index}`, ...volume }));
  const template = { spec: { containers: [container], volumes } };
  return { metadata: { name: 'token-acquirer' }, spec: { selector: {}, template } };
}

describe('the source of a file in a pod', () => {
  const deployment = mounting({
    '/etc/config/': { configMap: { name: 'config' } },
    '/etc/config/extra': { secret: { secretName: 'extra', items: [{ key: 'root.pem', path: 'ca.crt' }] } },
    '/etc/cas': { projected: { sources: [{ configMap: { name: 'one' } }, { secret: { name: 'two' } }] } },
    '/tmp': { emptyDir: {} },
  });

  it.each([
    ['/etc/config/config.yaml', { kind: 'configmaps', name: 'config', key: 'config.yaml' }],
    ['/etc/config/extra/ca.crt', { kind: 'secrets', name: 'extra', key: 'root.pem' }],
    ['/etc/cas/ca.crt', { kind: 'configmaps', name: 'one', key: 'ca.crt' }],
    ['/etc/config/extra/other', undefined],
    ['/tmp/file', undefined],
    ['/elsewhere/file', undefined],
  ])('of %s is found in its volumes', (path, source) => {
    expect(fileSource(deployment, path)).toEqual(source);
  });
});

describe('the release in a namespace', () => {
  it('is every Deployment that runs a token-acquirer, with the configuration of the first', async () => {
    installObjects(fake, 'tokens: []');
    fake.objects.put(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/other`, { spec: { template: { spec: {} } } });
    const { deployments, configuration } = await readRelease(readings, NAMESPACE);
    expect(deployments).toMatchObject([{ metadata: { name: 'token-acquirer' } }]);
    expect(configuration).toEqual({
      place: 'the key config.yaml of the ConfigMap token-acquirer/token-acquirer-config',
      file: '/etc/token-acquirer/config/config.yaml',
      text: 'tokens: []',
    });
  });

  it('is missing before its installation where others are in the namespace', async () => {
    installObjects(fake, 'tokens: []');
    const planned = { isPlanned: true };
    expect(await readRelease(readings, NAMESPACE, { ...planned, release: 'new' })).toMatchObject({
      deployments: 'missing',
    });
    expect((await readRelease(readings, NAMESPACE, planned)).deployments).toHaveLength(1);
    putRelease(fake, 'other');
    expect(await readRelease(readings, NAMESPACE, planned)).toMatchObject({ deployments: 'missing' });
    expect((await readRelease(readings, NAMESPACE, { ...planned, release: 'other' })).deployments).toHaveLength(1);
  });

  it('is missing, or unreadable, and says which', async () => {
    expect(await readRelease(readings, NAMESPACE)).toEqual({ deployments: 'missing', configuration: undefined });
    fake.deny({ verb: 'list', resource: 'deployments' });
    expect(await readRelease(readings, NAMESPACE)).toMatchObject({ deployments: 'unreadable' });
    expect(readings.unread).toEqual(['list deployments in the namespace token-acquirer']);
  });

  it('has no configuration where its ConfigMap is missing, or a volume of another kind has it', async () => {
    installObjects(fake, 'tokens: []');
    fake.objects.delete(PLACES.config);
    expect((await readRelease(readings, NAMESPACE)).configuration).toBeUndefined();
    const args = ['run', '--config', '/c/config.yaml', '--credentials', '/k'];
    fake.objects.put(PLACES.deployment, mounting({ '/c': { emptyDir: {} } }, args) as unknown as JsonObject);
    expect((await readRelease(readings, NAMESPACE)).configuration).toBeUndefined();
  });
});

describe('the Secret of a credential', () => {
  const args = ['run', '--credentials=/k'];
  const look = (deployments: readonly V1Deployment[] | undefined) =>
    observedCredential(readings, deployments, { namespace: NAMESPACE, credential: 'dynamics' });
  const put = (name: string, keys: readonly string[]) =>
    fake.objects.put(`/api/v1/namespaces/${NAMESPACE}/secrets/${name}`, {
      metadata: { managedFields: [fieldsOf('kubectl', keys)] },
    });

  it('has its usual name before an installation', async () => {
    put('dynamics-credentials', ['client_id']);
    const expected = { isMounted: true, secret: 'dynamics-credentials', keys: ['client_id'], keyIn: {} };
    expect(await look(undefined)).toEqual(expected);
  });

  it('is the one in its folder, with keys of other names', async () => {
    put('crm', ['appId', 'other']);
    const items = [{ key: 'appId', path: 'client_id' }];
    const deployment = mounting({ '/k/dynamics': { secret: { secretName: 'crm', items } } }, args);
    expect(await look([deployment])).toMatchObject({
      secret: 'crm',
      keys: ['client_id', ''],
      keyIn: { client_id: 'appId' },
    });
  });

  it('is one with many credentials', async () => {
    put('all', ['dynamics.client_id', 'other.client_secret']);
    const deployment = mounting({ '/k/.shared': { secret: { secretName: 'all' } } }, args);
    expect(await look([deployment])).toMatchObject({ isMounted: true, secret: 'all', keys: ['client_id', ''] });
  });

  it('is none where nothing mounts the credential, and unknown where something else may', async () => {
    const foreign = mounting({ '/k/dynamics': { csi: { driver: 'vault' } } }, args);
    expect(await look([mounting({}, args)])).toMatchObject({ isMounted: false });
    expect(await look([foreign])).toMatchObject({ isMounted: true, keys: 'unreadable' });
    expect(readings.unread).toEqual([]);
  });

  it('has unknown keys where nobody noted who wrote them', async () => {
    fake.objects.put(`/api/v1/namespaces/${NAMESPACE}/secrets/bare`, {});
    expect(await readSecretKeys(readings, NAMESPACE, 'bare')).toBe('unreadable');
  });
});

describe('a token Secret', () => {
  const place = { namespace: 'billing', name: 'billing-tokens' };

  it('is known by its writers and times, without its token', async () => {
    const expiresAt = Math.floor(Date.now() / 1000) * 1000 + 60_000;
    const storedAt = Date.parse('2026-01-01T00:00:00Z');
    putTokens(fake, { expiresAt, storedAt });
    expect(await readTokenSecret(readings, place, ['dynamics', 'other'])).toEqual({
      writers: { dynamics: 'token-acquirer', 'dynamics.json': 'token-acquirer', 'ca.crt': 'token-acquirer' },
      documents: {
        dynamics: {
          issuedAt: expect.any(Number) as number,
          expiresAt,
          generation: 1,
          storedAt,
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        },
      },
      isImmutable: false,
    });
  });

  it('belongs to the token-acquirer where that is one of several writers of a key', async () => {
    const managedFields = ['token-acquirer', 'argocd'].map((manager) => fieldsOf(manager, ['dynamics']));
    fake.objects.put(PLACES.tokens, { metadata: { managedFields }, data: { dynamics: '' }, immutable: true });
    expect(await readTokenSecret(readings, place, ['dynamics'])).toEqual({
      writers: { dynamics: 'token-acquirer' },
      documents: {},
      isImmutable: true,
    });
  });

  it('has a sentence about a damaged document, which quotes nothing of it', async () => {
    const data = { 'dynamics.json': Buffer.from('not JSON').toString('base64') };
    fake.objects.put(PLACES.tokens, { data });
    expect(await readTokenSecret(readings, place, ['dynamics'])).toMatchObject({
      documents: { dynamics: { fault: 'The key dynamics.json is not JSON.' } },
    });
  });
});

describe('the events of a Secret', () => {
  const put = (name: string, event: JsonObject): unknown =>
    fake.objects.put(`/api/v1/namespaces/billing/events/${name}`, {
      involvedObject: { kind: 'Secret', name: 'billing-tokens' },
      reportingComponent: 'token-acquirer',
      reason: 'RenewalFailed',
      message: 'No.',
      lastTimestamp: '2026-01-01T00:00:00Z',
      ...event,
    });

  it('are those of the token-acquirer about it, with a time', async () => {
    put('own', {});
    put('other', { involvedObject: { kind: 'Secret', name: 'other' } });
    put('of-a-pod', { involvedObject: { kind: 'Pod', name: 'billing-tokens' } });
    put('foreign', { reportingComponent: 'kubelet' });
    put('timeless', { lastTimestamp: null });
    expect(await readEvents(readings, { namespace: 'billing', name: 'billing-tokens' })).toEqual([
      { reason: 'RenewalFailed', message: 'No.', at: Date.parse('2026-01-01T00:00:00Z') },
    ]);
  });
});

describe('the permissions of the token-acquirer', () => {
  const user = { namespace: NAMESPACE, account: 'token-acquirer' };
  const permissions = [
    { verb: 'get', group: '', resource: 'secrets', name: 'x', namespace: 'billing' },
    { verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews' },
  ];

  it('are asked for in a namespace, and in the cluster', async () => {
    fake.intercept(({ path }) =>
      path.endsWith('accessreviews')
        ? { status: 201, body: { status: { allowed: path.includes('/namespaces/billing/local') } } }
        : undefined,
    );
    const reviewed = await reviewOf(readings, user, permissions);
    expect(reviewed.map(({ isAllowed }) => isAllowed)).toEqual([true, false]);
    expect(fake.requests.map(({ body }) => body).join()).toContain(
      '"user":"system:serviceaccount:token-acquirer:token-acquirer"',
    );
  });

  it('are unknown where this user may not ask, which is listed for namespaces only', async () => {
    fake.intercept(({ path }) => (path.endsWith('accessreviews') ? { status: 403 } : undefined));
    expect(await reviewOf(readings, user, permissions)).toEqual([]);
    expect(readings.unread).toEqual(['create localsubjectaccessreviews.authorization.k8s.io in the namespace billing']);
  });
});

describe('a pod', () => {
  const named = { metadata: { name: 'p', namespace: 'billing', uid: 'u' } };

  it('is known by the ways in which its containers use Secrets', () => {
    const mount = { name: 't', mountPath: '/t' };
    const pod: V1Pod = {
      ...named,
      spec: {
        initContainers: [{ name: 'init', envFrom: [{ secretRef: { name: 'tokens' } }] }],
        containers: [
          { name: 'whole', volumeMounts: [mount] },
          { name: 'part', volumeMounts: [{ ...mount, subPath: 'dynamics' }] },
        ],
        volumes: [{ name: 't', secret: { secretName: 'tokens', items: [{ key: 'dynamics', path: 'd' }] } }],
      },
    };
    expect(observedPod(pod)).toMatchObject({
      account: 'default',
      isRunning: false,
      uses: [
        { secret: 'tokens', container: 'whole', way: 'volume', items: ['dynamics'] },
        { secret: 'tokens', container: 'init', way: 'environment' },
        { secret: 'tokens', container: 'part', way: 'subPath' },
      ],
    });
  });

  it('says why a container of it waits, without the message', () => {
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off' };
    const containerStatuses = [
      { name: 'app', image: '', imageID: '', ready: false, restartCount: 1, state: { waiting } },
    ];
    expect(observedPod({ ...named, status: { containerStatuses } })?.waits).toBe('CrashLoopBackOff');
    expect(observedPod(named)?.waits).toBeUndefined();
  });

  it('may use no Secret, and without a name is none', () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const containers = [{ name: 'app', volumeMounts: [{ name: 'v', mountPath: '/v' }] }];
    expect(observedPod({ ...named, spec: { containers, volumes } })?.uses).toEqual([]);
    expect(observedPod({})).toBeUndefined();
  });
});
