import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import type { Scope } from '../benchmark.ts';
import type { Answered } from './part.ts';

export type PartName =
  | 'token-server'
  | 'authorization-server'
  | 'gateway'
  | 'incident-desk'
  | 'kilobyte'
  | 'volume-reader'
  | 'api-server'
  | 'patcher';

/** A process of the benchmark's own. */
export interface Part<Ready> {
  readonly pid: number;
  readonly ready: Ready;
  ask<Answer>(question: object): Promise<Answer>;
}

export interface PartOptions {
  /** Before Node on the command line: what it is started by. */
  readonly by?: readonly string[];
  /** Options of Node. */
  readonly node?: readonly string[];
}

/** Starts a part in its own process, and ends it with the scope. */
export function startPart<Ready>(
  scope: Scope,
  name: PartName,
  instructions: object,
  options: PartOptions = {},
): Promise<Part<Ready>> {
  return startPartFile(scope, join(import.meta.dirname, `${name}-main.ts`), instructions, options);
}

/** Starts the part that this file is. */
export async function startPartFile<Ready>(
  scope: Scope,
  file: string,
  instructions: object,
  { by = [], node = [] }: PartOptions = {},
): Promise<Part<Ready>> {
  const [program, ...args] = [...by, process.execPath, ...node, file];
  const child = spawn(program ?? '', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  scope.add(() => endProcess(child));
  const waiting = new Map<number, (answer: unknown) => void>();
  child.on('message', ({ id, answer }: Answered) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The part ${basename(file)} ended by itself with code ${String(code)}.`);
  });
  // Reported by the caller that waits for it, if there is one.
  ended.catch(() => {});
  let last = -1;
  const send = (message: (id: number) => object): Promise<unknown> => {
    last += 1;
    const answered = Promise.withResolvers<unknown>();
    waiting.set(last, answered.resolve);
    child.send(message(last));
    return Promise.race([answered.promise, ended]);
  };
  const ready = (await send(() => instructions)) as Ready;
  return {
    pid: child.pid ?? 0,
    ready,
    ask: async <Answer>(ask: object) => (await send((id) => ({ id, ask }))) as Answer,
  };
}

/** Resolves once it has ended. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
