import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import {
  type FrozenUse,
  frozenWarnings,
  isRunning,
  type PodFacts,
  podFacts,
  unselectedWarning,
  uses,
} from '../../../src/adapters/kubernetes/pods/pod-facts.ts';
import { buildPod, type PodBuilder } from '../../support/pods.ts';

const SECRET = 'billing-tokens';

function factsOf(builder: PodBuilder): PodFacts {
  const facts = podFacts(buildPod(builder));
  if (facts === undefined) throw new Error('This pod has a name and a uid.');
  return facts;
}

function use(way: FrozenUse['way'], container = 'app'): FrozenUse {
  return { secret: SECRET, way, container };
}

const tokens = { name: 'tokens', secret: { secretName: SECRET } };
const mount = { name: 'tokens', mountPath: '/var/run/tokens' };

describe('a pod of a client app', () => {
  it.each<{ name: string; pod: PodBuilder; running: boolean }>([
    { name: 'counts while it runs', pod: { phase: 'Running' }, running: true },
    { name: 'counts while it waits for its volume or a node', pod: { phase: 'Pending', node: '' }, running: true },
    { name: 'does not count while it terminates', pod: { phase: 'Running', deleting: true }, running: false },
    {
      name: 'does not count while it is pending and terminates',
      pod: { phase: 'Pending', deleting: true },
      running: false,
    },
    { name: 'does not count after it succeeded', pod: { phase: 'Succeeded' }, running: false },
    { name: 'does not count after it failed, for example by an eviction', pod: { phase: 'Failed' }, running: false },
    { name: 'does not count on a lost node', pod: { phase: 'Unknown' }, running: false },
  ])('$name', ({ pod, running }) => {
    expect(isRunning(factsOf(pod))).toBe(running);
  });

  it('counts before it is ready', () => {
    const pod = buildPod();
    pod.status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] };
    expect(isRunning(podFacts(pod) as PodFacts)).toBe(true);
  });
});

