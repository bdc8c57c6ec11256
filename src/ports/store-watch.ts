import type { SecretReference } from '../core/token.ts';

/** Reports changes by others to stored tokens, if the store can be watched. */
export interface StoreWatch {
  /** Switches all watching on or off; off at first. */
  enable(on: boolean): void;
  /**
   * Calls back when someone else may have changed the token under `key`, but not after this process's own writes. The return
   * value stops it. Never throws. It may miss a change, so the store must also be read from time to time.
   */
  watch(secret: SecretReference, key: string, changed: () => void): () => void;
  /** Whether changes of the Secret are reported at present. */
  covers(secret: SecretReference): boolean;
}
