import { homedir } from 'node:os';
import { kubeconfigApiServer, usableKubeconfig } from '../adapters/kubernetes/api/api-server.ts';
import { kubeconfigFiles } from '../adapters/kubernetes/api/kubeconfig.ts';
import { podFacts } from '../adapters/kubernetes/pods/pod-facts.ts';
import { listAcquirerPods } from '../adapters/kubernetes/terminal/acquirer-pods.ts';
import { listPods, readSecretEvents } from '../adapters/kubernetes/terminal/namespace-reads.ts';
import { throughForward } from '../adapters/kubernetes/terminal/pod-forward.ts';
import { getText } from '../adapters/node/terminal.ts';
import { messageOf, StoreError } from '../core/errors.ts';
import { reportIn } from './cli/status-command.ts';
import type { StatusReport } from './endpoints/status-report.ts';
import type { AcquirerPod, ClusterView } from './plugin/cluster-view.ts';
import { findPods } from './plugin/pod-search.ts';

/** Which cluster, as for kubectl. */
export interface ClusterChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** A cluster as the user of a kubeconfig sees it, until `close`. */
export interface ConnectedCluster extends ClusterView {
  close(): Promise<void>;
}

/** The namespace that the documents install into. */
const USUAL_NAMESPACE = 'token-acquirer';

/** Opens the way to a cluster. Throws UsageError where there is no kubeconfig to go by. */
export function connectCluster({ kubeconfig, context }: ClusterChoice): ConnectedCluster {
  const files = kubeconfigFiles(kubeconfig, process.env, homedir());
  const { config } = usableKubeconfig(files, context);
  const api = kubeconfigApiServer(files, { context });
  const own = config.getContextObject(config.getCurrentContext())?.namespace ?? USUAL_NAMESPACE;
  const usual = [...new Set([USUAL_NAMESPACE, own])];
  return {
    acquirers: (scope) => findPods(scope, usual, (selector, namespace) => listAcquirerPods(api, selector, namespace)),
    status: (pod) => {
      const to = { namespace: pod.namespace, pod: pod.name, port: pod.statusPort };
      return throughForward(config, to, (address) => statusAt(address, pod));
    },
    events: (namespace, secret) => readSecretEvents(api, namespace, secret),
    pods: async (namespace) => (await listPods(api, namespace)).flatMap((pod) => podFacts(pod) ?? []),
    close: () => api.close(),
  };
}

/** Throws StoreError, in place of which `throughForward` throws why the pod cannot be reached. */
async function statusAt(address: string, { namespace, name }: AcquirerPod): Promise<StatusReport> {
  const report = await answerAt(address);
  if (typeof report !== 'string') return report;
  throw new StoreError(`The pod ${namespace}/${name} does not report its status (${report}).`);
}

/** Returns the report, or what was wrong. */
async function answerAt(address: string): Promise<StatusReport | string> {
  try {
    const { status, body } = await getText(`http://${address}/status`);
    return status === 200 ? reportIn(body) : `HTTP ${status}`;
  } catch (error) {
    return messageOf(error);
  }
}
