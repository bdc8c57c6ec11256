import { Command, Option } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { isLabel } from '../../core/names.ts';
import { addDoctor, type DoctorActions } from '../cli/doctor-program.ts';
import { EXIT_CODES_HELP } from '../cli/exit-codes.ts';
import { argumentError } from '../cli/quoted-arguments.ts';
import type { Scope } from './cluster-view.ts';
import { FORMATS, type Format } from './output.ts';
import { addPluginSettings, type PluginSettingActions } from './plugin-settings-program.ts';
import type { StatusOptions } from './status-command.ts';

/** Which cluster, as for kubectl, and where token-acquirers run in it. */
export interface ClusterOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly selector: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** The functions behind the commands, wired in plugin-main.ts. */
export interface PluginActions extends DoctorActions, PluginSettingActions {
  status(options: ClusterOptions & StatusOptions): Promise<void>;
  inspect(name: string, options: ClusterOptions & { readonly output: Format }): Promise<void>;
  reissue(name: string, options: ClusterOptions & { readonly serviceAccount?: string }): Promise<void>;
  completion(shell: 'bash' | 'zsh'): void;
}

/** The commands, in the order of the help. A further one is added here. */
const COMMANDS: readonly ((program: Command, actions: PluginActions) => void)[] = [
  addStatus,
  addInspect,
  addReissue,
  addPluginSettings,
  addDoctor,
  addCompletion,
];

/** Returns the command line of the plugin. Wrong arguments end with a sentence and exit code 2. */
export function createPluginProgram(actions: PluginActions, version: string): Command {
  // kubectl turns the underscore of the file name into this.
  const program = new Command('kubectl token-acquirer')
    .description('Shows and operates the token-acquirers of a cluster, with the permissions of your kubeconfig.')
    .version(version)
    .showHelpAfterError('(add --help for all options)')
    .configureOutput({ outputError: (text, write) => write(argumentError(text)) })
    .addHelpText('after', EXIT_CODES_HELP)
    .exitOverride();
  for (const add of COMMANDS) add(program, actions);
  return program;
}

/** Adds the options that say which token-acquirers are meant. */
export function withCluster(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', 'namespace of the token-acquirer (default: all that you may list)')
    .addOption(
      new Option(
        '-A, --all-namespaces',
        'token-acquirers in all namespaces, or an error if you may not list them',
      ).conflicts('namespace'),
    )
    .option('-l, --selector <labels>', 'labels of the pods of a token-acquirer', SELECTOR)
    .option('--kubeconfig <file>', 'your kubeconfig (default: $KUBECONFIG, or ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig (default: the current one)');
}

const SELECTOR = 'app.kubernetes.io/name=token-acquirer';

/** Returns where to look for token-acquirers. Throws UsageError. */
export function scopeOf({ namespace, allNamespaces = false, selector = SELECTOR }: Partial<ClusterOptions>): Scope {
  if (namespace !== undefined && !isLabel(namespace)) {
    throw new UsageError('--namespace must be a namespace: lower-case letters, digits and "-".');
  }
  return { namespace, everywhere: allNamespaces, selector };
}

const formatOption = (): Option =>
  new Option('-o, --output <format>', 'output format').choices([...FORMATS]).default('table');

function addStatus(program: Command, actions: PluginActions): void {
  withCluster(
    program
      .command('status')
      .description('show the tokens of all shards, what needs attention first; exit code 1 if something is unhealthy'),
  )
    .option('-w, --watch', 'show it again every 2 s, until Ctrl-C')
    .option('--unhealthy', 'only unhealthy tokens')
    .option('--secret-namespace <namespace>', 'only tokens whose Secrets are in this namespace')
    .addOption(formatOption())
    .addHelpText('after', STATUS_EXAMPLES)
    .action((options: ClusterOptions & StatusOptions) => actions.status(options));
}

function addInspect(program: Command, actions: PluginActions): void {
  withCluster(
    program
      .command('inspect')
      .description(
        'show everything about one token except the token: conditions, times, errors, events, and the pods that use its Secret; exit code 1 if it is unhealthy',
      )
      .argument('<name>', 'the token, as namespace/secret/name, or the end of that where it is unique'),
  )
    .addOption(formatOption())
    .addHelpText('after', INSPECT_EXAMPLES)
    .action((name: string, options: ClusterOptions & { readonly output: Format }) => actions.inspect(name, options));
}

function addReissue(program: Command, actions: PluginActions): void {
  withCluster(
    program
      .command('reissue')
      .description('request a new token now, to replace the current one; says why not, where that is not possible')
      .argument('<name>', 'the token, as namespace/secret/name, or the end of that where it is unique'),
  )
    .option(
      '--service-account <namespace/name>',
      'client of the token to ask as (default: the first one that you may make a token of)',
    )
    .addHelpText('after', REISSUE_EXAMPLES)
    .action((name: string, options: ClusterOptions & { readonly serviceAccount?: string }) =>
      actions.reissue(name, options),
    );
}

function addCompletion(program: Command, actions: PluginActions): void {
  program
    .command('completion')
    .description('print a script that completes commands, options and names of tokens in a shell')
    .addArgument(program.createArgument('<shell>', 'bash or zsh').choices(['bash', 'zsh']))
    .addHelpText('after', COMPLETION_EXAMPLES)
    .action((shell: 'bash' | 'zsh') => actions.completion(shell));
}

const STATUS_EXAMPLES = `
It lists pods and opens a port forward to one pod of each shard, so it needs the verb list on pods, and get and create on
pods/portforward, in the namespace of the token-acquirer. It reads no Secret.

Examples:
  $ kubectl token-acquirer status
  $ kubectl token-acquirer status --unhealthy --watch
  $ kubectl token-acquirer status -n token-acquirer --secret-namespace billing -o yaml`;

const INSPECT_EXAMPLES = `
Pods and events are read in the namespace of the Secret. What you may not list is left out, and named.

Examples:
  $ kubectl token-acquirer inspect billing/billing-tokens/dynamics
  $ kubectl token-acquirer inspect dynamics -o json`;

const REISSUE_EXAMPLES = `
Only a client of a token may request a new one, so the plugin makes a ServiceAccount token of one of the clients. Besides the
permissions of status, it needs get on pods and configmaps in the namespace of the token-acquirer. It also needs get on the
token Secret, of which it uses ca.crt, and create on serviceaccounts/token in the namespace of the client.

Example:
  $ kubectl token-acquirer reissue billing/billing-tokens/dynamics`;

const COMPLETION_EXAMPLES = `
Examples:
  $ eval "$(kubectl token-acquirer completion bash)"
  $ eval "$(kubectl token-acquirer completion zsh)"`;
