/** Lets a test decide which calls of a fake fail. */
export class FakeFailures {
  #error: Error | undefined;
  #calls = 0;

  /** The next `calls` calls throw `error`; without a number, all of them until `heal`. */
  fail(error: Error, calls = Number.POSITIVE_INFINITY): void {
    this.#error = error;
    this.#calls = calls;
  }

  heal(): void {
    this.#calls = 0;
  }

  /** Throws where the test said so. */
  check(): void {
    if (this.#error === undefined || this.#calls <= 0) return;
    this.#calls -= 1;
    throw this.#error;
  }
}
