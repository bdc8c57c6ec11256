import { describe, expect, it } from 'vitest';
import {
  type FrozenUse,
  frozenWarnings,
  isRunning,
  type PodFacts,
  podFacts,
} from '../../../src/adapters/kubernetes/pod-facts.ts';
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

describe('Whether a pod counts for its client app', () => {
  it.each<{ name: string; pod: PodBuilder; running: boolean }>([
    { name: 'one that runs does', pod: { phase: 'Running' }, running: true },
    { name: 'one that waits for its volume or a node does', pod: { phase: 'Pending', node: '' }, running: true },
    { name: 'one that is about to go does not', pod: { phase: 'Running', deleting: true }, running: false },
    { name: 'one that waits and is about to go does not', pod: { phase: 'Pending', deleting: true }, running: false },
    { name: 'one that has succeeded does not', pod: { phase: 'Succeeded' }, running: false },
    { name: 'one that has failed, as when it was evicted, does not', pod: { phase: 'Failed' }, running: false },
    { name: 'one on a lost node does not', pod: { phase: 'Unknown' }, running: false },
  ])('$name', ({ pod, running }) => {
    expect(isRunning(factsOf(pod))).toBe(running);
  });

  it('needs no readiness', () => {
    const pod = buildPod();
    pod.status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] };
    expect(isRunning(podFacts(pod) as PodFacts)).toBe(true);
  });
});

describe('What is kept of a pod', () => {
  it('is its identity and state', () => {
    expect(factsOf({ name: 'a', uid: 'u', phase: 'Pending', node: '' })).toEqual({
      uid: 'u',
      name: 'a',
      phase: 'Pending',
      deleting: false,
      scheduled: false,
      mounted: [],
      frozen: [],
    });
  });

  it.each([{}, { metadata: {} }, { metadata: { name: 'a' } }, { metadata: { uid: 'u' } }])(
    'is nothing where it has no name: %j',
    (pod) => {
      expect(podFacts(pod)).toBeUndefined();
    },
  );

  it('is not much where it has neither specification nor status', () => {
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
  ])('tells how it consumes Secrets: $name', ({ pod, mounted, frozen }) => {
    expect(factsOf(pod)).toMatchObject({ mounted, frozen });
  });
});

describe('The warning of pods that never see a new token', () => {
  const frozen = (way: FrozenUse['way'], name: string, phase = 'Running'): PodFacts => ({
    ...factsOf({ name, phase }),
    frozen: [use(way)],
  });

  it('names the pod, the container, the way and the remedy', () => {
    expect(frozenWarnings([frozen('subPath', 'a')], SECRET)).toEqual([
      'The Secret billing-tokens never changes for container app of pod a, which mounts a file of it with subPath. Mount the whole volume at a directory.',
    ]);
    expect(frozenWarnings([frozen('environment', 'a')], SECRET)).toEqual([
      'The Secret billing-tokens never changes for container app of pod a, which reads it into environment variables. Mount it as a volume.',
    ]);
  });

  it('is one sentence a way, and short with many pods', () => {
    const pods = Array.from({ length: 1000 }, (_, index) => frozen('subPath', `pod-${index}`));
    const warnings = frozenWarnings([...pods, frozen('environment', 'b')], SECRET);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('pod-2 and 997 more');
    expect(warnings[0]?.length).toBeLessThan(300);
  });

  it.each([
    { name: 'another Secret', pods: [frozen('subPath', 'a')], secret: 'other' },
    { name: 'pods that have ended', pods: [frozen('subPath', 'a', 'Succeeded')], secret: SECRET },
    { name: 'pods that mount it well', pods: [factsOf({ mounts: [SECRET] })], secret: SECRET },
    { name: 'no pods', pods: [], secret: SECRET },
  ])('is not given of $name', ({ pods, secret }) => {
    expect(frozenWarnings(pods, secret)).toEqual([]);
  });
});
