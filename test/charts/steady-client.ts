import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { TestCluster } from '../cluster/cluster.ts';
import { type Call, callsIn, logLines } from '../cluster/example/log-lines.ts';
import { until } from '../support/until.ts';
import type { ChainPlace } from './chain-place.ts';

const APP = join(import.meta.dirname, '../../manifests/example/40-client-app.yaml');
const NAME = 'billing-app';
/** Of the node's clock and this one's, which may be another machine's. */
const PATIENCE = 60_000;

/** The example's client app in its own place, which calls its service five times a second and logs each call. */
export class SteadyClient {
  readonly #cluster: TestCluster;
  readonly #place: ChainPlace;
  readonly #manifest: string;

  constructor(cluster: TestCluster, place: ChainPlace, images: (text: string) => string) {
    this.#cluster = cluster;
    this.#place = place;
    const deployment = parseAllDocuments(readFileSync(APP, 'utf8')).find((one) => one.get('kind') === 'Deployment');
    this.#manifest = images(String(deployment))
      .replaceAll('.example-services.svc', `.${place.services}.svc`)
      .replaceAll('token-acquirer.token-acquirer.svc', `token-acquirer.${place.acquirer}.svc`)
      .replace('namespace: billing', `namespace: ${place.client}`)
      .replace('value: billing\n', `value: ${place.client}\n`)
      .replace('env:\n', 'env:\n            - { name: CALL_EVERY, value: 200ms }\n');
  }

  async start(): Promise<void> {
    await this.#cluster.kubectl(['apply', '--filename=-'], this.#manifest);
  }

  async stop(): Promise<void> {
    const where = `--namespace=${this.#place.client}`;
    await this.#cluster.kubectl(['delete', 'deployment', NAME, where, '--ignore-not-found', '--wait=true']);
    const pods = [where, `--selector=app.kubernetes.io/name=${NAME}`];
    await this.#cluster.kubectl(['delete', 'pod', ...pods, '--force', '--grace-period=0', '--ignore-not-found']);
  }

  /** All that its pod has called. */
  async calls(): Promise<Call[]> {
    const args = ['logs', `deployment/${NAME}`, `--namespace=${this.#place.client}`, '--tail=-1'];
    const text = await this.#cluster.kubectl(args).catch(() => '');
    return callsIn(logLines(text));
  }

  /** Resolves with the first call that succeeded. */
  async firstSuccess(): Promise<Call> {
    let first: Call | undefined;
    await until(
      'a successful call of the client',
      async () => {
        first = (await this.calls()).find(({ ok }) => ok);
        return first !== undefined;
      },
      PATIENCE,
    );
    return first as Call;
  }
}
