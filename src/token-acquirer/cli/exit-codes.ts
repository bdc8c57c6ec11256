import { CommanderError } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { ConfigurationError } from '../configuration/problems.ts';

/** The exit codes of `token-acquirer`; `--help` and the reference print them. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'Success.' },
  failed: { code: 1, meaning: 'The operation failed, or a token is unhealthy.' },
  usage: { code: 2, meaning: 'Invalid arguments, or an invalid file.' },
  unreachable: { code: 3, meaning: 'No token-acquirer, or no API server, could be reached.' },
} as const;

export const EXIT = {
  ok: EXIT_CODES.ok.code,
  failed: EXIT_CODES.failed.code,
  usage: EXIT_CODES.usage.code,
  unreachable: EXIT_CODES.unreachable.code,
} as const;

export const EXIT_CODES_HELP = `
Exit codes:
${Object.values(EXIT_CODES)
  .map(({ code, meaning }) => `  ${code}  ${meaning}`)
  .join('\n')}`;

/** Ends a command with an exit code; the message, if any, goes to standard error. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Returns the exit code for an error that ends a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CommandFailed) return error.exitCode;
  return error instanceof UsageError || error instanceof ConfigurationError ? EXIT.usage : EXIT.failed;
}
