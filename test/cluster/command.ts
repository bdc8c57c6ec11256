import { execFile } from 'node:child_process';
import { CommandFailed } from '../real/install/run.ts';

export interface Command {
  /** As messages name it; by default the program and its first argument. */
  readonly label?: string;
  readonly program: string;
  readonly args: readonly string[];
  /** For its stdin. */
  readonly input?: string | Buffer;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds, a minute by default. */
  readonly timeout?: number;
}

const MINUTE = 60_000;
const MOST_OUTPUT = 256 * 1024 * 1024;

/**
 * Resolves with what the program wrote to stdout. Nothing is kept for the leak check: `kubectl get secret` may well show
 * secrets. Throws CommandFailed with its last words on stderr.
 */
export function outputOf({ label, program, args, input, env, timeout = MINUTE }: Command): Promise<string> {
  const name = label ?? `${program} ${args[0] ?? ''}`.trim();
  const options = { env: { ...process.env, ...env }, timeout, maxBuffer: MOST_OUTPUT, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.killed) reject(new CommandFailed(name, `took more than ${timeout / 1000} s`, stderr));
      else reject(new CommandFailed(name, howItEnded(error), stderr));
    });
    // A program that ends without reading its input says why itself.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Whether the program ran and ended well. */
export async function succeeds(command: Command): Promise<boolean> {
  try {
    await outputOf(command);
    return true;
  } catch (error) {
    if (error instanceof CommandFailed) return false;
    throw error;
  }
}

/** Returns what a command that failed wrote; empty where it succeeded. */
export async function failedOutput(done: Promise<string>): Promise<string> {
  try {
    await done;
    return '';
  } catch (error) {
    if (error instanceof CommandFailed) return error.output;
    throw error;
  }
}

function howItEnded(error: { code?: string | number | null | undefined; signal?: string | undefined }): string {
  if (error.code === 'ENOENT') return 'is not installed';
  return `ended with ${error.signal ?? `code ${error.code ?? 'unknown'}`}`;
}
