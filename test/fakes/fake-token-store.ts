import type { StoreError } from '../../src/core/errors.ts';
import type { SecretReference } from '../../src/core/token.ts';
import type { VolumeData } from '../../src/core/token-volume.ts';
import type { TokenStore } from '../../src/ports/token-store.ts';
import { FakeFailures } from './fake-failures.ts';

export type Changes = Readonly<Record<string, string | undefined>>;

export interface RecordedWrite {
  readonly secret: SecretReference;
  readonly changes: Changes;
}

function nameOf({ namespace, secret }: SecretReference): string {
  return `${namespace}/${secret}`;
}

/** A token store in memory. Each call needs a turn of the event loop, as in a real store. */
export class FakeTokenStore implements TokenStore {
  readonly #secrets = new Map<string, Map<string, string>>();
  readonly #failures = new FakeFailures();
  readonly #writes: RecordedWrite[] = [];
  #reads = 0;
  #held: Promise<void> = Promise.resolve();

  /** The writes that succeeded, oldest first. */
  get writes(): readonly RecordedWrite[] {
    return this.#writes;
  }

  /** The number of reads, including failed ones. */
  get reads(): number {
    return this.#reads;
  }

  /** The next `calls` reads and writes throw `error`; without a number, all of them until `heal`. */
  fail(error: StoreError, calls?: number): void {
    this.#failures.fail(error, calls);
  }

  heal(): void {
    this.#failures.heal();
  }

  /** Makes writes that begin from now on wait until a call of the returned function. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  /** Returns all data of the Secret, or an empty object without a Secret. */
  data(secret: SecretReference): VolumeData {
    return Object.fromEntries(this.#secrets.get(nameOf(secret)) ?? []);
  }

  /** Changes keys as another writer would, without a record or a failure. */
  edit(secret: SecretReference, changes: Changes): void {
    const data = this.#secrets.get(nameOf(secret)) ?? new Map<string, string>();
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) data.delete(key);
      else data.set(key, value);
    }
    this.#secrets.set(nameOf(secret), data);
  }

  /** Deletes the whole Secret, as another writer would. */
  delete(secret: SecretReference): void {
    this.#secrets.delete(nameOf(secret));
  }

  async read(secret: SecretReference, keys: readonly string[]): Promise<VolumeData> {
    this.#reads += 1;
    await Promise.resolve();
    this.#failures.check();
    const data = this.#secrets.get(nameOf(secret));
    return Object.fromEntries(keys.flatMap((key) => (data?.has(key) ? [[key, data.get(key) ?? '']] : [])));
  }

  async write(secret: SecretReference, changes: Changes): Promise<void> {
    await this.#held;
    this.#failures.check();
    this.edit(secret, changes);
    this.#writes.push({ secret, changes: { ...changes } });
  }
}
