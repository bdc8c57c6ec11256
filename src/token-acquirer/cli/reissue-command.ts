import { ReissueError, UsageError } from '../../core/errors.ts';
import type { Reissuer } from '../../ports/reissuer.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import { type CommandOutput, readStatus } from './status-command.ts';

export interface ReissueArguments {
  readonly url: string;
  readonly statusUrl: string;
  readonly callerToken: string;
  readonly caFile?: string;
}

export interface ReissueSettings {
  readonly url: string;
  readonly namespace: string;
  readonly secret: string;
  readonly callerTokenFile: string;
  readonly caFile?: string;
}

export interface ReissueCommandDependencies {
  readonly get: Parameters<typeof readStatus>[1];
  createReissuer(settings: ReissueSettings): Reissuer;
  readonly output: CommandOutput;
}

/** Asks for a successor of the present token, whichever it is. Throws UsageError or CommandFailed. */
export async function reissueCommand(
  name: string,
  options: ReissueArguments,
  dependencies: ReissueCommandDependencies,
): Promise<void> {
  const [namespace, secret, token, ...rest] = name.split('/');
  if (namespace === undefined || secret === undefined || token === undefined || rest.length > 0) {
    throw new UsageError('Name the token as namespace/secret/name; `token-acquirer status` lists them.');
  }
  const report = await readStatus(options.statusUrl, dependencies.get);
  const present = report.tokens.find((candidate) => candidate.token === name);
  if (present === undefined) {
    const there = report.tokens.map((candidate) => candidate.token).join(', ') || 'none';
    throw new CommandFailed(EXIT.failed, `There is no token ${name}. There are: ${there}.`);
  }
  const settings = {
    url: options.url,
    namespace,
    secret,
    callerTokenFile: options.callerToken,
    ...(options.caFile !== undefined && { caFile: options.caFile }),
  };
  try {
    const answer = await dependencies.createReissuer(settings).reissue(token, present.sha256 ?? '0'.repeat(64));
    const stored = answer.stored ? 'stored' : 'not stored';
    dependencies.output.out(
      `${name}: ${answer.outcome}, ${stored}, generation ${answer.generation}, expires ${new Date(answer.expiresAt).toISOString()}\n`,
    );
  } catch (error) {
    if (!(error instanceof ReissueError)) throw error;
    throw new CommandFailed(error.status === undefined ? EXIT.unreachable : EXIT.failed, error.message);
  }
}
