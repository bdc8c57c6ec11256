import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Ms } from '../core/token.ts';
import type { Command } from './commands.ts';

/** How a process ended that the demo did not stop. */
export interface Death {
  readonly name: string;
  /** `code 1` or `SIGKILL` */
  readonly how: string;
  /** The last lines that it wrote to standard error. */
  readonly lastWords: readonly string[];
}

export interface Listeners {
  /** A line of standard output. */
  readonly line?: (text: string) => void;
  readonly message?: (message: unknown) => void;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  send(order: object): void;
  /** Sends SIGTERM, then SIGKILL if that does not help. Resolves when the process has ended. */
  stop(): Promise<void>;
}

const PATIENCE: Ms = 2000;
const LAST_WORDS = 20;

/**
 * The processes of the demo. Each has an IPC channel to this one and ends when the channel closes, so none outlives
 * it. `died` is called for one that the demo did not stop.
 */
export class Children {
  readonly #died: (death: Death) => void;
  readonly #running = new Set<Child>();
  #stopping = false;

  constructor(died: (death: Death) => void) {
    this.#died = died;
  }

  start(command: Command, listeners: Listeners = {}): Child {
    if (this.#stopping) throw new Error(`${command.name} is not started: the demo is ending.`);
    const process_ = spawnDetached(command);
    let wasStopped = false;
    const child: Child = {
      name: command.name,
      pid: process_.pid ?? 0,
      send: (order) => process_.send(order, () => {}),
      stop: () => {
        wasStopped = true;
        return end(process_);
      },
    };
    this.#running.add(child);
    const lastWords = listen(process_, listeners);
    const ended = (how: string): void => {
      if (this.#running.delete(child) && !wasStopped && !this.#stopping)
        this.#died({ name: command.name, how, lastWords });
    };
    process_.on('error', (error) => ended(error.message));
    // Not `exit`: the last output may still be on its way then.
    process_.on('close', (code, signal) => ended(signal ?? `code ${code}`));
    return child;
  }

  async stopAll(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running].map((child) => child.stop()));
  }
}

function spawnDetached(command: Command): ChildProcess {
  return spawn(process.execPath, [...command.args], {
    cwd: command.cwd,
    env: command.env,
    // In its own session, so that Ctrl-C reaches only the demo, which then ends its children in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

/** Passes the child's output to the listeners. Returns its last lines, an array that grows. */
function listen(child: ChildProcess, { line, message }: Listeners): readonly string[] {
  const lastWords: string[] = [];
  onLine(child.stdout, (text) => line?.(text));
  onLine(child.stderr, (text) => {
    lastWords.push(text);
    if (lastWords.length > LAST_WORDS) lastWords.shift();
  });
  if (message !== undefined) child.on('message', message);
  return lastWords;
}

function onLine(input: Readable | null, heard: (text: string) => void): void {
  if (input !== null) createInterface({ input, crlfDelay: Infinity }).on('line', heard);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  await ended;
  clearTimeout(impatience);
}
