import { Command, Help, Option } from 'commander';
import { parseDuration } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import { addCheck, type CheckActions } from './check-program.ts';
import type { CredentialSecret } from './credential-place.ts';
import { withCredentialSecret } from './credential-secret-option.ts';
import type { DestinationOptions } from './destination.ts';
import { EXIT_CODES_HELP } from './exit-codes.ts';
import { argumentError } from './quoted-arguments.ts';
import { REISSUE_ADDRESS, type ReissueArguments } from './reissue-command.ts';
import { addSettings } from './settings-program.ts';
import { STATUS_ADDRESS, type StatusArguments } from './status-command.ts';

export interface RunArguments {
  readonly config: string;
  readonly credentials: string;
  /** The Secrets of credentials that are not `<credential>-credentials`, for messages. */
  readonly credentialSecret: ReadonlyMap<string, CredentialSecret>;
  /** Left out: a Kubernetes Secret. */
  readonly tokenDirectory?: string;
  readonly state?: string;
  readonly kubeconfig?: string;
  readonly listen: string;
  readonly statusListen: string;
  /** Left out: probes are answered on the status address only. */
  readonly probeListen?: string;
  readonly connectionsPerAddress: number;
  readonly grace: Ms;
  readonly logLevel: string;
}

/** The functions behind the commands, wired in main.ts. */
export interface Actions extends CheckActions {
  run(options: RunArguments): Promise<void>;
  validate(options: { config: string; credentials?: string }): Promise<void>;
  status(options: StatusArguments): Promise<void>;
  reissue(name: string, options: ReissueArguments): Promise<void>;
  setCredential(credential: string, options: DestinationOptions & { key?: string[] }): Promise<void>;
  setInterval(credential: string, interval: string, options: DestinationOptions): Promise<void>;
}

/** The default paths of files, as in a pod of the chart. A path that is left out has to be named. */
export interface PathDefaults {
  readonly config?: string | undefined;
  readonly credentials?: string | undefined;
}

/** Returns the command line. Unknown options and missing arguments end with a sentence and exit code 2. */
export function createProgram(actions: Actions, version: string, defaults: PathDefaults = {}): Command {
  const program = new Command('token-acquirer')
    .description(
      'Obtains OAuth access tokens, renews them before they expire, and stores them where client apps can read them. Client apps never see the credentials.',
    )
    .version(version)
    .showHelpAfterError('(add --help for all options)')
    .configureHelp({ optionDescription })
    .configureOutput({ outputError: (text, write) => write(argumentError(text)) })
    .addHelpText('after', EXIT_CODES_HELP)
    .exitOverride();
  addRun(program, actions, defaults);
  addQuestions(program, actions, defaults);
  addCheck(addSettings(program, actions), statusUrlOption(), actions);
  return program;
}

const credentialsOption = (preset: string | undefined): Option =>
  withDefault(
    new Option(
      '--credentials <dir>',
      'credentials volume: one folder per credential, one file per value',
    ).makeOptionMandatory(),
    preset,
  );
const configOption = (preset: string | undefined): Option =>
  withDefault(new Option('--config <file>', 'configuration file (YAML)').makeOptionMandatory(), preset);

/** Describes an option for the help: Commander shows a default, but not that an option without one is required. */
function optionDescription(option: Option): string {
  const text = new Help().optionDescription(option);
  return option.mandatory && option.defaultValue === undefined ? `${text} (required)` : text;
}

function withDefault(option: Option, preset: string | undefined): Option {
  return preset === undefined ? option : option.default(preset);
}

const statusUrlOption = (): Option =>
  new Option(
    '--status-url <url>',
    `status address of the running token-acquirer (default: "http://${STATUS_ADDRESS}", then port 9090, as in a pod and through a port-forward)`,
  );

function addRun(program: Command, actions: Actions, { config, credentials }: PathDefaults): void {
  program
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
    )
    .option('--kubeconfig <file>', 'cluster to use (default in a pod: its own cluster, with its ServiceAccount)')
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
      new Option('--grace <duration>', 'how long requests in flight may continue after SIGTERM')
        .argParser(durationOf('--grace'))
        .default(8000, '8s'),
    )
    .addOption(
      new Option('--log-level <level>', 'minimum log level')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
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

function addQuestions(program: Command, actions: Actions, { config, credentials }: PathDefaults): void {
  program
    .command('validate')
    .description('check a configuration, and with --credentials also its credentials; prints every error')
    .addOption(configOption(config))
    .addOption(withDefault(new Option('--credentials <dir>', 'credentials volume to check, too'), credentials))
    .action((options: { config: string; credentials?: string }) => actions.validate(options));
  program
    .command('status')
    .description(
      'show every token: state, expiry, renewal, generation, last error and unhealthy conditions; exit code 1 if a token is unhealthy',
    )
    .addOption(statusUrlOption())
    .option('-n, --namespace <namespace>', 'only tokens whose Secrets are in this namespace')
    .option('--unhealthy', 'only unhealthy tokens')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'))
    .addHelpText('after', STATUS_EXAMPLES)
    .action((options: StatusArguments) => actions.status(options));
  program
    .command('reissue')
    .description('request a new token now, to replace the current one')
    .argument('<name>', 'the token, as namespace/secret/name')
    .requiredOption(
      '--caller-token <file>',
      "file with the token of a caller that is among the token's clients; - for standard input",
    )
    .option(
      '--url <url>',
      `address of the reissue endpoint (default: "http://${REISSUE_ADDRESS}"; "https://127.0.0.1:8443" with --ca-file or --server-name, or where the status is on port 9090)`,
    )
    .option('--ca-file <file>', 'CA certificate of the reissue endpoint (PEM)')
    .option(
      '--server-name <name>',
      'name in the certificate of the reissue endpoint, if it differs from the host of the URL',
    )
    .addOption(statusUrlOption())
    .addHelpText('after', REISSUE_EXAMPLES)
    .action((name: string, options: ReissueArguments) => actions.reissue(name, options));
}

const FORWARD = '  $ kubectl -n token-acquirer port-forward deployment/token-acquirer 9090 8443';

const STATUS_EXAMPLES = `
In a cluster, either of:
  $ kubectl -n token-acquirer exec deployment/token-acquirer -- token-acquirer status
${FORWARD}
  $ token-acquirer status --namespace billing --unhealthy`;

const REISSUE_EXAMPLES = `
In a cluster, where billing-app is among the token's clients:
${FORWARD}
  $ kubectl -n billing get secret billing-tokens -o go-template='{{index .data "ca.crt" | base64decode}}' > ca.crt
  $ kubectl -n billing create token billing-app --audience token-acquirer.token-acquirer |
      token-acquirer reissue billing/billing-tokens/dynamics --caller-token - --ca-file ca.crt \\
      --server-name token-acquirer.token-acquirer.svc`;

function countOf(option: string): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
    throw new UsageError(`${option} must be a whole number, 1 or greater.`);
  };
}

function durationOf(option: string): (text: string) => Ms {
  return (text) => {
    const duration = parseDuration(text);
    if (duration === undefined) throw new UsageError(`${option} must be a duration such as 8s or 1m.`);
    return duration;
  };
}
