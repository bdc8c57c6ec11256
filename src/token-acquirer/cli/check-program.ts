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
      'try a credential now: one token request, whose token is revoked where the server can, and never stored; exit code 1 if it is not accepted',
    )
    .argument('<name...>', 'a credential, or a token as namespace/secret/name to try what that token asks for')
    .addOption(statusUrl)
    .addHelpText('after', CHECK_EXAMPLES)
    .action((names: string[], options: CheckArguments) => actions.check(names, options));
}

const CHECK_EXAMPLES = `
The running token-acquirer sends the request, with what is in its credentials volume. It sends none while the authorization
server's last rejection of the same values is recent, and none for the grant refresh_token.

In a cluster, either of:
  $ kubectl -n token-acquirer exec deployment/token-acquirer -- token-acquirer credentials check dynamics
  $ kubectl -n token-acquirer port-forward deployment/token-acquirer 9090
  $ token-acquirer credentials check dynamics`;
