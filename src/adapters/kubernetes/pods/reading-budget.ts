import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';

/** Bytes of all logs that are read in a second, and the time for them. Beyond that the kubelets wait. */
const BYTES = 8 * 1024 * 1024;
const TIME: Ms = 100;
const SECOND: Ms = 1000;
/** The part of a second's budget that may be spent without a pause. All other work of the process waits as long. */
const BURST = 0.1;

/** One of those that share the budget. */
export interface Reader {
  /** What it has been given of the budget, in seconds of it. */
  spent: number;
}

interface Waiting {
  readonly reader: Reader;
  readonly read: () => void;
}

/** Limits how much of all logs is read in a second. The client app that has been given least is next, so a loud client app only delays itself. */
export class ReadingBudget {
  readonly #clock: Clock;
  #left = BURST;
  #refilledAt: Ms;
  /** What the last one had been given before its turn. A reader that was silent for long begins there, and saves nothing up. */
  #level = 0;
  #waiting: Waiting[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refilledAt = clock.monotonic();
  }

  /** Reads so many bytes as soon as the budget allows. Returns whether that had to wait. Rejects with what `read` throws. */
  async spend(reader: Reader, bytes: number, read: () => void): Promise<boolean> {
    if (this.#waiting.length === 0 && this.#refill() > 0) {
      this.#run(reader, bytes, read);
      return false;
    }
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        try {
          this.#run(reader, bytes, read);
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      this.#waiting.push({ reader, read: turn });
      if (this.#waiting.length === 1) void this.#serve();
    });
    return true;
  }

  async #serve(): Promise<void> {
    while (this.#waiting.length > 0) {
      const left = this.#refill();
      if (left > 0) this.#next();
      else await this.#clock.wait(Math.max(1, -left * SECOND));
    }
  }

  #next(): void {
    const given = ({ reader }: Waiting): number => Math.max(reader.spent, this.#level);
    const [first, ...others] = this.#waiting;
    if (first === undefined) return;
    const next = others.reduce((least, one) => (given(one) < given(least) ? one : least), first);
    // It stays among the waiting until it has read, so that nobody begins to serve a second time.
    next.read();
    this.#waiting = this.#waiting.filter((one) => one !== next);
  }

  #run(reader: Reader, bytes: number, read: () => void): void {
    const began = this.#clock.monotonic();
    this.#level = Math.max(reader.spent, this.#level);
    try {
      read();
    } finally {
      const cost = Math.max(bytes / BYTES, (this.#clock.monotonic() - began) / TIME);
      reader.spent = this.#level + cost;
      this.#left -= cost;
    }
  }

  #refill(): number {
    const now = this.#clock.monotonic();
    this.#left = Math.min(BURST, this.#left + (now - this.#refilledAt) / SECOND);
    this.#refilledAt = now;
    return this.#left;
  }
}
