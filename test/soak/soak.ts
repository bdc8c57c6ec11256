import { setTimeout as pause } from 'node:timers/promises';
import { Scope } from '../bench/benchmark.ts';
import { Calls } from './calls.ts';
import { Disturber } from './disturber.ts';
import type { Observed } from './observed.ts';
import type { SoakOptions } from './options.ts';
import type { ServerCounts } from './parts/server-messages.ts';
import { type Disturbance, schedule } from './schedule.ts';
import { seeded } from './seeded.ts';
import { openTown, type Town } from './town.ts';
import { Watch } from './watch.ts';

const SECOND = 1000;
const PROGRESS = 5;

export interface SoakContext {
  readonly options: SoakOptions;
  readonly mayMount: boolean;
  /** Aborted: ends with what is known so far. */
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

export interface Soaked {
  readonly observed: Observed;
  /** Each failed call that breaks a rule. */
  readonly broken: readonly object[];
  /** Some failed calls of each cause. */
  readonly examples: readonly object[];
}

/** Runs everything together. */
export async function soak(context: SoakContext): Promise<Soaked> {
  const scope = new Scope();
  const { options, mayMount, tell } = context;
  try {
    tell(`Seed ${options.seed}. ${options.tokens} tokens of ${options.lifetime} s, ${options.rate} calls a second.`);
    const town = await openTown(scope, { ...options, mayMount });
    return await new Run(context, town).run();
  } finally {
    await scope.close();
  }
}

class Run {
  readonly #context: SoakContext;
  readonly #town: Town;
  readonly #disturber: Disturber;
  readonly #calls: Calls;
  readonly #watch: Watch;
  readonly #rates: { at: number; calls: number; failed: number }[] = [];
  readonly #began = Date.now();
  readonly #without: ReadonlySet<Disturbance>;

  constructor(context: SoakContext, town: Town) {
    this.#context = context;
    this.#town = town;
    this.#disturber = new Disturber(town, context.options.lifetime);
    this.#calls = new Calls(town, this.#disturber.disturbed);
    this.#watch = new Watch(town, this.#disturber.disturbed);
    this.#without = new Set(context.mayMount ? [] : ['disk-full']);
  }

  async run(): Promise<Soaked> {
    const { options, signal } = this.#context;
    const length = options.minutes * 60 * SECOND;
    const planned = schedule(
      { length, lifetime: options.lifetime * SECOND, without: this.#without },
      seeded(options.seed),
    );
    await Promise.all(this.#town.callers.map((caller) => caller.ask('begin')));
    const disturbances = planned.map(async (one) => {
      await pause(one.at, undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.#disturber.run(one, signal);
    });
    const watching = this.#look(length);
    await Promise.all(disturbances);
    await watching;
    return this.#end();
  }

  async #look(length: number): Promise<void> {
    const { signal } = this.#context;
    for (let second = 1; second * SECOND <= length && !signal.aborted; second += 1) {
      await pause(Math.max(0, this.#began + second * SECOND - Date.now()), undefined, { signal }).catch(() => {});
      this.#watch.sample(this.#seconds());
      for (const acquirer of this.#town.acquirers) void this.#watch.probe(acquirer);
      if (second % 2 === 0) void this.#collect();
      if (second % PROGRESS === 0) this.#progress(length);
    }
  }

  async #collect(what: 'report' | 'end' = 'report'): Promise<void> {
    const began = Date.now();
    await Promise.all(
      this.#town.callers.map(async (caller) => {
        const delay = await this.#calls.collect(caller, what);
        if (delay !== undefined && what === 'report') this.#watch.delayed(caller.name, delay.p99, began - 2 * SECOND);
      }),
    );
    const { library, reader, failed } = this.#calls.counts;
    this.#rates.push({ at: this.#seconds(), calls: library + reader, failed });
  }

  #progress(length: number): void {
    const { library, reader, failed } = this.#calls.counts;
    const last = this.#rates.at(-1);
    const before = this.#rates.at(-3);
    const rate = last && before ? (last.calls - before.calls) / (last.at - before.at) : 0;
    const going = this.#disturber.disturbed.filter(
      ({ ended, began }) => ended === undefined || (ended > began + 100 && Date.now() - ended < PROGRESS * SECOND),
    );
    const names = [...new Set(going.map(({ kind }) => kind))].join(', ');
    const broken = this.#calls.broken.length;
    this.#context.tell(
      [
        `${clock(this.#seconds())} of ${clock(length / SECOND)}`,
        `${(library + reader).toLocaleString('en')} calls (${Math.round(rate)}/s)`,
        `${failed} failed${broken > 0 ? `, ${broken} against the rules` : ''}`,
        `${this.#disturber.disturbed.length} disturbances${names === '' ? '' : `, now ${names}`}`,
      ].join('  '),
    );
  }

  async #end(): Promise<Soaked> {
    await this.#collect('end');
    // Calls that wait for a token give up after 10 s.
    await pause(this.#context.signal.aborted ? 0 : SECOND);
    await this.#collect('end');
    const server = await this.#town.askServer<ServerCounts>({ what: 'counts' });
    const states = await this.#states();
    const accidents = [...this.#disturber.errors];
    let needsCredential = 0;
    for (const acquirer of this.#town.acquirers) {
      const code = await acquirer.end('SIGTERM');
      if (code === undefined) accidents.push(`${acquirer.name} did not run at the end.`);
      else if (code !== 0) accidents.push(`${acquirer.name} ended with ${code} after SIGTERM.`);
      accidents.push(...acquirer.crashes);
      needsCredential += acquirer.logged('needs_credential');
    }
    const { counts } = this.#calls;
    const since = (at: number): number => (at - this.#began) / SECOND;
    const observed: Observed = {
      options: this.#context.options,
      seconds: this.#seconds(),
      interrupted: this.#context.signal.aborted,
      calls: { library: counts.library, reader: counts.reader },
      failed: this.#calls.failed,
      slowestCall: counts.slowest,
      torn: counts.torn,
      server,
      needsCredential,
      processes: this.#watch.processes,
      rates: this.#rates,
      disturbed: this.#disturber.disturbed.map(({ began, ended = Date.now(), ...one }) => ({
        ...one,
        began: since(began),
        ended: since(ended),
      })),
      leftOut: [...this.#without].map((kind) => `${kind}: this process may not mount a file system. Run it as root.`),
      states,
      accidents,
    };
    return { observed, broken: this.#calls.broken, examples: this.#calls.examples };
  }

  async #states(): Promise<Record<string, number>> {
    const states: Record<string, number> = {};
    for (const acquirer of this.#town.acquirers) {
      for (const { state } of (await acquirer.status())?.tokens ?? []) states[state] = (states[state] ?? 0) + 1;
    }
    return states;
  }

  #seconds(): number {
    return (Date.now() - this.#began) / SECOND;
  }
}

function clock(seconds: number): string {
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}
