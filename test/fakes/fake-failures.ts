/** Lets a test decide which calls of a fake fail. */
export class FakeFailures {
  #error: Error | undefined;
  #calls = 0;

  /** Makes the next `calls` calls throw `error`, or without a number all calls until `heal`. */
  fail(error: Error, calls = Number.POSITIVE_INFINITY): void {
    this.#error = error;
    this.#calls = calls;
  }

  heal(): void {
    this.#calls = 0;
  }

  /** Throws if the test planned a failure. */
  check(): void {
    if (this.#error === undefined || this.#calls <= 0) return;
    this.#calls -= 1;
    throw this.#error;
  }
}
