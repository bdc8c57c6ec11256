const TICK = 20;
/** More calls than these wait for nothing that comes. */
const MOST_IN_FLIGHT = 2000;

/** Begins calls at a steady rate, however long each of them takes. A suspended process does not catch up. */
export class Pace {
  readonly #rate: number;
  readonly #call: (number: number) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #owed = 0;
  #number = 0;
  inFlight = 0;

  constructor(rate: number, call: (number: number) => Promise<void>) {
    this.#rate = rate;
    this.#call = call;
  }

  begin(): void {
    let before = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#owed += (Math.min(now - before, 10 * TICK) * this.#rate) / 1000;
      before = now;
      for (; this.#owed >= 1; this.#owed -= 1) if (this.inFlight < MOST_IN_FLIGHT) void this.#one();
    }, TICK);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  async #one(): Promise<void> {
    this.inFlight += 1;
    this.#number += 1;
    await this.#call(this.#number);
    this.inFlight -= 1;
  }
}
