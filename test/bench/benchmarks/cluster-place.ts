import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCluster, type TestCluster } from '../../cluster/cluster.ts';
import { needDocker } from '../../cluster/docker.ts';
import { ExampleDeployment } from '../../cluster/example/deployment.ts';
import { loadImages } from '../../cluster/example/images.ts';
import { guard } from '../../cluster/guard.ts';
import type { AuditedRequest, ClusterNode } from '../../cluster/node.ts';
import type { Context } from '../benchmark.ts';

const MANIFESTS = join(import.meta.dirname, '../../../manifests');
const NUDGE_FILES = ['admission-policy.yaml', 'volume-nudge.yaml'];
const ACCOUNT = 'system:serviceaccount:token-acquirer:token-acquirer';

export interface Setting {
  /** Of the tokens, as the authorization server is configured. */
  readonly lifetime: string;
  /** Of renewals; left out, the fraction of the lifetime. */
  readonly interval?: string;
  readonly nudge: boolean;
}

/** The example in a cluster of this run's own. */
export interface ClusterPlace {
  readonly cluster: TestCluster;
  readonly node: ClusterNode;
  readonly example: ExampleDeployment;
  /** The manifest's image by the name that the cluster has it by. */
  readonly image: (tag: string) => string;
  /** Puts the setting in force; resolves when the client app calls with success. */
  use(setting: Setting): Promise<void>;
  /** What the token-acquirer asked of the API server since, without watches. */
  requests(since: Date): Promise<AuditedRequest[]>;
}

/** Starts the project's own one-node cluster, which goes with the scope. Throws NotAvailable. */
export async function openClusterPlace({ scope, tell }: Context): Promise<ClusterPlace> {
  await needDocker();
  const name = `token-acquirer-bench-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-bench-'));
  const guarded = guard(name, folder);
  scope.add(() => guarded.end());
  // The guard does what testcontainers' own reaper would.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const { startOwnNode } = await import('../../cluster/own-node.ts');
  const cluster = await openCluster(await startOwnNode(name, folder));
  if (cluster.node === undefined) throw new Error('Only the project’s own node takes instructions.');
  tell(cluster.name);
  const images = await loadImages(cluster);
  const example = new ExampleDeployment(cluster);
  const { node } = cluster;
  return {
    cluster,
    node,
    example,
    image: (tag) => images(`image: ${tag}`).replace('image: ', ''),
    use: (setting) => use(example, images, setting),
    async requests(since) {
      const all = await node.requestsSince(since);
      return all.filter(({ user, verb }) => user.username === ACCOUNT && verb !== 'watch');
    },
  };
}

async function use(example: ExampleDeployment, images: (text: string) => string, setting: Setting): Promise<void> {
  const { kubectl } = example.cluster;
  const known = (await example.pods('token-acquirer', 'token-acquirer').catch(() => [])).length > 0;
  await example.apply((text) => changed(images(text), setting));
  if (setting.nudge) {
    const texts = NUDGE_FILES.map((file) => readFileSync(join(MANIFESTS, file), 'utf8'));
    await kubectl(['apply', '--filename=-'], texts.join('\n---\n'));
  }
  await example.rolledOut('example-services', 'authorization-server');
  // So that it does not wait for its ConfigMap.
  if (known) await kubectl(['rollout', 'restart', 'deployment/token-acquirer', '--namespace=token-acquirer']);
  await example.rolledOut('token-acquirer', 'token-acquirer');
  await example.firstSuccess(new Date());
}

/** The example that revokes no tokens, and with a client app that calls more often. */
function changed(text: string, { lifetime, interval, nudge }: Setting): string {
  const renewal = interval === undefined ? '' : `\n        renewal: { interval: ${interval} }`;
  return text
    .replace('value: 20s', `value: ${lifetime}`)
    .replace('value: 90s', 'value: ""')
    .replace('- name: SERVICE_URL', '- name: CALL_EVERY\n              value: 200ms\n            - name: SERVICE_URL')
    .replace('grant: client_credentials', `grant: client_credentials${renewal}`)
    .replace('config.yaml: |', `config.yaml: |\n    propagation: { nudge: ${nudge} }`);
}
