import { Command, Option } from 'commander';
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
  /** Left out, a Kubernetes Secret is used. */
  readonly tokenDirectory?: string;
  readonly state?: string;
  readonly kubeconfig?: string;
  readonly listen: string;
  readonly statusListen: string;
  /** Left out, probes are answered on the status address only. */
  readonly probeListen?: string;
  readonly connectionsPerAddress: number;
  readonly grace: Ms;
  readonly logLevel: string;
}

/** What the commands do: wired in main.ts. */
export interface Actions extends CheckActions {
  run(options: RunArguments): Promise<void>;
  validate(options: { config: string; credentials?: string }): Promise<void>;
  status(options: StatusArguments): Promise<void>;
  reissue(name: string, options: ReissueArguments): Promise<void>;
  setCredential(credential: string, options: DestinationOptions & { key?: string[] }): Promise<void>;
  setInterval(credential: string, interval: string, options: DestinationOptions): Promise<void>;
}

/** Where the files are in this place, as in a pod of the chart; left out where they have to be named. */
export interface PathDefaults {
  readonly config?: string | undefined;
  readonly credentials?: string | undefined;
}

/** The command line. Unknown options and missing arguments end with a sentence and exit code 2. */
export function createProgram(actions: Actions, version: string, defaults: PathDefaults = {}): Command {
  const program = new Command('token-acquirer')
    .description(
      'Obtains OAuth access tokens on a cycle and stores them where client apps can read them, and the credentials nowhere near.',
    )
    .version(version)
    .showHelpAfterError('(add --help for all options)')
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
      'credentials volume: a folder a credential, a file a value',
    ).makeOptionMandatory(),
    preset,
  );
const configOption = (preset: string | undefined): Option =>
  withDefault(new Option('--config <file>', 'configuration file (YAML)').makeOptionMandatory(), preset);

function withDefault(option: Option, preset: string | undefined): Option {
  return preset === undefined ? option : option.default(preset);
}

const statusUrlOption = (): Option =>
  new Option(
    '--status-url <url>',
    `status address of the running token-acquirer (default: "http://${STATUS_ADDRESS}"; else port 9090, as in a pod and through a port-forward)`,
  );

function addRun(program: Command, actions: Actions, { config, credentials }: PathDefaults): void {
  program
    .command('run')
    .description('obtain tokens until stopped')
    .addOption(configOption(config))
    .addOption(credentialsOption(credentials))
    .addOption(
      new Option(
        '--credential-secret <credential=secret[,key=key-in-secret]>',
        'for messages: the Secret that a credential is mounted from, if not <credential>-credentials; may be repeated',
      )
        .argParser(withCredentialSecret)
        .default(new Map(), 'none'),
    )
    .option(
      '--token-directory <dir>',
      'where tokens are stored, as <dir>/<namespace>/<secret>/<key>; left out in a cluster: in Secrets',
    )
    .option(
      '--state <dir>',
      'where rotated refresh tokens are kept, which no client may read; left out in a cluster: in a Secret',
    )
    .option('--kubeconfig <file>', 'cluster to use; in a pod its own, by its ServiceAccount')
    .option(
      '--listen <host:port>',
      'address of the reissue endpoint; off loopback it needs a certificate',
      REISSUE_ADDRESS,
    )
    .option(
      '--status-listen <host:port>',
      'address of /metrics, /livez, /readyz, and of /status and /check, which answer on loopback only',
      STATUS_ADDRESS,
    )
    .option('--probe-listen <host:port>', 'another address of /livez and /readyz, with its own connections')
    .addOption(
      new Option('--connections-per-address <number>', 'connections of one remote address to the reissue endpoint')
        .argParser(countOf('--connections-per-address'))
        .default(64),
    )
    .addOption(
      new Option('--grace <duration>', 'how long requests in flight may go on after a stop')
        .argParser(durationOf('--grace'))
        .default(8000, '8s'),
    )
    .addOption(
      new Option('--log-level <level>', 'least level to log')
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
    .description('check a configuration, and with --credentials what its credentials lack; prints every fault')
    .addOption(configOption(config))
    .addOption(withDefault(new Option('--credentials <dir>', 'credentials volume to check as well'), credentials))
    .action((options: { config: string; credentials?: string }) => actions.validate(options));
  program
    .command('status')
    .description(
      'show every token: state, expiry, renewal, generation, last error, unhealthy conditions; exit code 1 if a token is unhealthy',
    )
    .addOption(statusUrlOption())
    .option('-n, --namespace <namespace>', 'only tokens whose Secrets are in this namespace')
    .option('--unhealthy', 'only unhealthy tokens')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'))
    .addHelpText('after', STATUS_EXAMPLES)
    .action((options: StatusArguments) => actions.status(options));
  program
    .command('reissue')
    .description('obtain a new token now, in place of the present one')
    .argument('<name>', 'the token, as namespace/secret/name')
    .requiredOption(
      '--caller-token <file>',
      "file with the caller's own token, as in the token's clients; - for standard input",
    )
    .option(
      '--url <url>',
      `address of the reissue endpoint (default: "http://${REISSUE_ADDRESS}"; "https://127.0.0.1:8443" with --ca-file or --server-name, or where the status is on port 9090)`,
    )
    .option('--ca-file <file>', 'certificate authority of the reissue endpoint (PEM)')
    .option('--server-name <name>', 'what the certificate of the reissue endpoint is for, if not the host of the URL')
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
    throw new UsageError(`${option} must be a number from 1 on.`);
  };
}

function durationOf(option: string): (text: string) => Ms {
  return (text) => {
    const duration = parseDuration(text);
    if (duration === undefined) throw new UsageError(`${option} must be a duration such as 8s.`);
    return duration;
  };
}
