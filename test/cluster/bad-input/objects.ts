import type { V1Container, V1Pod } from '@kubernetes/client-node';
import type { Wanted } from './place.ts';

/** How a pod gets at a Secret. */
export type Consumption = 'volume' | 'subPath' | 'env' | 'envFrom';

export function emptySecret(namespace: string, name: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque' };
}

/** A pod that consumes the Secret so. No node takes it: it counts while it is pending. */
export function podOf({ namespace, secret }: Wanted, consumption: Consumption): V1Pod {
  const container: V1Container = { name: 'app', image: 'none.invalid/none', ...consuming(secret, consumption) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${secret}-${consumption.toLowerCase()}`, namespace, labels: { app: secret } },
    spec: {
      automountServiceAccountToken: false,
      nodeSelector: { 'token-acquirer.test/no-such-node': 'true' },
      containers: [container],
      volumes: [{ name: 'tokens', secret: { secretName: secret } }],
    },
  };
}

function consuming(secret: string, consumption: Consumption): Partial<V1Container> {
  const mountPath = '/var/run/tokens';
  const key = 'dynamics';
  switch (consumption) {
    case 'volume':
      return { volumeMounts: [{ name: 'tokens', mountPath }] };
    case 'subPath':
      return { volumeMounts: [{ name: 'tokens', mountPath: `${mountPath}/${key}`, subPath: key }] };
    case 'env':
      return { env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: secret, key } } }] };
    case 'envFrom':
      return { envFrom: [{ secretRef: { name: secret } }] };
  }
}
