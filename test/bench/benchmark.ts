/** The goal that a row is held against, as it is printed, and whether it was met. */
export interface Goal {
  readonly text: string;
  /** Where the ratio is held against it: the highest ratio that is allowed. */
  readonly ratio: number;
  readonly met: boolean;
}

/** One line of the table. */
export interface Row {
  readonly name: string;
  /** As it is shown, with its unit. */
  readonly ours: string;
  /** What ours is divided by: a peer, the least that is possible, or the goal. */
  readonly reference: string;
  readonly ratio: number;
  /** In which chart the row is: against somebody else's way to do the same, or against the least that is possible. */
  readonly against?: 'peer' | 'floor';
  readonly goal?: Goal | undefined;
}

export interface Context {
  readonly scope: Scope;
  /** What is being done, for anyone who waits. */
  readonly tell: (what: string) => void;
  /** Of a benchmark that runs with several numbers of tokens: the numbers, where not all of its own are wanted. */
  readonly sizes?: readonly number[] | undefined;
  /** The folder for processor profiles of the program, where they are wanted. */
  readonly profile?: string | undefined;
}

export interface Benchmark {
  /** Selects this benchmark on the command line. */
  readonly name: string;
  readonly title: string;
  /** Two lines: what is measured, and what it is compared with. */
  readonly method: readonly [string, string];
  run(context: Context): Promise<readonly Row[]>;
}

export interface Measured {
  readonly benchmark: Benchmark;
  readonly rows: readonly Row[];
}

/** A row whose goal is that the ratio, at two decimals, is at most this. */
export function atMost(limit: number, ratio: number): Goal {
  return { text: `≤ ${limit} ×`, ratio: limit, met: Math.round(ratio * 100) / 100 <= limit };
}

/** What is to be closed when a benchmark is over, however it ends: the last that was opened first. */
export class Scope {
  readonly #closings: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closings.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closings.splice(0).toReversed()) await close();
  }
}
