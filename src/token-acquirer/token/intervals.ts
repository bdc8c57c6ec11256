import { StoreError } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';

/** A change is noticed by the watch of the credential; this is for one that the watch missed. */
const FRESH: Ms = 15_000;

interface Look {
  readonly at: Ms;
  readonly interval: Promise<Ms | undefined>;
}

/** The intervals in credential folders. Each turn of each token asks for one, so the answers are kept for a while. */
export class Intervals {
  readonly #credentials: Pick<CredentialSource, 'interval'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #looks = new Map<string, Look>();

  constructor({
    credentials,
    clock,
  }: {
    readonly credentials: Pick<CredentialSource, 'interval'>;
    readonly clock: Pick<Clock, 'monotonic'>;
  }) {
    this.#credentials = credentials;
    this.#clock = clock;
  }

  /** Returns the interval that the user wrote into the folder, `undefined` for none. Throws as CredentialSource.interval. */
  async of(credential: string): Promise<Ms | undefined> {
    const now = this.#clock.monotonic();
    const known = this.#looks.get(credential);
    const look =
      known !== undefined && now - known.at < FRESH
        ? known
        : { at: now, interval: this.#credentials.interval(credential) };
    this.#looks.set(credential, look);
    try {
      return await look.interval;
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
