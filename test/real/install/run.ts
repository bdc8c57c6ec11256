import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keepText } from '../../support/outputs.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { endGroup, type GuardedCommand, guardedSpawn } from '../guarded-spawn.ts';

const LAST_WORDS = 3;
const DEFAULT_TIMEOUT = 10 * 60_000;

/** A command that did not do what it was to do; the message says how it ended and what it said last. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly output: string;

  constructor(label: string, how: string, output: string) {
    const words = output.trim().split('\n').slice(-LAST_WORDS).join(' ').trim();
    super(`${label} ${how}${words === '' ? '' : ` and said last: ${words}`}`);
    this.output = output;
  }
}

/** Runs a command to its end; resolves with what it wrote to stdout and stderr. Throws CommandFailed. */
export async function run(command: GuardedCommand, timeout: number = DEFAULT_TIMEOUT): Promise<string> {
  const child = guardedSpawn(command);
  let output = '';
  const listen = (part: Buffer): void => {
    output += part.toString();
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endGroup(child);
  }, timeout);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (late) throw new CommandFailed(command.label, `took more than ${timeout / 1000} s`, output);
    if (code !== 0) throw new CommandFailed(command.label, `ended with ${signal ?? `code ${code}`}`, output);
    return output;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * As `run`, for what must not be broken off: it goes on, and its output has somewhere to go, when the tests are killed
 * in the meantime.
 */
export async function runToItsEnd({ label, command, args, env }: GuardedCommand): Promise<string> {
  const folder = temporaryDirectory();
  const file = join(folder.path, 'output');
  const output = openSync(file, 'w');
  try {
    const stdio = ['ignore', output, output] as const;
    const child = spawn(command, args, { env: { ...process.env, ...env }, detached: true, stdio: [...stdio] });
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    const text = readFileSync(file, 'utf8');
    keepText(label, text);
    if (code !== 0) throw new CommandFailed(label, `ended with ${signal ?? `code ${code}`}`, text);
    return text;
  } finally {
    closeSync(output);
    folder.remove();
  }
}

/** Whether the shell finds a command of this name, and it is a file. */
export async function isOnPath(command: string): Promise<boolean> {
  try {
    await run({ label: `look for ${command}`, command: '/bin/sh', args: ['-c', `command -v ${command}`] });
    return true;
  } catch (error) {
    if (error instanceof CommandFailed) return false;
    throw error;
  }
}
