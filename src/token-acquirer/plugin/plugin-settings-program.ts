import type { Command } from 'commander';
import type { DestinationOptions } from '../cli/destination.ts';
import { addCredentialsSet, addIntervalSet } from '../cli/settings-program.ts';

/** Where a setting is written: always into a Secret. */
export type SecretOptions = Omit<DestinationOptions, 'credentials'>;

/** The functions behind the commands that set something. */
export interface PluginSettingActions {
  setCredential(credential: string, options: SecretOptions & { key?: string[] }): Promise<void>;
  setInterval(credential: string, interval: string, options: SecretOptions): Promise<void>;
}

/** Adds `interval set` and `credentials set`, which write into Secrets of the token-acquirer. */
export function addPluginSettings(program: Command, actions: PluginSettingActions): void {
  withSecret(addIntervalSet(program), 'interval')
    .addHelpText('after', INTERVAL_EXAMPLES)
    .action((credential: string, duration: string, options: SecretOptions) =>
      actions.setInterval(credential, duration, options),
    );
  const group = program.command('credentials').description('set credentials');
  withSecret(addCredentialsSet(group), 'credentials')
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
