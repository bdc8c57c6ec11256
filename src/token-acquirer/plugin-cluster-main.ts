import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpsReissuer } from '../adapters/http/https-reissuer.ts';
import { kubeconfigApiServer, usableKubeconfig } from '../adapters/kubernetes/api/api-server.ts';
import { kubeconfigFiles } from '../adapters/kubernetes/api/kubeconfig.ts';
import { podFacts } from '../adapters/kubernetes/pods/pod-facts.ts';
import { listAccessTokens, readOneAccessToken } from '../adapters/kubernetes/terminal/access-token-reads.ts';
import { listAcquirerPods } from '../adapters/kubernetes/terminal/acquirer-pods.ts';
import { listPods, readSecretEvents } from '../adapters/kubernetes/terminal/namespace-reads.ts';
import { throughForward } from '../adapters/kubernetes/terminal/pod-forward.ts';
import { createCallerToken, readCertificates, readReissuePod } from '../adapters/kubernetes/terminal/reissue-reads.ts';
import { getText } from '../adapters/node/terminal.ts';
import { messageOf, StoreError } from '../core/errors.ts';
import type { ReissueAnswer } from '../ports/reissuer.ts';
import { reportIn } from './cli/status-command.ts';
import { parseConfiguration } from './configuration/parse.ts';
import { ConfigurationError } from './configuration/problems.ts';
import type { Configuration } from './configuration/resolve.ts';
import type { StatusReport } from './endpoints/status-report.ts';
import type { AcquirerPod, ClusterView } from './plugin/cluster-view.ts';
import { findPods } from './plugin/pod-search.ts';
import type { ReissueCall, ReissueView } from './plugin/reissue-command.ts';

/** Which cluster, as for kubectl. */
export interface ClusterChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** A cluster as the user of a kubeconfig sees it, until `close`. */
export interface ConnectedCluster extends ClusterView, ReissueView {
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
    accessToken: (namespace, name) => readOneAccessToken(api, namespace, name),
    accessTokens: () => listAccessTokens(api),
    configuration: async ({ namespace, pod }) => {
      const { configuration } = await readReissuePod(api, namespace, pod);
      return understood(configuration, `${namespace}/${pod}`);
    },
    callerToken: (account, audience) => createCallerToken(api, account, audience),
    certificates: (namespace, secret) => readCertificates(api, namespace, secret),
    reissue: async (call) => {
      const { namespace, pod } = call.at;
      const { port } = await readReissuePod(api, namespace, pod);
      return throughForward(config, { namespace, pod, port }, (address) => reissueAt(address, call));
    },
    close: () => api.close(),
  };
}

/** Throws StoreError where this version does not know a setting of the other one. */
function understood(text: string, pod: string): Configuration {
  try {
    return parseConfiguration(text, 'config.yaml');
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const what = `The configuration of the pod ${pod} is not valid for this version of the plugin`;
    throw new StoreError(`${what}: ${error.summary} Use the plugin of its version.`, { permanent: true });
  }
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

/** The library of clients reads the CA from a file, which lasts as long as the call. */
async function reissueAt(address: string, call: ReissueCall): Promise<ReissueAnswer> {
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-'));
  try {
    const caFile = join(folder, 'ca.crt');
    writeFileSync(caFile, call.certificates);
    const { token, callerToken, serverName } = call;
    const reissuer = createHttpsReissuer({
      url: `https://${address}`,
      namespace: token.namespace,
      secret: token.secret,
      callerTokenFile: '',
      callerToken,
      caFile,
      serverName,
    });
    return await reissuer.reissue(token.name, call.rejected);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
