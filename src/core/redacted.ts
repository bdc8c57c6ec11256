const SHOWN = '[redacted]';

/**
 * A secret that cannot print: every way of turning it into text gives `[redacted]`, save `reveal()`.
 *
 * The value sits in a private field, so neither `util.inspect({ showHidden: true })`, JSON nor `structuredClone`
 * reaches it.
 */
export class Redacted {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself. Call it where the value leaves for its one destination, and keep no copy. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return SHOWN;
  }
}
