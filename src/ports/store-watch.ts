import type { SecretReference } from '../core/token.ts';

/** Tells what others do to stored tokens, where the store lets itself be watched. */
export interface StoreWatch {
  /** Switches all watching on or off; off at first. */
  enable(on: boolean): void;
  /**
   * Calls back when someone else may have changed the token under `key`: what this process itself wrote is not told. The
   * return value stops it. Never throws; may miss a change, so the store is to be looked at from time to time as well.
   */
  watch(secret: SecretReference, key: string, changed: () => void): () => void;
}
