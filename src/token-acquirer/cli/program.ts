import { Command, Help, Option } from 'commander';
import { addCheck, type CheckActions } from './check-program.ts';
import type { DestinationOptions } from './destination.ts';
import { addDoctor, type DoctorActions } from './doctor-program.ts';
import { EXIT_CODES_HELP } from './exit-codes.ts';
import { argumentError } from './quoted-arguments.ts';
import { REISSUE_ADDRESS, type ReissueArguments } from './reissue-command.ts';
import { addRun, type RunActions } from './run-program.ts';
import { addSettings } from './settings-program.ts';
import { configOption, type PathDefaults, statusUrlOption, withDefault } from './shared-options.ts';
import type { StatusArguments } from './status-command.ts';

/** The functions behind the commands, wired in main.ts. */
export interface Actions extends CheckActions, DoctorActions, RunActions {
  validate(options: { config: string; credentials?: string }): Promise<void>;
  status(options: StatusArguments): Promise<void>;
  reissue(name: string, options: ReissueArguments): Promise<void>;
  setCredential(credential: string, options: DestinationOptions & { key?: string[] }): Promise<void>;
  setInterval(credential: string, interval: string, options: DestinationOptions): Promise<void>;
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
  addDoctor(program, actions);
  addCheck(addSettings(program, actions), statusUrlOption(), actions);
  return program;
}

/** Describes an option for the help: Commander shows a default, but not that an option without one is required. */
function optionDescription(option: Option): string {
  const text = new Help().optionDescription(option);
  return option.mandatory && option.defaultValue === undefined ? `${text} (required)` : text;
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
