import type { Ms, SecretReference } from '../core/token.ts';
import type { VolumeData } from '../core/token-volume.ts';

/** Where clients find their tokens: a Kubernetes Secret, or a directory laid out like its volume. */
export interface TokenStore {
  /** Returns the named keys that exist. Throws StoreError. */
  read(secret: SecretReference, keys: readonly string[]): Promise<VolumeData>;
  /**
   * Returns how long ago the keys of a token were known to be as they were last read or written here. What is known for longer than
   * `within` is looked up again. `undefined`: someone else may have changed them, so read them. Throws StoreError. Left out
   * where only a read can tell.
   */
  unchanged?(secret: SecretReference, keys: readonly string[], within: Ms): Promise<Ms | undefined>;
  /**
   * Sets some keys and removes others (`undefined`). Readers see all changes together. Other keys stay unchanged.
   * Concurrent calls for one Secret do not lose each other's keys. Throws StoreError.
   */
  write(secret: SecretReference, changes: Readonly<Record<string, string | undefined>>): Promise<void>;
}
