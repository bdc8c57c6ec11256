import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { shardName } from '../../src/core/shards.ts';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import { startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { secret } from '../support/secrets.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases/';
/** Some of them belong to each shard. */
const NAMES = ['orders', 'billing', 'crm', 'status', 'payroll', 'ledger'];
const PATIENCE = 60_000;

/** A running process of shard 0, while nobody works on shard 1. */
export interface LoneShard {
  readonly acquirer: AcquirerProcess;
  readonly metrics: URL;
  stop(): Promise<void>;
}

/** Starts it. None of its token requests reaches a server. */
export async function startLoneShard(): Promise<LoneShard> {
  const api = await startKubernetesApi();
  const workplace = new Workplace();
  for (const name of [0, 1].map((shard) => shardName('token-acquirer', shard)))
    api.objects.put(`${LEASES}${name}`, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name } });
  workplace.credential('partner', { client_id: 'partner', client_secret: secret('client-secret') });
  writeFileSync(workplace.config, stringify(configuration()));
  const acquirer = AcquirerProcess.start(
    [
      'run',
      `--config=${workplace.config}`,
      `--credentials=${workplace.credentials}`,
      `--kubeconfig=${api.kubeconfig}`,
      '--listen=127.0.0.1:0',
      '--status-listen=127.0.0.1:0',
      '--shard=0',
    ],
    { env: { POD_NAME: 'token-acquirer-5d8-a', POD_IP: '127.0.0.1' } },
  );
  const stop = async (): Promise<void> => {
    await acquirer.end('SIGKILL');
    await api.stop();
    workplace.remove();
  };
  try {
    await acquirer.logged('configuration-loaded', 1, PATIENCE);
    return { acquirer, metrics: new URL('/metrics', await acquirer.url('status')), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configuration(): object {
  const tokens = NAMES.map((name) => ({
    name: 'partner',
    authorizationServer: 'partner',
    credential: 'partner',
    grant: 'client_credentials',
    secret: { namespace: 'shipping', name },
  }));
  // A port on which nobody listens.
  const partner = { tokenEndpoint: 'http://127.0.0.1:9/token', clientAuthentication: 'client_secret_post' };
  return { authorizationServers: { partner }, shards: 2, tokens };
}
