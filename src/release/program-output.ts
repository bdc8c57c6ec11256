import { execFile } from 'node:child_process';

const MOST_OUTPUT = 512 * 1024 * 1024;

export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
  /** Whether the program does not exist on the PATH. */
  readonly isMissing: boolean;

  constructor(message: string, isMissing: boolean) {
    super(message);
    this.isMissing = isMissing;
  }
}

/** Resolves with what the program wrote to stdout. Throws ProgramFailed with the last line of its stderr. */
export function outputOf(program: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, maxBuffer: MOST_OUTPUT }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const isMissing = error.code === 'ENOENT';
      const why = isMissing ? 'was not found on the PATH' : `failed: ${stderr.trim().split('\n').at(-1) ?? ''}`;
      reject(new ProgramFailed(`${program} ${isMissing ? '' : `${args[0] ?? ''} `}${why}`, isMissing));
    });
  });
}
