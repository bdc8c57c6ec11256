import { type Command, Option } from 'commander';
import type { DoctorArguments } from './doctor-command.ts';

export interface DoctorActions {
  doctor(options: DoctorArguments): Promise<void>;
}

/** Adds `doctor`. */
export function addDoctor(program: Command, actions: DoctorActions): void {
  program
    .command('doctor')
    .description(
      'find what is wrong with an installation in a cluster, or before one: what, why it matters, and what to type; changes nothing; exit code 1 if something was found',
    )
    .option('--pre', 'check what can be checked before an installation')
    .option('-n, --namespace <namespace>', 'namespace of the token-acquirer', 'token-acquirer')
    .option('--release <name>', 'release of token-acquirer, where its namespace has several')
    .option(
      '--config <file>',
      'configuration file, or the ConfigMap of the chart that has it; - for standard input (default: that of the Deployment; required with --pre)',
    )
    .option('--credentials <dir>', 'with --pre: credentials volume to check, instead of Secrets')
    .option(
      '--in-pods',
      'run commands in the pods of client apps, too: compare their files with the Secret, and call the reissue endpoint; needs get and create on pods/exec',
    )
    .option(
      '--request-token',
      'have the token-acquirer try each credential with a token request, except where that would spend a refresh token; needs get and create on pods/portforward',
    )
    .option('--kubeconfig <file>', 'your kubeconfig (default: $KUBECONFIG, or ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig (default: the current one)')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'))
    .addHelpText('after', examplesFor(program.name()))
    .action((options: DoctorArguments) => actions.doctor(options));
}

/** `name`: of the program, as it is typed. */
const examplesFor = (name: string): string => `
It runs at your terminal, with your permissions, and reads no credential: of their Secrets it asks only for the names of keys. It reads
the token Secrets, and shows nothing of the tokens but their times.

Examples:
  $ ${name} doctor --pre --config config.yaml --namespace token-acquirer
  $ helm template token-acquirer charts/token-acquirer -n token-acquirer -f values.yaml \\
      --show-only templates/configmap.yaml | ${name} doctor --pre --config - --namespace token-acquirer
  $ ${name} doctor --namespace token-acquirer
  $ ${name} doctor --namespace token-acquirer --in-pods --request-token`;
