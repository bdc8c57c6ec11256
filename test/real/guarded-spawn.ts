import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { keepOutput } from '../support/outputs.ts';

export interface GuardedCommand {
  /** As outputs and messages name it. */
  readonly label: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export type GuardedProcess = ChildProcessByStdio<null, Readable, Readable>;

/**
 * The command becomes the leader of a process group. A reader of descriptor 3 stays next to it: nobody ever writes
 * there, so that it wakes when the process of the tests is gone, however that ended, and then ends the whole group.
 */
const GUARD = `
( trap '' HUP INT TERM
  cat <&3
  kill -s TERM -- "-$$"
  sleep 2
  kill -s KILL -- "-$$" ) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
`;

/** Starts a command that cannot outlive this process, nor can its children. Its output is kept for the leak check. */
export function guardedSpawn({ label, command, args, cwd, env = {} }: GuardedCommand): GuardedProcess {
  const child = spawn('/bin/sh', ['-c', GUARD, label, command, ...args], {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  }) as unknown as GuardedProcess;
  keepOutput(child, label);
  // The guard would hold the pipe open.
  child.once('exit', () => endGroup(child));
  return child;
}

/** Ends the command, all that it started, and its guard. */
export function endGroup({ pid }: GuardedProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}