describe('the facts of a pod', () => {
  it('are its identity and state', () => {
    expect(factsOf({ name: 'a', uid: 'u', phase: 'Pending', node: '' })).toEqual({
      uid: 'u',
      name: 'a',
      phase: 'Pending',
      deleting: false,
      scheduled: false,
      mounted: [],
      frozen: [],
      labels: '',
      isTest: false,
      outputs: [],
    });
  });

  it('name its containers, and whether they have started, which then have a log', () => {
    const status = (name: string, state: object, restartCount = 0) => ({ name, restartCount, ...state });
    const pod = {
      metadata: { name: 'a', uid: 'u' },
      status: {
        initContainerStatuses: [status('sidecar', { state: { running: {} } })],
        containerStatuses: [
          status('app', { state: { running: {} } }, 2),
          status('crashing', { state: { waiting: {} }, lastState: { terminated: { exitCode: 1 } } }, 5),
          status('ended', { state: { terminated: { exitCode: 0 } } }),
          status('waiting', { state: { waiting: { reason: 'ContainerCreating' } } }),
        ],
      },
    } as unknown as V1Pod;
    expect(podFacts(pod)?.outputs).toEqual([
      { container: 'sidecar', restarts: 0, started: true },
      { container: 'app', restarts: 2, started: true },
      { container: 'crashing', restarts: 5, started: true },
      { container: 'ended', restarts: 0, started: true },
      { container: 'waiting', restarts: 0, started: false },
    ]);
  });

  it('include the labels that a selector can name, if it uses a Secret', () => {
    const labels = { app: 'billing', 'pod-template-hash': '57d8', 'controller-revision-hash': 'x', tier: 'web' };
    expect(factsOf({ mounts: [SECRET], labels }).labels).toBe('app=billing,tier=web');
    expect(factsOf({ mounts: [SECRET], labels: { app: 'a'.repeat(400) } }).labels).toHaveLength(301);
    expect(factsOf({ app: 'billing' }).labels).toBe('');
  });

  it.each([
    ['test', true],
    ['test-success', true],
    ['post-install', false],
  ])('include whether a hook made it to test a release: %s', (hook, isTest) => {
    expect(factsOf({ annotations: { 'helm.sh/hook': hook } }).isTest).toBe(isTest);
  });

  it.each([{}, { metadata: {} }, { metadata: { name: 'a' } }, { metadata: { uid: 'u' } }])(
    'are missing without a name: %j',
    (pod) => {
      expect(podFacts(pod)).toBeUndefined();
    },
  );

  it('are few without specification and status', () => {
    expect(podFacts({ metadata: { name: 'a', uid: 'u' } })).toMatchObject({ phase: 'Unknown', mounted: [] });
  });

  it.each<{ name: string; pod: PodBuilder; mounted: string[]; frozen: FrozenUse[] }>([
    { name: 'a Secret volume', pod: { mounts: [SECRET] }, mounted: [SECRET], frozen: [] },
    {
      name: 'a projected volume of two Secrets',
      pod: {
        container: { volumeMounts: [mount] },
        spec: {
          volumes: [
            {
              name: 'tokens',
              projected: { sources: [{ secret: { name: SECRET } }, { secret: { name: 'other' } }, { configMap: {} }] },
            },
          ],
        },
      },
      mounted: [SECRET, 'other'],
      frozen: [],
    },
    { name: 'a volume that nothing mounts', pod: { spec: { volumes: [tokens] } }, mounted: [], frozen: [] },
    {
      name: 'a mount with subPath',
      pod: { container: { volumeMounts: [{ ...mount, subPath: 'dynamics' }] }, spec: { volumes: [tokens] } },
      mounted: [],
      frozen: [use('subPath')],
    },
    {
      name: 'a mount with subPathExpr',
      pod: { container: { volumeMounts: [{ ...mount, subPathExpr: '$(TOKEN)' }] }, spec: { volumes: [tokens] } },
      mounted: [],
      frozen: [use('subPath')],
    },
    {
      name: 'the whole volume and two files of it',
      pod: {
        container: { volumeMounts: [mount, { ...mount, subPath: 'a' }, { ...mount, subPath: 'b' }] },
        spec: { volumes: [tokens] },
      },
      mounted: [SECRET],
      frozen: [use('subPath')],
    },
    {
      name: 'an environment variable',
      pod: { container: { env: [{ name: 'T', valueFrom: { secretKeyRef: { name: SECRET, key: 'dynamics' } } }] } },
      mounted: [],
      frozen: [use('environment')],
    },
    {
      name: 'a whole environment',
      pod: { container: { envFrom: [{ secretRef: { name: SECRET } }, { configMapRef: { name: 'c' } }] } },
      mounted: [],
      frozen: [use('environment')],
    },
    {
      name: 'an init container and an ephemeral one',
      pod: {
        spec: {
          volumes: [tokens],
          initContainers: [{ name: 'first', image: 'i', envFrom: [{ secretRef: { name: SECRET } }] }],
          ephemeralContainers: [{ name: 'debug', volumeMounts: [{ ...mount, subPath: 'dynamics' }] }],
        },
      },
      mounted: [],
      frozen: [use('environment', 'first'), use('subPath', 'debug')],
    },
    {
      name: 'an init container that mounts the volume',
      pod: {
        spec: { volumes: [tokens], initContainers: [{ name: 'first', image: 'i', volumeMounts: [mount] }] },
      },
      mounted: [SECRET],
      frozen: [],
    },
    {
      name: 'plain variables and other volumes',
      pod: {
        container: { env: [{ name: 'A', value: 'b' }], volumeMounts: [{ name: 'scratch', mountPath: '/tmp' }] },
        spec: { volumes: [{ name: 'scratch', emptyDir: {} }] },
      },
      mounted: [],
      frozen: [],
    },
  ])('include its use of Secrets by $name', ({ pod, mounted, frozen }) => {
    expect(factsOf(pod)).toMatchObject({ mounted, frozen });
  });
});

