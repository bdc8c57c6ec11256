import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ShellBlock {
  /** Where its commands run. */
  readonly folder: string;
  readonly text: string;
  /** What a person types or pastes. */
  readonly input?: string;
  /** Added to the environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a block of a document in a shell, up to its first command that fails. Resolves with all that it printed, in order. */
export async function runBlock(block: ShellBlock): Promise<{ readonly code: number | null; readonly output: string }> {
  const { folder, text, input = '', environment = {} } = block;
  const env = { ...process.env, ...environment };
  const child = spawn('sh', ['-e', '-c', `exec 2>&1\n${text}`], { cwd: folder, env, stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (part: Buffer) => (output += part.toString()));
  // A block that reads no input may end before the input is written.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** Lines without what differs from run to run: durations, generations, and the widths that follow from them. */
export function steady(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .replaceAll(/\b(?:\d+[hms])+\b/g, 'DURATION')
        .replaceAll(/\b\d{10}\b/g, 'GENERATION')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '');
}
