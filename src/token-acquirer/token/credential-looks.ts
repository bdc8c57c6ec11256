import { StoreError } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

/** A change is noticed by the watch of the credential; this is for one that the watch missed. */
const FRESH: Ms = 15_000;

interface Look<Value> {
  readonly at: Ms;
  readonly value: Promise<Value>;
}

/** What is read of credential folders in each turn of each token, so the answers are kept for a while. */
export class CredentialLooks<Value> {
  readonly #read: (credential: string) => Promise<Value>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #looks = new Map<string, Look<Value>>();

  constructor(clock: Pick<Clock, 'monotonic'>, read: (credential: string) => Promise<Value>) {
    this.#clock = clock;
    this.#read = read;
  }

  /** Throws what reading throws. */
  async of(credential: string): Promise<Value> {
    const now = this.#clock.monotonic();
    const known = this.#looks.get(credential);
    const look = known !== undefined && now - known.at < FRESH ? known : { at: now, value: this.#read(credential) };
    this.#looks.set(credential, look);
    try {
      return await look.value;
    } catch (error) {
      // The volume cannot be read at the moment, which may be over at the next look.
      if (error instanceof StoreError && this.#looks.get(credential) === look) this.#looks.delete(credential);
      throw error;
    }
  }

  /** The credential has changed. */
  changed(credential: string): void {
    this.#looks.delete(credential);
  }

  /** The configuration has changed. */
  forget(): void {
    this.#looks.clear();
  }
}
