import { messageOf } from '../../core/errors.ts';
import { CommandFailed, EXIT, exitCodeOf } from '../cli/exit-codes.ts';
import { isHealthy } from '../endpoints/status-report.ts';
import type { ClusterView, Scope } from './cluster-view.ts';
import { isAllHealthy, type MergedStatus } from './merged-status.ts';
import { type Format, type PluginOutput, show } from './output.ts';
import { statusOfAll } from './shard-answers.ts';
import { statusView } from './status-view.ts';

export interface StatusOptions {
  readonly output: Format;
  readonly watch?: boolean;
  readonly unhealthy?: boolean;
  /** Only tokens whose Secrets are in this namespace. */
  readonly secretNamespace?: string;
}

export interface StatusDependencies {
  readonly cluster: Pick<ClusterView, 'acquirers' | 'status'>;
  readonly output: PluginOutput;
  /** Resolves with `false` when no further status is wanted. */
  readonly pause: () => Promise<boolean>;
}

/** Prints the status of all shards, with `watch` again and again. Throws CommandFailed where something is unhealthy. */
export async function statusCommand(
  scope: Scope,
  options: StatusOptions,
  { cluster, output, pause }: StatusDependencies,
): Promise<void> {
  let status = await readStatus(scope, cluster, output);
  print(status, options, output);
  if (options.watch === true) {
    while (await pause()) {
      output.renew();
      try {
        status = await readStatus(scope, cluster, output);
        print(status, options, output);
      } catch (error) {
        // The next look may succeed, unless the command itself is wrong.
        if (exitCodeOf(error) === EXIT.usage) throw error;
        output.error(`${messageOf(error)}\n`);
      }
    }
    return;
  }
  if (!isAllHealthy(status)) throw new CommandFailed(EXIT.failed, '');
}

/** Finds the token-acquirers and asks each shard. Throws CommandFailed and StoreError. */
export async function readStatus(
  scope: Scope,
  cluster: StatusDependencies['cluster'],
  output: Pick<PluginOutput, 'error'>,
): Promise<MergedStatus> {
  const found = await cluster.acquirers(scope);
  if (found.pods.length === 0) throw new CommandFailed(EXIT.unreachable, noneFound(scope, found.limit));
  const status = await statusOfAll(found, (pod) => cluster.status(pod));
  if (found.limit !== undefined) output.error(`${found.limit}\n`);
  return status;
}

function noneFound({ namespace, selector }: Scope, limit: string | undefined): string {
  const where = namespace === undefined ? 'the cluster' : `the namespace ${namespace}`;
  const what = `the label ${selector}`;
  if (limit !== undefined) return `No pod with ${what} was found. ${limit}`;
  return `No pod in ${where} has ${what}, so no token-acquirer runs there. Name its namespace with -n, its labels with --selector, or the cluster with --context.`;
}

function print(status: MergedStatus, { output: format, ...filter }: StatusOptions, output: PluginOutput): void {
  const shown = { ...status, tokens: status.tokens.filter((token) => isAsked(token, filter)) };
  show(shown, statusView(shown), format, output);
}

function isAsked(
  token: MergedStatus['tokens'][number],
  { unhealthy, secretNamespace }: Omit<StatusOptions, 'output'>,
): boolean {
  if (unhealthy === true && isHealthy(token)) return false;
  return secretNamespace === undefined || token.token.startsWith(`${secretNamespace}/`);
}
