import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { CommanderError } from 'commander';
import pino from 'pino';
import manifest from '../../package.json' with { type: 'json' };
import { checkCredentialExists, writeCredentialValue } from '../adapters/fs/credential-writer.ts';
import { createDirectoryCredentialSource } from '../adapters/fs/directory-credential-source.ts';
import { createDirectoryRefreshTokenStore } from '../adapters/fs/directory-refresh-token-store.ts';
import { createDirectoryTokenStore } from '../adapters/fs/directory-token-store.ts';
import { controlled, keptApart, readable, writable } from '../adapters/fs/folders.ts';
import { podNamespace } from '../adapters/fs/pod-namespace.ts';
import { createTokenFileAuthenticator } from '../adapters/fs/token-file-authenticator.ts';
import { watchDirectory } from '../adapters/fs/watch-directory.ts';
import { createHttpsReissuer } from '../adapters/http/https-reissuer.ts';
import { collectWhenIdle, releaseMemory } from '../adapters/node/idle-memory.ts';
import { createLocalExecutionState } from '../adapters/node/local-execution-state.ts';
import { memoryLimit } from '../adapters/node/memory-limit.ts';
import { keepMemoryClosed, refuseOpenMemory } from '../adapters/node/memory-secrecy.ts';
import { listenForStop } from '../adapters/node/stop-signal.ts';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { createSystemRandom } from '../adapters/node/system-random.ts';
import { getText, postJson, promptSilently, readStandardInput } from '../adapters/node/terminal.ts';
import { createOAuthTokenEndpoint } from '../adapters/oauth/oauth-token-endpoint.ts';
import { fanOut } from '../adapters/telemetry/fan-out.ts';
import { createLog } from '../adapters/telemetry/log.ts';
import { createLogOutput } from '../adapters/telemetry/log-output.ts';
import { createLogger } from '../adapters/telemetry/logger.ts';
import { createMetrics } from '../adapters/telemetry/metrics.ts';
import { inspectCaFile } from '../adapters/tls/ca-file.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { fileOrigins } from '../core/file-origin.ts';
import { checkCommand } from './cli/check-command.ts';
import { type CredentialPlace, lackSentence, originSentence } from './cli/credential-place.ts';
import { type Destination, type DestinationOptions, destinationOf } from './cli/destination.ts';
import { exitCodeOf } from './cli/exit-codes.ts';
import { type Actions, createProgram, type PathDefaults, type RunArguments } from './cli/program.ts';
import { withoutArguments } from './cli/quoted-arguments.ts';
import { reissueCommand } from './cli/reissue-command.ts';
import {
  checkUsed,
  type SettingsDependencies,
  setCredential,
  setInterval as setRenewalInterval,
  type WriteValues,
} from './cli/settings-commands.ts';
import { statusCommand } from './cli/status-command.ts';
import { createTerminalOutput } from './cli/terminal-output.ts';
import { type ValidateDependencies, validateCommand } from './cli/validate-command.ts';
import type { Cluster } from './cluster-main.ts';
import { warningsOf } from './configuration/warnings.ts';
import { loadConfiguration } from './configuration-in-force.ts';
import { clientNames, firstToKnow } from './endpoints/caller-authenticators.ts';
import { type Adapters, runTokenAcquirer } from './process.ts';
import { executionStates } from './token/execution-states.ts';
import { createTokenEndpoint } from './token/protocol-adapters.ts';

/** How long the process may live on after its work has ended, in milliseconds. */
const LONGEST_EXIT = 500;

const clock = createSystemClock();
const random = createSystemRandom();
const output = createTerminalOutput(process);
/** Set by the chart, also for commands that run in the pod. */
const { FILE_ORIGINS: origins = '' } = process.env;
const originOf = fileOrigins(origins, podNamespace());
const isFromChart = origins !== '';

