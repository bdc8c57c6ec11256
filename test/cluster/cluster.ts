import { randomBytes } from 'node:crypto';
import { KubeConfig } from '@kubernetes/client-node';
import { withLock } from '../real/install/lock.ts';
import { findKubectl, kubectlRunner, type RunKubectl } from './kubectl.ts';
import { imageLoader } from './load-image.ts';
import { type ClusterNode, nodeIn } from './node.ts';
import { type ClusterRecord, type ClusterRun, RUN_VARIABLE, readRecord, writeRecord } from './record.ts';
import { startCluster } from './start.ts';

export interface TestNamespace {
  readonly name: string;
  /** Does not wait until it is gone. */
  remove(): Promise<void>;
}

export interface TestCluster {
  /** The file. */
  readonly kubeconfig: string;
  /** Which it is: `own node, Kubernetes 1.36.3`. */
  readonly name: string;
  readonly api: KubeConfig;
  /** Resolves with stdout; `input` is for `-f -`. Throws CommandFailed with its last words. */
  readonly kubectl: RunKubectl;
  /**
   * Brings a local image to the node; resolves with the name that pods use, which is the tag itself (with
   * `imagePullPolicy: Never`), or that in the registry which the environment names.
   */
  loadImage(tag: string): Promise<string>;
  /** A separate namespace, with its ServiceAccount `default` in place. */
  namespace(prefix: string): Promise<TestNamespace>;
  /** Whether the node takes instructions. */
  readonly ownNode: boolean;
  readonly node?: ClusterNode;
}

/**
 * Returns the cluster of this test run that all its files share, or the second one, whose API server tests may stop. The
 * first file that asks starts the cluster, and the others wait. Where nothing is cached, a start takes ten minutes and
 * more: see CLUSTER_TIMEOUT. Throws NotAvailable.
 */
export async function testCluster(which: keyof ClusterRun = 'shared'): Promise<TestCluster> {
  const run = process.env[RUN_VARIABLE];
  if (run === undefined) throw new Error(`${RUN_VARIABLE} is not set: the global set-up of the tests does it.`);
  const { folder, name } = (JSON.parse(run) as ClusterRun)[which];
  const record = await withLock(folder, async () => {
    const known = readRecord(folder);
    if (known !== undefined) return known;
    const started = await startCluster({ name, folder });
    writeRecord(folder, started);
    return started;
  });
  return openCluster(record);
}

/** What tests do with a cluster that runs. */
export async function openCluster(record: ClusterRecord): Promise<TestCluster> {
  const { kubeconfig, name, ownNode, container } = record;
  const api = new KubeConfig();
  api.loadFromFile(kubeconfig);
  const kubectl = kubectlRunner(await findKubectl(record), kubeconfig);
  return {
    kubeconfig,
    name,
    api,
    kubectl,
    ownNode,
    ...(ownNode && container !== undefined ? { node: nodeIn(container) } : {}),
    loadImage: imageLoader(record),
    async namespace(prefix) {
      const namespace = `${prefix}-${randomBytes(3).toString('hex')}`;
      await kubectl(['create', 'namespace', namespace]);
      // A pod is rejected before its ServiceAccount exists.
      await kubectl(['wait', '--for=create', 'serviceaccount/default', `--namespace=${namespace}`, '--timeout=60s']);
      const remove = (): Promise<unknown> =>
        kubectl(['delete', 'namespace', namespace, '--wait=false', '--ignore-not-found']);
      return { name: namespace, remove: async () => void (await remove()) };
    },
  };
}
