import type { V1Pod } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import type { TestCluster } from '../cluster/cluster.ts';
import type { ChainPlace } from './chain-place.ts';
import { helm, helmBinaries } from './helm.ts';
import type { SteadyClient } from './steady-client.ts';

/** The commands about one release of a place. What they need is asked for at each call. */
export interface ReleaseCommands {
  /** kubectl, in the namespace of the release. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** The pods of token-acquirer, without those that are ending. */
  pods(): Promise<V1Pod[]>;
  /** helm 4, with the values on its standard input. */
  run(...args: readonly string[]): Promise<string>;
  /** Ends the client, the release of this name and its place, where the place was made. */
  removeAll(client: SteadyClient, release: string): Promise<void>;
  /** Resolves when the Deployment of this name has rolled out. Throws CommandFailed if it takes longer than `timeout`, such as `120s`. */
  rolledOut(deployment: string, timeout: string): Promise<string>;
}

export interface ReleaseAt {
  readonly cluster: TestCluster;
  readonly place: ChainPlace;
  readonly values: Record<string, unknown>;
}

export function releaseCommands(at: () => ReleaseAt): ReleaseCommands {
  const kubectl = (...args: readonly string[]): Promise<string> => {
    const { cluster, place } = at();
    return cluster.kubectl([`--namespace=${place.acquirer}`, ...args]);
  };
  const run: ReleaseCommands['run'] = async (...args) => {
    const { cluster, place, values } = at();
    const binary = (await helmBinaries()).find(({ name }) => name === 'helm 4');
    if (binary === undefined) throw new Error('There is no helm 4.');
    const options = { kubeconfig: cluster.kubeconfig, input: stringify(values) };
    return helm(binary, [...args, `--namespace=${place.acquirer}`], options);
  };
  return {
    kubectl,
    run,
    async pods() {
      const text = await kubectl('get', 'pods', '--selector=app.kubernetes.io/name=token-acquirer', '--output=json');
      const { items } = JSON.parse(text) as { items: V1Pod[] };
      return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
    },
    async removeAll(client, release) {
      const { place } = at();
      if (place === undefined) return;
      await client.stop();
      await run('uninstall', release, '--ignore-not-found');
      await place.remove();
    },
    rolledOut: (deployment, timeout) =>
      kubectl('rollout', 'status', `deployment/${deployment}`, `--timeout=${timeout}`),
  };
}
