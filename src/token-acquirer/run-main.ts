import { basename, dirname } from 'node:path';
import pino from 'pino';
import { createDirectoryCredentialSource } from '../adapters/fs/directory-credential-source.ts';
import { createDirectoryRefreshTokenStore } from '../adapters/fs/directory-refresh-token-store.ts';
import { createDirectoryTokenStore } from '../adapters/fs/directory-token-store.ts';
import { controlled, keptApart, readable, writable } from '../adapters/fs/folders.ts';
import { createTokenFileAuthenticator } from '../adapters/fs/token-file-authenticator.ts';
import { watchDirectory } from '../adapters/fs/watch-directory.ts';
import { createEventLoopPace } from '../adapters/node/event-loop-pace.ts';
import { collectWhenIdle, releaseMemory } from '../adapters/node/idle-memory.ts';
import { createLocalExecutionState } from '../adapters/node/local-execution-state.ts';
import { memoryLimit } from '../adapters/node/memory-limit.ts';
import { keepMemoryClosed, refuseOpenMemory } from '../adapters/node/memory-secrecy.ts';
import { listenForStop } from '../adapters/node/stop-signal.ts';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { createSystemRandom } from '../adapters/node/system-random.ts';
import { createOAuthTokenEndpoint, type OAuthTokenEndpointOptions } from '../adapters/oauth/oauth-token-endpoint.ts';
import { createHttpTokenEndpoint } from '../adapters/protocols/http-token-endpoint.ts';
import { createDecisionLog } from '../adapters/telemetry/decision-log.ts';
import { fanOut } from '../adapters/telemetry/fan-out.ts';
import { createLog } from '../adapters/telemetry/log.ts';
import { createLogOutput } from '../adapters/telemetry/log-output.ts';
import { createLogger } from '../adapters/telemetry/logger.ts';
import { createMetrics } from '../adapters/telemetry/metrics.ts';
import { UsageError } from '../core/errors.ts';
import type { OriginOf } from '../core/file-origin.ts';
import type { OAuthServerSettings, ServerSettings } from '../ports/protocols.ts';
import type { Adapters } from './adapters.ts';
import { type CredentialPlace, lackSentence, originSentence } from './cli/credential-place.ts';
import type { RunArguments } from './cli/run-program.ts';
import type { Cluster } from './cluster-main.ts';
import { httpAdapters } from './configuration/protocols.ts';
import { createElection } from './election-main.ts';
import { callerNames, firstToKnow } from './endpoints/caller-authenticators.ts';
import { LastEvents } from './endpoints/status-page/last-events.ts';
import { runTokenAcquirer } from './process.ts';
import { createReplicaAccess, withOwnName } from './replicas-main.ts';
import { executionStates } from './token/execution-states.ts';
import { createTokenEndpoint, type ProtocolAdapters } from './token/protocol-adapters.ts';

/** How long the process may live on after its work has ended, in milliseconds. */
const LONGEST_EXIT = 500;

const clock = createSystemClock();
const random = createSystemRandom();

/** What the process knows about the place where it runs. */
export interface Surroundings {
  readonly originOf: OriginOf;
  /** Whether the chart installed it, so that advice can name values of the chart. */
  readonly isFromChart: boolean;
  /** Writes a sentence to standard error. */
  readonly warn: (text: string) => void;
}

type OAuthServers = Readonly<Record<string, ServerSettings & OAuthServerSettings>>;
type Connected = Adapters & { close(): Promise<void> };

/** `token-acquirer run`: wires the adapters that the options ask for, and runs until a signal. */
export async function run(options: RunArguments, surroundings: Surroundings): Promise<void> {
  refuseOpenMemory(process);
  keepMemoryClosed(surroundings.warn);
  const stop = listenForStop();
  const stopCollecting = collectWhenIdle();
  try {
    const adapters = await connectAdapters(options, surroundings);
    try {
      await runTokenAcquirer(options, adapters, stop.signal);
    } finally {
      await adapters.close();
    }
  } finally {
    stop.release();
    stopCollecting();
    // A log that nobody reads, or a name that is not resolved, must not hold up the end.
    setTimeout(() => process.exit(), LONGEST_EXIT).unref();
  }
}

