/** A call whose result serves all who ask before it begins. */
export class SharedCall<Result> {
  readonly #call: () => Promise<Result>;
  #ended: Promise<unknown> = Promise.resolve();
  #running: Promise<Result> | undefined;
  #next: Promise<Result> | undefined;

  constructor(call: () => Promise<Result>) {
    this.#call = call;
  }

  /** The call that begins next: its result is no older than this question. */
  next(): Promise<Result> {
    this.#next ??= this.#ended.then(() => this.#begin());
    return this.#next;
  }

  /** The call that is under way; the next one where there is none. */
  current(): Promise<Result> {
    return this.#running ?? this.next();
  }

  #begin(): Promise<Result> {
    this.#next = undefined;
    const running = this.#call();
    this.#running = running;
    const end = (): void => {
      // The result itself is not kept.
      if (this.#running === running) this.#running = undefined;
    };
    this.#ended = running.then(end, end);
    return running;
  }
}
