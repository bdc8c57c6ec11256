import { readFileSync } from 'node:fs';
import type { Configuration, KubeConfig } from '@kubernetes/client-node';
import { systemCode, UsageError } from '../../../core/errors.ts';
import { isLoopbackHost } from '../../../core/loopback.ts';
import { isLabel } from '../../../core/names.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { DirectOptions } from '../../http/open-connection.ts';
import { createSystemClock } from '../../node/system-clock.ts';
import { kubeconfigAccess, serviceAccountAccess } from './api-access.ts';
import { type ApiAccess, ApiConnection, SharingKubeConfig } from './api-connection.ts';
import { createConfiguration, ServerConfiguration, wrapHttpLibrary } from './client-library.ts';
import type { ClockComparison } from './clock-comparison.ts';
import { loadKubeconfig } from './kubeconfig.ts';

/** The API server of a cluster, with credentials for it. It retries nothing by itself. */
export interface ApiServer {
  /** For the API classes of client-node: `new CoreV1Api(api.configuration)`. Errors are for `apiFailure`. */
  readonly configuration: Configuration;
  /** For its `Watch` and informers, over the same connections. */
  readonly kubeConfig: KubeConfig;
  /** `https://host:port`, without a slash at its end. */
  readonly baseUrl: string;
  /**
   * Opens the answer to a GET that has no end, such as a log that is followed. `path`: with its query. Errors are for
   * `apiFailure`.
   */
  open(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** Ends watches, lets requests come to their end, and closes all connections. */
  close(): Promise<void>;
}

export interface ApiServerOptions {
  /** From the request to the end of its answer, 10 s by default. Watches have none. */
  readonly timeout?: Ms;
  /** When to read files again. By default the system's. */
  readonly clock?: Pick<Clock, 'monotonic'>;
  /** Of each answer. */
  readonly compareClocks?: ClockComparison;
  /** How names are resolved, and connections opened. By default by the system. */
  readonly direct?: DirectOptions;
}

export interface InClusterOptions extends ApiServerOptions {
  /** By default `/var/run/secrets/kubernetes.io/serviceaccount`. */
  readonly folder?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const TIMEOUT: Ms = 10_000;

/**
 * The API server of the cluster that this process runs in, as the ServiceAccount of its pod. It reads the token and
 * the cluster's CA again once a minute, and immediately after the API server rejected them.
 *
 * Throws UsageError outside a pod.
 */
export function inClusterApiServer(options: InClusterOptions = {}): ApiServer {
  const { folder = FOLDER, environment = process.env, clock = createSystemClock() } = options;
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (!host) {
    throw new UsageError(
      'No Kubernetes API server: KUBERNETES_SERVICE_HOST is not set, so this is not a pod. Give --kubeconfig FILE, or keep tokens in directories with --token-directory and --state.',
    );
  }
  const name = host.includes(':') ? `[${host}]` : host;
  readText(`${folder}/ca.crt`, 'Mount the ServiceAccount into the pod (automountServiceAccountToken).');
  return connect(`https://${name}:${port}`, serviceAccountAccess(folder, clock), options);
}

export interface KubeconfigOptions extends ApiServerOptions {
  /** The default is the current context. */
  readonly context?: string | undefined;
}

/**
 * The present context of a kubeconfig, or of several as one: for development, tests and the user's terminal.
 *
 * Throws UsageError where a file is none, or names a proxy.
 */
export function kubeconfigApiServer(
  file: string | readonly [string, ...string[]],
  options: KubeconfigOptions = {},
): ApiServer {
  const files = typeof file === 'string' ? ([file] as const) : file;
  const { config, server } = usableKubeconfig(files, options.context);
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace;
  return connect(server, kubeconfigAccess(files[0], config), { ...options, namespace });
}

/**
 * The kubeconfig, for parts of client-node that open their own connections, and the URL of its server, without a slash at its
 * end. Throws UsageError as `kubeconfigApiServer` does.
 */
export function usableKubeconfig(
  files: readonly [string, ...string[]],
  context: string | undefined,
): { readonly config: KubeConfig; readonly server: string } {
  const [first] = files;
  const config = loadKubeconfig(files, context);
  const cluster = config.getCurrentCluster();
  if (cluster === null || !URL.canParse(cluster.server)) {
    throw new UsageError(
      `The kubeconfig ${first} has no current context with a server. Set one: kubectl --kubeconfig ${first} config use-context NAME.`,
    );
  }
  if (cluster.proxyUrl) throw new UsageError(`The kubeconfig ${first} names a proxy-url, which is not supported.`);
  const { protocol, hostname } = new URL(cluster.server);
  if (protocol === 'http:') {
    if (!isLoopbackHost(hostname))
      throw new UsageError(`The kubeconfig ${first} names a server without TLS. Use https.`);
    // There is nothing to verify, and client-node needs this setting to accept that.
    config.clusters = config.clusters.map((known) => ({ ...known, skipTLSVerify: true }));
  }
  return { config, server: cluster.server.replace(/\/+$/, '') };
}

/** The namespace that this pod is in. Throws UsageError outside a pod. */
export function ownNamespace(folder = FOLDER): string {
  const path = `${folder}/namespace`;
  const namespace = readText(path, 'This is no pod, or it has no ServiceAccount: name the namespace instead.').trim();
  if (!isLabel(namespace)) throw new UsageError(`The file ${path} holds no name of a namespace.`);
  return namespace;
}

function connect(
  baseUrl: string,
  access: ApiAccess,
  {
    timeout = TIMEOUT,
    compareClocks,
    direct,
    namespace,
  }: ApiServerOptions & { readonly namespace?: string | undefined },
): ApiServer {
  const connection = new ApiConnection(access, { timeout, compareClocks, direct });
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(baseUrl, {}),
    httpApi: wrapHttpLibrary({ send: (request) => connection.send(request) }),
  });
  const kubeConfig = new SharingKubeConfig(baseUrl, connection, namespace);
  return {
    configuration,
    kubeConfig,
    baseUrl,
    open: (path, signal) => connection.open(`${baseUrl}${path}`, signal),
    close: () => connection.close(),
  };
}

function readText(file: string, remedy: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`The file ${file} cannot be read (${systemCode(error) ?? 'no code'}). ${remedy}`);
  }
}
