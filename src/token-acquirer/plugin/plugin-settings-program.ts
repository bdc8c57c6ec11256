import type { Command } from 'commander';
import { CREDENTIAL_KEYS } from '../../core/credential.ts';
import type { DestinationOptions } from '../cli/destination.ts';
import { argumentError } from '../cli/quoted-arguments.ts';
import { NO_VALUES } from '../cli/settings-program.ts';

/** Where a setting is written: always into a Secret. */
export type SecretOptions = Omit<DestinationOptions, 'credentials'>;

/** The functions behind the commands that set something. */
export interface PluginSettingActions {
  setCredential(credential: string, options: SecretOptions & { key?: string[] }): Promise<void>;
  setInterval(credential: string, interval: string, options: SecretOptions): Promise<void>;
}

/** Adds `interval set` and `credentials set`, which write into Secrets of the token-acquirer. */
export function addPluginSettings(program: Command, actions: PluginSettingActions): void {
  const interval = program
    .command('interval')
    .description('set the renewal interval of a credential')
    .command('set')
    .description('set the renewal interval of a credential, for all tokens that use it; no restart is needed')
    .argument('<credential>', 'name of the credential')
    .argument('<interval>', 'a duration such as 30s, 10m or 1h30m');
  withSecret(interval, 'interval')
    .addHelpText('after', INTERVAL_EXAMPLES)
    .action((credential: string, duration: string, options: SecretOptions) =>
      actions.setInterval(credential, duration, options),
    );
  const credentials = program
    .command('credentials')
    .description('set credentials')
    .command('set')
    .description(
      'set values of a credential: prompts without echo, or reads standard input: the value of one --key, or lines KEY=VALUE',
    )
    .argument('<credential>', 'name of the credential')
    .option(
      '-k, --key <key...>',
      `values to set (default: all that standard input names, or a prompt for each): ${CREDENTIAL_KEYS.join(', ')}`,
    );
  withSecret(credentials, 'credentials')
    .configureOutput({ outputError: (text, write) => write(`${argumentError(text)}${NO_VALUES}`) })
    .addHelpText('after', CREDENTIAL_EXAMPLES)
    .action((credential: string, options: SecretOptions & { key?: string[] }) =>
      actions.setCredential(credential, options),
    );
}

function withSecret(command: Command, ending: 'credentials' | 'interval'): Command {
  return command
    .option('-n, --namespace <namespace>', 'namespace of the token-acquirer (default: the one that has one)')
    .option(
      '--secret <name>',
      `Secret to write (default: "<credential>-${ending}", or the Secret of credentialsSecret)`,
    )
    .option('--kubeconfig <file>', 'your kubeconfig (default: $KUBECONFIG, or ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig (default: the current one)')
    .option('--config <file>', 'configuration file; a credential that no token in it uses is rejected');
}

const INTERVAL_EXAMPLES = `
Example:
  $ kubectl token-acquirer interval set dynamics 10m`;

const CREDENTIAL_EXAMPLES = `
It needs the verbs patch and create on Secrets, and reads no Secret. Other keys of the Secret stay unchanged.

Examples:
  $ kubectl token-acquirer credentials set dynamics
  $ kubectl token-acquirer credentials set dynamics --key private_key < key.pem`;
