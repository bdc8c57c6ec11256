import type { Command, Option } from 'commander';
import type { CheckArguments } from './check-command.ts';

export interface CheckActions {
  check(names: readonly string[], options: CheckArguments): Promise<void>;
}

/** Adds `credentials check` to the command `credentials`. */
export function addCheck(credentials: Command, statusUrl: Option, actions: CheckActions): void {
  credentials
    .command('check')
    .description(
      'try a credential now with one token request; its token is never stored, and is revoked if the server can do that; exit code 1 if the credential is not accepted',
    )
    .argument('<name...>', 'a credential, or a token as namespace/secret/name, to send the request of that token')
    .addOption(statusUrl)
    .addHelpText('after', CHECK_EXAMPLES)
    .action((names: string[], options: CheckArguments) => actions.check(names, options));
}

const CHECK_EXAMPLES = `
The running token-acquirer sends the request, with the values in its credentials volume. It sends no request shortly after the
authorization server rejected the same values, and none for the grant refresh_token.

In a cluster, either of:
  $ kubectl -n token-acquirer exec deployment/token-acquirer -- token-acquirer credentials check dynamics
  $ kubectl -n token-acquirer port-forward deployment/token-acquirer 9090
  $ token-acquirer credentials check dynamics`;
