import { expect, it } from 'vitest';
import { type Allowed, type Observed, violationsIn } from './invariants.ts';
import { ROWS, type RowId } from './rows.ts';
import type { SteadyCalls } from './steady-calls.ts';
import { World, type WorldOptions } from './world.ts';

/** What the table at the end shows of a row. */
export interface RowFigures {
  readonly id: RowId;
  readonly calls: number;
  readonly failed: number;
  readonly tokenRequests: number;
  /** In milliseconds. */
  readonly longestGap: number;
}

declare module 'vitest' {
  interface TaskMeta {
    row?: RowFigures;
  }
}

/** What stands behind a row: its parts, and calls as soon as they have begun. */
export interface RowWorld extends Observed {
  readonly callsSoFar: readonly SteadyCalls[];
  close(): Promise<void>;
}

export interface RowOptions {
  /** In milliseconds. */
  readonly timeout?: number;
  /** Whether no other row of the file runs at the time. */
  readonly alone?: boolean;
}

const TIMEOUT = 400_000;
const LINES = 20;

/** One run of a row. */
export class RowRun {
  readonly #id: RowId;
  readonly #worlds: RowWorld[] = [];
  readonly #calls: SteadyCalls[] = [];
  readonly #closing: (() => unknown)[] = [];
  #allowed: Allowed = {};
  #tokenRequests = 0;
  #hasCalls = true;

  constructor(id: RowId) {
    this.#id = id;
  }

  /** Opens a world under steady calls. */
  world(options: WorldOptions = {}): Promise<World> {
    return World.open(options, (world) => this.add(world));
  }

  /** Counts the calls of this world, checks its invariants at the end, and closes it. */
  add(world: RowWorld): void {
    this.#worlds.push(world);
  }

  /** Allows more than usual. */
  allow(allowed: Allowed): void {
    this.#allowed = allowed;
  }

  /** Counts calls of the test's own, in which no call may fail during which a valid token existed. */
  count(calls: SteadyCalls): SteadyCalls {
    this.#calls.push(calls);
    return calls;
  }

  /** For rows that look at what calls do not show: a rendering, permissions, packages. */
  hasNoCalls(): void {
    this.#hasCalls = false;
  }

  countTokenRequests(more: number): void {
    this.#tokenRequests += more;
  }

  /** Called when the row has ended, in reverse order. */
  atEnd(close: () => unknown): void {
    this.#closing.push(close);
  }

  /** Ends the calls, and checks the invariants that hold in every row. */
  async settle(): Promise<void> {
    await this.#stopCalls();
    const ofWorlds = await Promise.all(this.#worlds.map((world) => violationsIn(world, this.#allowed)));
    const ofCalls = this.#calls.filter(({ figures }) => figures.failedWithToken > 0);
    // As a text, which a failure shows whole.
    expect(ofWorlds.flat().join('\n')).toBe('');
    expect(ofCalls.map(({ failures }) => failures)).toEqual([]);
    if (this.#hasCalls) expect(this.figures.calls, 'Every row has calls').toBeGreaterThan(0);
  }

  get figures(): RowFigures {
    const all = [...this.#calls, ...this.#worlds.flatMap((world) => world.callsSoFar)].map(({ figures }) => figures);
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
    return {
      id: this.#id,
      calls: sum(all.map(({ calls }) => calls)),
      failed: sum(all.map(({ failed }) => failed)),
      tokenRequests: this.#tokenRequests + sum(this.#worlds.map(({ front }) => front.requests.length)),
      longestGap: Math.max(0, ...all.map(({ longestGap }) => longestGap)),
    };
  }

  /** The ends of the logs, for a failed row. */
  logs(): string {
    const ends = this.#worlds.flatMap(({ acquirers }) => acquirers.map(({ lines }) => lines.slice(-LINES)));
    const calls = this.#worlds.flatMap(({ callsSoFar }) => callsSoFar.map(({ failures }) => failures));
    const texts = ends.map((lines) => lines.map((line) => JSON.stringify(line)).join('\n'));
    return `Row ${this.#id} failed. Its failed calls: ${JSON.stringify(calls)}. Its logs end so:\n${texts.join('\n\n')}\n`;
  }

  async close(): Promise<void> {
    await this.#stopCalls();
    for (const close of this.#closing.toReversed()) await close();
    await Promise.all(this.#worlds.map((world) => world.close()));
  }

  async #stopCalls(): Promise<void> {
    await Promise.all(
      [...this.#calls, ...this.#worlds.flatMap((world) => world.callsSoFar)].map((calls) => calls.stop()),
    );
  }
}

/** Declares the test of a row; a number is its timeout. Rows of a file run side by side, because most of their time passes in waiting. */
export function row(id: RowId, act: (run: RowRun) => Promise<void>, options: RowOptions | number = {}): void {
  const { timeout = TIMEOUT, alone = false } = typeof options === 'number' ? { timeout: options } : options;
  const declare = alone ? it : it.concurrent;
  declare(`${id}: ${ROWS[id].what}`, { timeout }, async ({ task }) => {
    const run = new RowRun(id);
    try {
      await act(run);
      await run.settle();
    } catch (error) {
      process.stdout.write(run.logs());
      await run.close().catch(() => undefined);
      throw error;
    } finally {
      task.meta.row = run.figures;
    }
    await run.close();
  });
}
