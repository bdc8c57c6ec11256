import { setTimeout as pause } from 'node:timers/promises';

/** What became of steady calls. */
export interface CallFigures {
  readonly calls: number;
  readonly failed: number;
  /** Failed calls during which a valid token existed from beginning to end. */
  readonly failedWithToken: number;
  /** The longest time without a successful call, in milliseconds. */
  readonly longestGap: number;
}

export interface SteadyOptions {
  /** One call. Resolves with its status; anything but 200 is a failure, and so is an error. */
  readonly call: () => Promise<number>;
  /** Milliseconds between the beginnings of two calls. */
  readonly every?: number;
  /** Returns whether the token that was valid at the beginning of a call still is. Called first at the beginning. */
  readonly validity?: () => () => Promise<boolean>;
}

const EVERY = 100;
/** Later calls are left out, so that a call that hangs does not become a flood. */
const MOST_IN_FLIGHT = 32;
const SAMPLES = 5;
/** In milliseconds, on a busy machine. */
const LONGEST_CALL = 90_000;

/** Calls at a steady rate, whether or not earlier calls have ended. */
export class SteadyCalls {
  readonly #options: SteadyOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #failures = new Map<string, number>();
  #calls = 0;
  #failed = 0;
  #failedWithToken = 0;
  #lastSuccess = performance.now();
  #longestGap = 0;
  #stopped = false;

  constructor(options: SteadyOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      if (this.#inFlight.size < MOST_IN_FLIGHT) this.#begin();
    }, options.every ?? EVERY);
  }

  get figures(): CallFigures {
    const gap = this.#stopped ? 0 : performance.now() - this.#lastSuccess;
    return {
      calls: this.#calls,
      failed: this.#failed,
      failedWithToken: this.#failedWithToken,
      longestGap: Math.round(Math.max(this.#longestGap, gap)),
    };
  }

  /** The kinds of failures, with their counts. */
  get failures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#failures);
  }

  /** Resolves once this many more calls have succeeded. */
  async succeed(count: number, within = 30_000): Promise<void> {
    const wanted = this.#succeeded + count;
    const end = performance.now() + within;
    while (this.#succeeded < wanted) {
      if (performance.now() > end) throw new Error(`Of ${count} calls, ${wanted - this.#succeeded} did not succeed.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Begins no more calls, and waits for those in flight. A call that does not end has failed. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    clearInterval(this.#timer);
    await Promise.race([Promise.all(this.#inFlight), pause(LONGEST_CALL, undefined, { ref: false })]);
    if (this.#inFlight.size > 0) {
      this.#calls += this.#inFlight.size;
      this.#failed += this.#inFlight.size;
      this.#failures.set('no end', this.#inFlight.size);
    }
    this.#note();
    this.#stopped = true;
  }

  get #succeeded(): number {
    return this.#calls - this.#failed;
  }

  #begin(): void {
    const call = this.#one().finally(() => this.#inFlight.delete(call));
    this.#inFlight.add(call);
  }

  async #one(): Promise<void> {
    const isStillValid = this.#options.validity?.();
    const outcome = await this.#options.call().catch((error: unknown) => nameOf(error));
    this.#calls += 1;
    if (outcome === 200) return this.#note();
    this.#failed += 1;
    const kind = String(outcome);
    if (this.#failures.size < SAMPLES || this.#failures.has(kind)) {
      this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + 1);
    }
    if (await isStillValid?.().catch(() => false)) this.#failedWithToken += 1;
    return undefined;
  }

  #note(): void {
    const now = performance.now();
    this.#longestGap = Math.max(this.#longestGap, now - this.#lastSuccess);
    this.#lastSuccess = now;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'no error';
}
