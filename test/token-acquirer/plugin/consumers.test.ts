import type { V1Container, V1Pod, V1Volume } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { podFacts } from '../../../src/adapters/kubernetes/pods/pod-facts.ts';
import { type Consumer, consumersOf } from '../../../src/token-acquirer/plugin/consumers.ts';

const SECRET = 'billing-tokens';

interface Parts {
  readonly name?: string;
  readonly phase?: string;
  readonly volumes?: V1Volume[];
  readonly container?: Partial<V1Container>;
}

function pod({ name = 'billing-1', phase = 'Running', volumes = [], container = {} }: Parts): V1Pod {
  return {
    metadata: { name, uid: name },
    spec: { volumes, containers: [{ name: 'app', ...container }] },
    status: { phase },
  };
}

const consumers = (...pods: readonly V1Pod[]): readonly Consumer[] =>
  consumersOf(
    pods.flatMap((one) => podFacts(one) ?? []),
    SECRET,
  );

const VOLUMES: V1Volume[] = [{ name: 'tokens', secret: { secretName: SECRET } }];
const MOUNTED = { volumeMounts: [{ name: 'tokens', mountPath: '/var/run/tokens' }] };
const FOLLOWING = { pod: 'billing-1', phase: 'Running', way: 'volume', follows: true };

describe('the consumers of a Secret', () => {
  it.each<[what: string, parts: Parts, expected: readonly object[]]>([
    ['a volume', { volumes: VOLUMES, container: MOUNTED }, [FOLLOWING]],
    [
      'a projected volume',
      { volumes: [{ name: 'tokens', projected: { sources: [{ secret: { name: SECRET } }] } }], container: MOUNTED },
      [FOLLOWING],
    ],
    [
      'subPath',
      { volumes: VOLUMES, container: { volumeMounts: [{ name: 'tokens', mountPath: '/token', subPath: 'dynamics' }] } },
      [{ ...FOLLOWING, way: 'subPath', container: 'app', follows: false }],
    ],
    [
      'a variable',
      { container: { env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: SECRET, key: 'dynamics' } } }] } },
      [{ ...FOLLOWING, way: 'environment', container: 'app', follows: false }],
    ],
    [
      'all variables',
      { container: { envFrom: [{ secretRef: { name: SECRET } }] } },
      [{ ...FOLLOWING, way: 'environment', container: 'app', follows: false }],
    ],
    ['no mount of its volume', { volumes: VOLUMES }, []],
    ['another Secret', { volumes: [{ name: 'tokens', secret: { secretName: 'other' } }], container: MOUNTED }, []],
    ['a pod that has ended', { phase: 'Succeeded', volumes: VOLUMES, container: MOUNTED }, []],
    [
      'a pod that waits for it',
      { phase: 'Pending', volumes: VOLUMES, container: MOUNTED },
      [{ ...FOLLOWING, phase: 'Pending' }],
    ],
  ])('are found by %s', (_what, parts, expected) => {
    expect(consumers(pod(parts))).toEqual(expected);
  });

  it('begin with those that never see a new token, then by name', () => {
    const all = consumers(
      pod({ name: 'b', volumes: VOLUMES, container: MOUNTED }),
      pod({ name: 'a', volumes: VOLUMES, container: MOUNTED }),
      pod({ name: 'z', container: { envFrom: [{ secretRef: { name: SECRET } }] } }),
    );
    expect(all.map((consumer) => consumer.pod)).toEqual(['z', 'a', 'b']);
  });
});
