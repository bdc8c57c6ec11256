import { printable } from '../../core/printable.ts';

/** What a command prints. */
export interface CommandOutput {
  /** To standard output. */
  out(text: string): void;
  /** To standard error. */
  error(text: string): void;
}

interface Stream {
  write(text: string): unknown;
}

/** Prints no control sequence, whatever a server sent: everything that a command prints goes through here. */
export function createTerminalOutput(streams: { readonly stdout: Stream; readonly stderr: Stream }): CommandOutput {
  return {
    out: (text) => void streams.stdout.write(printable(text)),
    error: (text) => void streams.stderr.write(printable(text)),
  };
}
