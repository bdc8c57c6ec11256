import type { V1Pod } from '@kubernetes/client-node';
import type { ApiServer } from '../api/api-server.ts';
import { readList } from './namespace-reads.ts';

/** A pod of a token-acquirer, as its labels and ports say. */
export interface LabeledPod {
  readonly namespace: string;
  readonly name: string;
  readonly release: string;
  readonly shard: number;
  readonly phase: string;
  readonly ready: boolean;
  readonly statusPort: number;
}

const INSTANCE = 'app.kubernetes.io/instance';
const SHARD = 'token-acquirer.dev/shard';
const STATUS_PORT = 9090;

/** Lists the pods with these labels, of one namespace or of all. Pods that end are left out. Throws StoreError. */
export async function listAcquirerPods(
  api: ApiServer,
  selector: string,
  namespace?: string,
): Promise<readonly LabeledPod[]> {
  const where = namespace === undefined ? 'all namespaces' : `the namespace ${namespace}`;
  const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`;
  const pods = await readList<V1Pod>(api, path, {
    what: `The pods of ${where} cannot be listed`,
    query: { labelSelector: selector },
  });
  return pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).map(labeledPod);
}

function labeledPod({ metadata, spec, status }: V1Pod): LabeledPod {
  const { namespace = '', name = '', labels = {} } = metadata ?? {};
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return {
    namespace,
    name,
    release: labels[INSTANCE] ?? 'token-acquirer',
    shard: Number(labels[SHARD] ?? 0),
    phase: status?.phase ?? 'Unknown',
    ready: (status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    statusPort: ports.find((port) => port.name === 'status')?.containerPort ?? STATUS_PORT,
  };
}
