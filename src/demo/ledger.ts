import type { EpochMs, Ms } from '../core/token.ts';
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
  readonly #now: () => EpochMs;
  readonly #listener: (event: DemoEvent) => void;
  readonly #events: DemoEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #closed: Error | undefined;

  /** `listener` hears of each event once it is entered. */
  constructor(now: () => EpochMs, listener: (event: DemoEvent) => void = () => {}) {
    this.#now = now;
    this.#listener = listener;
  }

  get events(): readonly DemoEvent[] {
    return this.#events;
  }

  enter(happening: Happening): void {
    const event: DemoEvent = { ...happening, at: this.#now() };
    this.#events.push(event);
    this.#listener(event);
    for (const waiter of this.#waiters) if (waiter.look()) this.#waiters.delete(waiter);
  }

  /** Resolves with what `find` makes of the events, as soon as that is not undefined. Rejects after `within`. */
  until<T>(find: (events: readonly DemoEvent[]) => T | undefined, { what, within }: Expectation): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        const found = find(this.#events);
        if (found === undefined) return false;
        clearTimeout(timer);
        resolve(found);
        return true;
      };
      const fail = (error: Error): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        reject(error);
      };
      const waiter: Waiter = { look, fail };
      const timer = setTimeout(() => fail(new Error(`${what} did not come within ${within / 1000} s.`)), within);
      if (this.#closed !== undefined) fail(this.#closed);
      else if (!look()) this.#waiters.add(waiter);
    });
  }

  /** Lets all who wait, now or later, fail with this error: the demo is ending. */
  close(error: Error): void {
    this.#closed = error;
    for (const waiter of this.#waiters) waiter.fail(error);
  }
}
