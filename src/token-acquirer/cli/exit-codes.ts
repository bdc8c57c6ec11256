import { CommanderError } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { ConfigurationError } from '../configuration/problems.ts';

/** What the exit codes of `token-acquirer` mean; `--help` prints them. */
export const EXIT = {
  ok: 0,
  /** What was asked for did not come about: a token is not well, a reissue was refused, the process failed. */
  failed: 1,
  /** Wrong arguments, or a fault in a file that was named. */
  usage: 2,
  /** No token-acquirer answers, or no API server. */
  unreachable: 3,
} as const;

export const EXIT_CODES_HELP = `
Exit codes:
  0  done
  1  what was asked for did not come about (a token is not well, a reissue was refused)
  2  wrong arguments, or a fault in a file that was named
  3  no token-acquirer answers at the given URL, or no API server`;

/** Ends a command with an exit code; the message, if any, goes to standard error. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit code that an error ends the command with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CommandFailed) return error.exitCode;
  return error instanceof UsageError || error instanceof ConfigurationError ? EXIT.usage : EXIT.failed;
}