async function connectAdapters(options: RunArguments, { originOf, isFromChart }: Surroundings): Promise<Connected> {
  const { logLevel } = options;
  const onDropped = (lines: number): void => onFault(`${lines} log lines were dropped: standard output was not read.`);
  const logger = createLogger(
    // A terminal can be halted by Ctrl-S, so it is written to in the background. The library does not survive full disks.
    process.stdout.isTTY
      ? pino.destination({ dest: 1, sync: false, maxLength: 1_000_000 })
      : createLogOutput(process.stdout, { onDropped }),
    logLevel,
  );
  const folders = foldersOf(options);
  const metrics = createMetrics(clock);
  const lastEvents = new LastEvents(clock);
  const local = [createLog(logger, clock), metrics, lastEvents];
  const onFault = (message: string): void => fanOut(local).process({ kind: 'warning', message });
  const cluster = await clusterFor(options, onFault);
  const place = placeOf(options, cluster);
  // A state in a folder belongs to one machine, so there is one process.
  const election = folders.state === undefined ? createElection(cluster, { clock, random, ...options }) : undefined;
  const replicas = election === undefined ? undefined : createReplicaAccess(cluster, options);
  const telemetry = fanOut([local, election?.events ?? cluster?.events ?? []].flat());
  return {
    clock,
    random,
    pace: createEventLoopPace(),
    telemetry,
    logDecision: createDecisionLog(logger),
    credentials: createDirectoryCredentialSource(folders.credentials, {
      explain: (lack) => lackSentence(place, lack),
      origin: (credential, of) => originSentence(place, credential, of),
    }),
    store: folders.tokens === undefined ? requireCluster(cluster).store : createDirectoryTokenStore(folders.tokens),
    storeWatch: folders.tokens === undefined ? cluster?.storeWatch : undefined,
    execution: executionStates(createLocalExecutionState({ clock }), cluster?.execution),
    logs: cluster?.logs,
    keepCertificate: cluster?.keepCertificate,
    accessTokens: folders.tokens === undefined ? cluster?.accessTokens : undefined,
    // No kubelet stands between a token directory and its readers.
    nudge: folders.tokens === undefined ? cluster?.nudge : undefined,
    createChains: (settings) =>
      folders.state === undefined
        ? requireCluster(cluster).createChains(settings)
        : createDirectoryRefreshTokenStore(folders.state),
    election,
    replicas,
    metrics: (state) => metrics.expose(state),
    lastEvents,
    createEndpoint: (servers) => createTokenEndpoint(servers, protocolAdapters({ clock, originOf, isFromChart })),
    createCallers: (configuration) => callersFor(configuration, { cluster, replicas, onFault }),
    close: () => cluster?.close() ?? Promise.resolve(),
    memoryLimit,
    originOf,
    releaseMemory,
    watchFile: (file, changed) => watchDirectory(dirname(file), changed, { only: (name) => name === basename(file) }),
  };
}

interface CallerParts {
  readonly cluster: Cluster | undefined;
  readonly replicas: Adapters['replicas'];
  readonly onFault: (message: string) => void;
}

/** Throws UsageError where the configuration names callers that nobody here can check. */
function callersFor(
  { callers, cluster: settings, tokens }: Parameters<Adapters['createCallers']>[0],
  { cluster, replicas, onFault }: CallerParts,
): ReturnType<Adapters['createCallers']> {
  if (cluster === undefined && settings.neededBy !== undefined) throw new UsageError(`${settings.neededBy}${NEEDED}`);
  const named = createTokenFileAuthenticator(callers, { clock, onFault });
  if (cluster === undefined) return named;
  return firstToKnow([named, cluster.createCallers(settings, withOwnName(callerNames(tokens), replicas))]);
}

function foldersOf({ credentials, tokenDirectory, state }: RunArguments) {
  const folders = {
    credentials: readable(credentials, '--credentials'),
    tokens: tokenDirectory === undefined ? undefined : writable(tokenDirectory, '--token-directory', 0o750),
    state: state === undefined ? undefined : writable(state, '--state'),
  };
  if (folders.tokens !== undefined) {
    controlled(folders.tokens, '--token-directory');
    keptApart(folders.tokens, {
      '--credentials': folders.credentials,
      ...(folders.state !== undefined && { '--state': folders.state }),
    });
  }
  return folders;
}

/** Returns the adapters of all protocols. */
function protocolAdapters(options: OAuthTokenEndpointOptions): ProtocolAdapters {
  return {
    // `resolveOAuthServer` has made the settings of these servers.
    oauth: (own) => createOAuthTokenEndpoint(own as OAuthServers, options),
    ...httpAdapters((protocol, own) => createHttpTokenEndpoint(protocol, own, options)),
  };
}

/** A pod's credentials are Secrets; elsewhere they are files. */
function placeOf({ credentials, kubeconfig, credentialSecret }: RunArguments, cluster?: Cluster): CredentialPlace {
  if (cluster === undefined || kubeconfig !== undefined) return { kind: 'directory', root: credentials };
  return { kind: 'cluster', namespace: cluster.namespace, secrets: credentialSecret };
}

const NEEDED = ', which only a cluster can tell: run in a pod without --token-directory, or give --kubeconfig.';

/** `undefined` where nothing asks for a cluster. Throws UsageError where there is none to be had. */
async function clusterFor(
  { tokenDirectory, state, kubeconfig }: RunArguments,
  onFault: (message: string) => void,
): Promise<Cluster | undefined> {
  if (tokenDirectory !== undefined && state !== undefined && kubeconfig === undefined) return undefined;
  if (kubeconfig === undefined && process.env['KUBERNETES_SERVICE_HOST'] === undefined) {
    throw new UsageError(
      `Give ${missingOf({ '--token-directory': tokenDirectory, '--state': state })}, or run in a pod, or name a cluster with --kubeconfig.`,
    );
  }
  const { connectCluster } = await import('./cluster-main.ts');
  return connectCluster({ kubeconfig, clock, random, pod: process.env['HOSTNAME'], onFault });
}

function requireCluster(cluster: Cluster | undefined): Cluster {
  if (cluster === undefined) throw new UsageError('Give --token-directory and --state.');
  return cluster;
}

/** Names the options that were not given. */
function missingOf(options: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(options)
    .flatMap(([option, given]) => (given === undefined ? [option] : []))
    .join(' and ');
}