describe('the warning about pods that never see a new token', () => {
  const frozen = (way: FrozenUse['way'], name: string, phase = 'Running'): PodFacts => ({
    ...factsOf({ name, phase }),
    frozen: [use(way)],
  });

  it('names the pod, the container, the use and the remedy', () => {
    expect(frozenWarnings([frozen('subPath', 'a')], SECRET)).toEqual([
      'The Secret billing-tokens never changes for container app of pod a, which mounts a file of it with subPath. Mount the whole volume at a directory.',
    ]);
    expect(frozenWarnings([frozen('environment', 'a')], SECRET)).toEqual([
      'The Secret billing-tokens never changes for container app of pod a, which reads it into environment variables. Mount it as a volume.',
    ]);
  });

  it('is one sentence per use, and short with many pods', () => {
    const pods = Array.from({ length: 1000 }, (_, index) => frozen('subPath', `pod-${index}`));
    const warnings = frozenWarnings([...pods, frozen('environment', 'b')], SECRET);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('pod-2 and 997 more');
    expect(warnings[0]?.length).toBeLessThan(300);
  });

  it.each([
    { name: 'another Secret', pods: [frozen('subPath', 'a')], secret: 'other' },
    { name: 'pods that have ended', pods: [frozen('subPath', 'a', 'Succeeded')], secret: SECRET },
    { name: 'pods that mount the whole volume', pods: [factsOf({ mounts: [SECRET] })], secret: SECRET },
    { name: 'no pods', pods: [], secret: SECRET },
  ])('is absent for $name', ({ pods, secret }) => {
    expect(frozenWarnings(pods, secret)).toEqual([]);
  });
});

describe('the use of a Secret by a pod', () => {
  const envFrom = [{ secretRef: { name: SECRET } }];
  const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: SECRET, key: 'dynamics' } } }];
  it.each<{ name: string; pod: PodBuilder; used: boolean }>([
    { name: 'includes a mounted volume', pod: { mounts: [SECRET] }, used: true },
    { name: 'includes all its keys as environment variables', pod: { container: { envFrom } }, used: true },
    { name: 'includes one key as an environment variable', pod: { container: { env } }, used: true },
    {
      name: 'includes one file of it',
      pod: { container: { volumeMounts: [{ ...mount, subPath: 'dynamics' }] }, spec: { volumes: [tokens] } },
      used: true,
    },
    {
      name: 'excludes a volume that no container mounts, because the kubelet skips it',
      pod: { spec: { volumes: [tokens] } },
      used: false,
    },
    { name: 'excludes another Secret', pod: { mounts: ['other'] }, used: false },
  ])('$name', ({ pod, used }) => {
    expect(uses(factsOf(pod), SECRET)).toBe(used);
  });
});

describe('the warning about pods that the selector misses', () => {
  const app = { namespace: 'billing', selector: 'app=billing', secret: SECRET };

  it('names selector, pod and labels, and the setting to correct', () => {
    const pod = factsOf({ name: 'billing-app-57d8', app: 'billing-app', mounts: [SECRET] });
    expect(unselectedWarning(app, [pod])).toBe(
      'The selector app=billing matches no pod in the namespace billing that is Pending or Running. The pod billing-app-57d8 uses the Secret billing-tokens and has the labels app=billing-app. It counts as the client app. Correct clientApp.selector in the configuration, or the labels.',
    );
  });

  it('names three pods, and counts the others', () => {
    const pods = ['a', 'b', 'c', 'd', 'e'].map((name) => factsOf({ name, app: 'web', mounts: [SECRET] }));
    expect(unselectedWarning(app, pods)).toContain(
      'The pods a, b, c and 2 more use the Secret billing-tokens. The first one has the labels app=web.',
    );
  });

  it('reports a pod without labels', () => {
    const facts = factsOf({ name: 'a', mounts: [SECRET], labels: {} });
    expect(unselectedWarning(app, [facts])).toContain('The pod a uses the Secret billing-tokens and has no labels.');
  });
});
