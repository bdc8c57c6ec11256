import type { Credential, CredentialKey } from '../../core/credential.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';

/** What a token request reads its credential with. */
export interface CredentialReader {
  /** Throws as CredentialSource.read does. */
  read(credential: string, needed: readonly CredentialKey[]): Promise<Credential>;
  /** The request has ended. */
  end(): void;
}

interface Reading {
  /** The last request that began before this reading. */
  readonly number: number;
  readonly credential: Promise<Credential>;
}

/** The requests with one credential that have not ended. */
interface Shared {
  requests: number;
  /** By the needed keys. */
  readonly readings: Map<string, Reading>;
}

/**
 * Reads a credential once for all token requests that began before the reading, such as those of a thousand tokens that are
 * due together. Values are kept only while such a request waits, and not beyond a change.
 */
export class CredentialReadings {
  readonly #credentials: Pick<CredentialSource, 'read'>;
  readonly #shared = new Map<string, Shared>();
  #begun = 0;

  constructor(credentials: Pick<CredentialSource, 'read'>) {
    this.#credentials = credentials;
  }

  /** A token request with this credential begins. */
  begin(credential: string): CredentialReader {
    this.#begun += 1;
    const number = this.#begun;
    const shared = this.#shared.get(credential) ?? { requests: 0, readings: new Map<string, Reading>() };
    this.#shared.set(credential, shared);
    shared.requests += 1;
    return {
      read: (name, needed) =>
        // The configuration may name another credential by now.
        name === credential ? this.#read(shared, { credential, needed, number }) : this.#credentials.read(name, needed),
      end: () => {
        shared.requests -= 1;
        if (shared.requests === 0) this.#shared.delete(credential);
      },
    };
  }

  /** The credential has changed. */
  changed(credential: string): void {
    this.#shared.get(credential)?.readings.clear();
  }

  async #read(
    { readings }: Shared,
    { credential, needed, number }: { credential: string; needed: readonly CredentialKey[]; number: number },
  ): Promise<Credential> {
    const need = needed.join(' ');
    const known = readings.get(need);
    const reading =
      known !== undefined && known.number >= number
        ? known
        : { number: this.#begun, credential: this.#credentials.read(credential, needed) };
    readings.set(need, reading);
    try {
      return await reading.credential;
    } catch (error) {
      // A failure, such as too many open files, may be over for the next one.
      if (readings.get(need) === reading) readings.delete(need);
      throw error;
    }
  }
}
