import type { EpochMs, Ms } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { DemoEvent, Happening } from './demo-event.ts';

export interface Expectation {
  /** `a new token`: for the sentence that says it did not come. */
  readonly what: string;
  readonly within: Ms;
}

interface Waiter {
  readonly look: () => boolean;
  readonly fail: (error: Error) => void;
}

/** All that happened, in order, and a way to wait for what is to come. */
export class Ledger {
  readonly #clock: Clock;
  readonly #listener: (event: DemoEvent) => void;
  readonly #events: DemoEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #closed: Error | undefined;

  /** `listener` hears of each event once it is entered. */
  constructor(clock: Clock, listener: (event: DemoEvent) => void = () => {}) {
    this.#clock = clock;
    this.#listener = listener;
  }

  get events(): readonly DemoEvent[] {
    return this.#events;
  }

  /** `at`: now by default. */
  enter(happening: Happening, at: EpochMs = this.#clock.now()): void {
    const event: DemoEvent = { ...happening, at };
    this.#events.push(event);
    this.#listener(event);
    for (const waiter of this.#waiters) if (waiter.look()) this.#waiters.delete(waiter);
  }

  /** Resolves with what `find` makes of the events, as soon as that is not undefined. Rejects after `within`. */
  until<T>(find: (events: readonly DemoEvent[]) => T | undefined, { what, within }: Expectation): Promise<T> {
    return new Promise((resolve, reject) => {
      const over = new AbortController();
      const look = (): boolean => {
        const found = find(this.#events);
        if (found === undefined) return false;
        over.abort();
        resolve(found);
        return true;
      };
      const fail = (error: Error): void => {
        over.abort();
        this.#waiters.delete(waiter);
        reject(error);
      };
      const waiter: Waiter = { look, fail };
      if (this.#closed !== undefined) return fail(this.#closed);
      if (look()) return;
      this.#waiters.add(waiter);
      void this.#clock
        .wait(within, over.signal)
        .then(() => fail(new Error(`${what} did not come within ${within / 1000} s.`)));
    });
  }

  /** Lets all who wait, now or later, fail with this error: the demo is ending. */
  close(error: Error): void {
    this.#closed = error;
    for (const waiter of this.#waiters) waiter.fail(error);
  }
}
