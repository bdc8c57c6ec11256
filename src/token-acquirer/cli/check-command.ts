import type { CheckReport } from '../token/credential-checks.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import { findStatus, USUAL_PLACES } from './status-command.ts';
import type { CommandOutput } from './terminal-output.ts';

export interface CheckArguments {
  readonly statusUrl?: string;
}

export interface CheckDependencies {
  readonly get: Parameters<typeof findStatus>[1];
  /** Sends JSON, and waits for an answer as long as token requests may take. */
  readonly post: (url: string, body: object) => Promise<{ readonly status: number; readonly body: string }>;
  readonly output: CommandOutput;
}

/**
 * `credentials check`. The running token-acquirer does it, because only it knows which attempts could lock an account.
 * Throws CommandFailed where one of them was not accepted.
 */
export async function checkCommand(
  names: readonly string[],
  { statusUrl }: CheckArguments,
  { get, post, output }: CheckDependencies,
): Promise<void> {
  const { url } = await findStatus(statusUrl === undefined ? USUAL_PLACES : [statusUrl], get);
  let isAccepted = true;
  for (const name of names) {
    const { status, body } = await answered(post(new URL('/check', url).href, { name }), url);
    const answer = parsed(body);
    if (status !== 200 || answer.checks === undefined) throw new CommandFailed(EXIT.failed, refusal(status, answer));
    for (const { outcome, message } of answer.checks) {
      output.out(`${name}: ${message}\n`);
      isAccepted &&= outcome === 'accepted';
    }
  }
  if (!isAccepted) throw new CommandFailed(EXIT.failed, '');
}

interface Answer {
  readonly checks?: readonly CheckReport[];
  /** RFC 9457. */
  readonly detail?: string;
}

async function answered<Value>(answer: Promise<Value>, url: string): Promise<Value> {
  try {
    return await answer;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'failed';
    throw new CommandFailed(EXIT.unreachable, `The token-acquirer at ${url} did not answer (${why}).`);
  }
}

function parsed(body: string): Answer {
  try {
    const answer: unknown = JSON.parse(body);
    return typeof answer === 'object' && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

/** Does not show the name, because someone may have typed a secret in its place. */
function refusal(status: number, { detail }: Answer): string {
  return detail ?? `The token-acquirer answered HTTP ${status}. An older version cannot check credentials: upgrade it.`;
}