async function adaptersFor(options: RunArguments): Promise<Adapters & { close(): Promise<void> }> {
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
  const local = [createLog(logger, clock), metrics];
  const onFault = (message: string): void => fanOut(local).process({ kind: 'warning', message });
  const cluster = await clusterFor(options, onFault);
  const place = placeOf(options, cluster);
  const telemetry = fanOut(cluster === undefined ? local : [...local, cluster.events]);
  return {
    clock,
    random,
    telemetry,
    credentials: createDirectoryCredentialSource(folders.credentials, {
      explain: (lack) => lackSentence(place, lack),
      origin: (credential, of) => originSentence(place, credential, of),
    }),
    store: folders.tokens === undefined ? there(cluster).store : createDirectoryTokenStore(folders.tokens),
    storeWatch: folders.tokens === undefined ? cluster?.storeWatch : undefined,
    execution: executionStates(createLocalExecutionState({ clock }), cluster?.execution),
    keepCertificate: cluster?.keepCertificate,
    // No kubelet stands between a token directory and its readers.
    nudge: folders.tokens === undefined ? cluster?.nudge : undefined,
    createChains: (settings) =>
      folders.state === undefined
        ? there(cluster).createChains(settings)
        : createDirectoryRefreshTokenStore(folders.state),
    // With a state in a folder, nothing says that the Secret exists.
    marking:
      cluster === undefined || folders.state !== undefined
        ? undefined
        : { pod: process.env['HOSTNAME'] ?? hostname(), createMark: (settings) => cluster.createMark(settings) },
    metrics: (tokens, conditions) => metrics.expose(tokens, conditions),
    createEndpoint: (servers) =>
      createTokenEndpoint(servers, {
        oauth: (own) => createOAuthTokenEndpoint(own, { clock, originOf, isFromChart }),
      }),
    createCallers: ({ callers, cluster: settings, tokens }) => {
      if (cluster === undefined && settings.neededBy !== undefined)
        throw new UsageError(`${settings.neededBy}${NEEDED}`);
      const named = createTokenFileAuthenticator(callers, { clock, onFault });
      return cluster === undefined ? named : firstToKnow([named, cluster.createCallers(settings, clientNames(tokens))]);
    },
    close: () => cluster?.close() ?? Promise.resolve(),
    memoryLimit,
    originOf,
    releaseMemory,
    watchFile: (file, changed) => watchDirectory(dirname(file), changed, { only: (name) => name === basename(file) }),
  };
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

function there(cluster: Cluster | undefined): Cluster {
  if (cluster === undefined) throw new UsageError('Give --token-directory and --state.');
  return cluster;
}

/** Names the options that were not given. */
function missingOf(options: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(options)
    .flatMap(([option, given]) => (given === undefined ? [option] : []))
    .join(' and ');
}

const actions: Actions = {
  async run(options) {
    refuseOpenMemory(process);
    keepMemoryClosed((text) => output.error(text));
    const stop = listenForStop();
    const stopCollecting = collectWhenIdle();
    try {
      const adapters = await adaptersFor(options);
      try {
        await runTokenAcquirer(options, adapters, stop.signal);
      } finally {
        await adapters.close();
      }
    } finally {
      stop.release();
      stopCollecting();
      // Whatever is left, as a log that nobody reads or a name that is not resolved, does not hold up the end.
      setTimeout(() => process.exit(), LONGEST_EXIT).unref();
    }
  },
  async validate({ config, credentials }) {
    const source =
      credentials === undefined ? undefined : createDirectoryCredentialSource(readable(credentials, '--credentials'));
    const configuration = await loadConfiguration(config, originOf);
    const warnings = warningsOf(configuration);
    createTokenFileAuthenticator(configuration.callers, { clock, onFault: (fault) => void warnings.push(fault) });
    const caFileFault: ValidateDependencies['caFileFault'] = (path) => inspectCaFile(path)(clock.now());
    await validateCommand(configuration, { credentials: source, caFileFault, originOf, output });
    for (const warning of warnings) output.error(`Warning: ${warning}\n`);
  },
  status: (options) => statusCommand(options, getText, output),
  check: (names, options) => checkCommand(names, options, { get: getText, post: postJson, output }),
  reissue: (name, options) =>
    reissueCommand(name, options, {
      get: getText,
      createReissuer: createHttpsReissuer,
      output,
      readInput: readStandardInput,
    }),
  setCredential: (credential, options) =>
    writing(destinationOf(credential, options, 'credentials'), options, ({ check, write }) =>
      setCredential(credential, options.key, {
        check,
        write,
        output,
        prompt: promptSilently(),
        readInput: readStandardInput,
      }),
    ),
  setInterval: (credential, interval, options) => {
    const destination = destinationOf(credential, options, 'interval');
    return writing(destination, options, ({ check, write }) =>
      setRenewalInterval(credential, interval, {
        check: async (name) => {
          await check?.(name);
          if (destination.kind === 'folder') checkCredentialExists(destination.root, name);
        },
        write,
        output,
      }),
    );
  },
};

/** A configuration that is named decides which credentials there are, else the cluster. */
async function writing(
  destination: Destination,
  { config }: DestinationOptions,
  act: (target: Pick<SettingsDependencies, 'check' | 'write'>) => Promise<void>,
): Promise<void> {
  const check = config === undefined ? undefined : checkConfigured(config);
  if (destination.kind === 'folder') return act({ check, write: folderWriter(destination.root) });
  const { connectTerminal } = await import('./terminal-main.ts');
  const terminal = connectTerminal(destination);
  try {
    await act({ check: check ?? terminal.check, write: terminal.write });
  } finally {
    await terminal.close();
  }
}

function checkConfigured(config: string): (credential: string) => Promise<void> {
  return async (credential) => checkUsed(credential, config, await loadConfiguration(config, originOf));
}

function folderWriter(root: string): WriteValues {
  return async (credential, values) => {
    for (const [key, value] of values) await writeCredentialValue(root, credential, key, value.reveal());
    return {};
  };
}

/** Where the chart and the manifests mount them. */
function pathDefaults(): PathDefaults {
  const existing = (path: string): string | undefined => (existsSync(path) ? path : undefined);
  return {
    config: existing('/etc/token-acquirer/config/config.yaml'),
    credentials: existing('/etc/token-acquirer/credentials'),
  };
}

/** Not at the top level, where a bundle in one CommonJS file, which starts fastest, cannot await. */
async function main(): Promise<void> {
  try {
    await createProgram(actions, manifest.version, pathDefaults()).parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has printed its own sentence already.
    if (error instanceof CommanderError || messageOf(error) === '') return;
    output.error(`${withoutArguments(messageOf(error), process.argv.slice(2))}\n`);
  }
}

void main();
