/** Bounds how many token requests are in flight at once; the one whose token expires soonest goes first. */
export class Slots {
  #free: number;
  readonly #waiting: { urgency: number; start: () => void }[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Resolves when it is this one's turn. `urgency`: the lower, the sooner. Call the result once to give the slot back. */
  async take(urgency: number): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else {
      await new Promise<void>((start) => {
        const after = this.#waiting.findIndex((other) => other.urgency > urgency);
        this.#waiting.splice(after === -1 ? this.#waiting.length : after, 0, { urgency, start });
      });
    }
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next.start();
    };
  }
}
