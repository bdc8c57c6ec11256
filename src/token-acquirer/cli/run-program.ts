import { type Command, Option } from 'commander';
import { parseDuration } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import { MOST_SHARDS } from '../../core/shards.ts';
import type { Ms } from '../../core/token.ts';
import type { CredentialSecret } from './credential-place.ts';
import { withCredentialSecret } from './credential-secret-option.ts';
import { REISSUE_ADDRESS } from './reissue-command.ts';
import { configOption, credentialsOption, type PathDefaults } from './shared-options.ts';
import { STATUS_ADDRESS } from './status-command.ts';

export interface RunArguments {
  readonly config: string;
  readonly credentials: string;
  /** The Secrets of credentials that are not `<credential>-credentials`, for messages. */
  readonly credentialSecret: ReadonlyMap<string, CredentialSecret>;
  /** Left out: a Kubernetes Secret. */
  readonly tokenDirectory?: string;
  readonly state?: string;
  readonly kubeconfig?: string;
  /** Left out: other replicas are not asked for their status. */
  readonly replicaToken?: string;
  readonly listen: string;
  readonly statusListen: string;
  /** Left out: probes are answered on the status address only. */
  readonly probeListen?: string;
  readonly connectionsPerAddress: number;
  readonly shard: number;
  readonly grace: Ms;
  readonly logLevel: string;
  /** Left out: the log shows no traces. */
  readonly logTraces?: boolean;
}

export interface RunActions {
  run(options: RunArguments): Promise<void>;
}

/** Adds the command `run`. */
export function addRun(program: Command, actions: RunActions, { config, credentials }: PathDefaults): void {
  const run = program
    .command('run')
    .description('run token-acquirer in the foreground, until SIGTERM or Ctrl-C')
    .addOption(configOption(config))
    .addOption(credentialsOption(credentials))
    .addOption(
      new Option(
        '--credential-secret <credential=secret[,key=key-in-secret]>',
        'for messages: the Secret that a credential is mounted from, if not <credential>-credentials (repeatable)',
      )
        .argParser(withCredentialSecret)
        .default(new Map(), 'none'),
    )
    .option(
      '--token-directory <dir>',
      'directory to store tokens in, as <dir>/<namespace>/<secret>/<key> (required outside a cluster; default in a cluster: Secrets)',
    )
    .option(
      '--state <dir>',
      'directory to keep rotated refresh tokens in, which no client may read (required outside a cluster; default in a cluster: a Secret)',
    );
  addEndpoints(run)
    .addHelpText(
      'after',
      `
Examples:
  $ token-acquirer run --config config.yaml --credentials ./credentials --token-directory ./tokens --state ./state
  In a pod:
  $ token-acquirer run --config config.yaml --credentials ./credentials --listen :8443 --status-listen :9090 --probe-listen :9091`,
    )
    .action((options: RunArguments) => actions.run(options));
}

/** Adds the cluster, the addresses and what else bounds a run. */
function addEndpoints(run: Command): Command {
  return run
    .option('--kubeconfig <file>', 'cluster to use (default in a pod: its own cluster, with its ServiceAccount)')
    .option(
      '--replica-token <file>',
      "token of this pod's ServiceAccount for the audience of callers, with which a replica asks the leader for its status",
    )
    .option(
      '--listen <host:port>',
      'address of the reissue endpoint; listening on a non-loopback address requires a certificate',
      REISSUE_ADDRESS,
    )
    .option(
      '--status-listen <host:port>',
      'address of /metrics, /livez and /readyz, and of /status and /check, which answer on loopback only',
      STATUS_ADDRESS,
    )
    .option('--probe-listen <host:port>', 'second address of /livez and /readyz, with its own connections')
    .addOption(
      new Option(
        '--connections-per-address <number>',
        'maximum connections from one remote address to the reissue endpoint',
      )
        .argParser(countOf('--connections-per-address'))
        .default(64),
    )
    .addOption(
      new Option(
        '--shard <number>',
        'shard whose tokens this process works on, from 0 on (shards in the configuration)',
      )
        .argParser(shardOf)
        .default(0),
    )
    .addOption(
      new Option('--grace <duration>', 'how long requests in flight may continue after SIGTERM')
        .argParser(durationOf('--grace'))
        .default(8000, '8s'),
    )
    .addOption(
      new Option('--log-level <level>', 'minimum log level')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--log-traces', 'show the trace of a call (its header traceparent) in the lines that follow from the call');
}

function countOf(option: string): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
    throw new UsageError(`${option} must be a whole number, 1 or greater.`);
  };
}

function shardOf(text: string): number {
  if (/^\d{1,2}$/.test(text) && Number(text) < MOST_SHARDS) return Number(text);
  throw new UsageError(`--shard must be a whole number from 0 to ${MOST_SHARDS - 1}.`);
}

function durationOf(option: string): (text: string) => Ms {
  return (text) => {
    const duration = parseDuration(text);
    if (duration === undefined) throw new UsageError(`${option} must be a duration such as 8s or 1m.`);
    return duration;
  };
}
