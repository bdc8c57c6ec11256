import type { SoakedAcquirer } from './acquirer.ts';
import type { Disturbed } from './causes.ts';
import type { ProcessSeries, Sample } from './observed.ts';
import type { Town } from './town.ts';
import { usageOf } from './usage.ts';

/** A process that has just begun is not compared with one that runs. */
const STARTING = 10_000;

class Series {
  readonly name: string;
  readonly judged: boolean;
  readonly restarts: boolean;
  readonly samples: Sample[] = [];
  readonly delays: number[] = [];

  constructor(name: string, judged: boolean, restarts = false) {
    this.name = name;
    this.judged = judged;
    this.restarts = restarts;
  }
}

/** Looks at all processes, over and over. */
export class Watch {
  readonly #town: Town;
  readonly #disturbed: readonly Disturbed[];
  readonly #series = new Map<string, Series>();

  constructor(town: Town, disturbed: readonly Disturbed[]) {
    this.#town = town;
    this.#disturbed = disturbed;
    for (const [index, { name }] of town.acquirers.entries()) {
      // The first one is never killed.
      this.#series.set(name, new Series(name, true, index > 0));
    }
    for (const { name, by } of town.callers) this.#series.set(name, new Series(name, by === 'library'));
    for (const { name } of town.others) this.#series.set(name, new Series(name, false));
  }

  get processes(): readonly ProcessSeries[] {
    return [...this.#series.values()];
  }

  /** Takes a sample of each process. `at`: seconds since the beginning. */
  sample(at: number): void {
    for (const { name, pid, age } of this.#town.acquirers)
      if (pid !== undefined && age > STARTING) this.#sample(name, pid, at);
    for (const { name, pid } of [...this.#town.callers, ...this.#town.others]) this.#sample(name, pid, at);
  }

  async probe(acquirer: SoakedAcquirer): Promise<void> {
    const began = Date.now();
    const took = await acquirer.responseTime();
    if (took !== undefined && acquirer.age > STARTING) this.delayed(acquirer.name, took, began);
  }

  /** Notes a delay of its event loop, unless the process was stopped on purpose since `began`. */
  delayed(name: string, delay: number, began: number): void {
    const meant = this.#disturbed.some(
      ({ target, kind, ended = Number.POSITIVE_INFINITY }) =>
        target === name && STOPS.has(kind) && ended + 1000 >= began,
    );
    if (!meant) this.#series.get(name)?.delays.push(delay);
  }

  #sample(name: string, pid: number, at: number): void {
    const usage = usageOf(pid);
    if (usage !== undefined) this.#series.get(name)?.samples.push({ at, ...usage });
  }
}

const STOPS: ReadonlySet<string> = new Set(['killed', 'restarted', 'stopped', 'client-stopped']);
