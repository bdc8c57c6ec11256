import type { Command } from 'commander';
import { SET_KEYS } from '../../core/credential.ts';
import type { DestinationOptions } from './destination.ts';
import { argumentError } from './quoted-arguments.ts';

/** The functions behind the commands that set something. */
export interface SettingActions {
  setCredential(credential: string, options: DestinationOptions & { key?: string[] }): Promise<void>;
  setInterval(credential: string, interval: string, options: DestinationOptions): Promise<void>;
}

/** Returns the command `credentials`. */
export function addSettings(program: Command, actions: SettingActions): Command {
  const group = program
    .command('credentials')
    .description('set or check credentials, in a Secret or in the credentials volume');
  addDestination(addCredentialsSet(group), 'credentials')
    .addHelpText('after', CREDENTIAL_EXAMPLES)
    .action((credential: string, options: DestinationOptions & { key?: string[] }) =>
      actions.setCredential(credential, options),
    );
  addDestination(addIntervalSet(program), 'interval')
    .addHelpText('after', INTERVAL_EXAMPLES)
    .action((credential: string, duration: string, options: DestinationOptions) =>
      actions.setInterval(credential, duration, options),
    );
  return group;
}

/** Returns the command `set` of `credentials`, without the options that say where. */
export function addCredentialsSet(group: Command): Command {
  return group
    .command('set')
    .description(
      'set values of a credential: prompts without echo, or reads standard input: the value of one --key, or lines KEY=VALUE',
    )
    .argument('<credential>', 'name of the credential')
    .option(
      '-k, --key <key...>',
      `values to set, such as --key client_id client_secret (default: all that standard input names, or a prompt for each): ${SET_KEYS.join(', ')}`,
    )
    .configureOutput({ outputError: (text, write) => write(`${argumentError(text)}${NO_VALUES}`) });
}

/** Returns the command `interval set`, without the options that say where. */
export function addIntervalSet(program: Command): Command {
  return program
    .command('interval')
    .description('set the renewal interval of a credential')
    .command('set')
    .description('set the renewal interval of a credential, for all tokens that use it; no restart is needed')
    .argument('<credential>', 'name of the credential')
    .argument('<interval>', 'a duration such as 30s, 10m or 1h30m');
}

function addDestination(command: Command, ending: 'credentials' | 'interval'): Command {
  return command
    .option(
      '-n, --namespace <namespace>',
      'in a cluster: namespace of the token-acquirer (this or --credentials is required)',
    )
    .option(
      '--secret <name>',
      `Secret to write, created if it is missing (default: "<credential>-${ending}", or the Secret of credentialsSecret)`,
    )
    .option('--kubeconfig <file>', 'your kubeconfig (default: $KUBECONFIG, or ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig (default: the current one)')
    .option('--config <file>', 'configuration file; a credential that no token in it uses is rejected')
    .option(
      '--credentials <dir>',
      'outside a cluster: credentials volume, with one folder per credential and one file per value',
    );
}

/** What follows an error in the arguments of `credentials set`. */
const NO_VALUES =
  'Never pass values as arguments: every process on the machine can read them. The command prompts for values, or reads lines KEY=VALUE from standard input.\n';

const CREDENTIAL_EXAMPLES = `
In a cluster, it needs the verbs patch and create on Secrets, and reads no Secret. Other keys of the Secret stay unchanged.

Examples:
  $ token-acquirer credentials set dynamics --namespace token-acquirer
  $ token-acquirer credentials set dynamics --key client_id client_secret --namespace token-acquirer
  $ token-acquirer credentials set dynamics --key private_key --namespace token-acquirer < key.pem
  $ token-acquirer credentials set dynamics --key client_secret --credentials ./credentials`;

const INTERVAL_EXAMPLES = `
Examples:
  $ token-acquirer interval set dynamics 10m --namespace token-acquirer
  $ token-acquirer interval set dynamics 10m --credentials ./credentials

To return to the interval of the configuration:
  $ kubectl -n token-acquirer delete secret dynamics-interval`;
