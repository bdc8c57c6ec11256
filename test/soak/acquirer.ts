import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { Program } from '../bench/parts/acquirer.ts';
import { endProcess } from '../bench/parts/parts.ts';
import type { Place } from './place.ts';

const PATIENCE = 180_000;
/** The exit code for an invalid file. A configuration may be broken while the process starts. */
const INVALID = 2;
const START_AGAIN = 1000;

/** A token-acquirer that is killed and started again on the same place. */
export class SoakedAcquirer {
  readonly name: string;
  readonly place: Place;
  readonly #program: Program;
  readonly #logged = new Map<string, number>();
  #child: ChildProcess | undefined;
  #lines: Interface | undefined;
  #startedAt = 0;
  /** Ends that nobody asked for. */
  readonly crashes: string[] = [];

  constructor(name: string, program: Program, place: Place) {
    this.name = name;
    this.#program = program;
    this.place = place;
  }

  /** `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** How long the present process has run, in milliseconds. */
  get age(): number {
    return performance.now() - this.#startedAt;
  }

  /** How many lines of this event or error code the log has had, over all processes. */
  logged(event: string): number {
    return this.#logged.get(event) ?? 0;
  }

  /** Resolves once it is ready. As the kubelet does, it starts a process again that its configuration ended. */
  async start(): Promise<void> {
    const end = performance.now() + PATIENCE;
    while (!(await this.#started(end))) await pause(START_AGAIN);
  }

  /** Returns whether the process became ready, rather than end because of its configuration. */
  async #started(end: number): Promise<boolean> {
    const { file, flags, env } = this.#program;
    this.#startedAt = performance.now();
    let isReady = false;
    const child = spawn(process.execPath, [...flags, file, ...this.place.args], {
      env,
      // By the channel it notices that this process was killed.
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    this.#child = child;
    child.on('exit', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      if (code === INVALID && !isReady) return;
      this.crashes.push(`${this.name} ended by itself (${code ?? signal}).`);
    });
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    this.#lines.on('line', (line) => {
      const event = /"event":"([^"]*)"/.exec(line)?.[1] ?? '';
      const code = /"code":"([^"]*)"/.exec(line)?.[1];
      for (const name of code === undefined ? [event] : [event, code]) this.#logged.set(name, this.logged(name) + 1);
    });
    isReady = await this.#becomesReady(child, end);
    return isReady;
  }

  /** Returns the exit code, or the signal that ended it; `undefined` where it did not run. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | NodeJS.Signals | undefined> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return undefined;
    await endProcess(child, signal);
    return child.exitCode ?? child.signalCode ?? undefined;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  /** Whether anybody reads its log. */
  read(reading: boolean): void {
    // The lines of a process that has ended are closed.
    if (this.#child === undefined) return;
    if (reading) this.#lines?.resume();
    else this.#lines?.pause();
  }

  async status(): Promise<StatusReport | undefined> {
    return this.#get('/status').then((answer) => answer?.json() as Promise<StatusReport> | undefined);
  }

  /** How long /livez takes, in milliseconds; `undefined` where it is not answered. */
  async responseTime(): Promise<number | undefined> {
    const began = performance.now();
    const answer = await this.#get('/livez');
    await answer?.arrayBuffer();
    return answer === undefined ? undefined : performance.now() - began;
  }

  async #becomesReady(child: ChildProcess, end: number): Promise<boolean> {
    while ((await this.#get('/readyz'))?.ok !== true) {
      if (performance.now() > end) throw new Error(`${this.name} did not become ready.`);
      if (child.exitCode === INVALID) return false;
      if (this.#child !== child) throw new Error(`${this.name} ended while it started.`);
      await pause(50);
    }
    return true;
  }

  async #get(path: string): Promise<Response | undefined> {
    try {
      return await fetch(`${this.place.statusUrl}${path}`, { signal: AbortSignal.timeout(15_000) });
    } catch {
      return undefined;
    }
  }
}
