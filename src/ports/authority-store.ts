/** What is stored, and what `save` must be given to replace exactly that. */
export interface StoredAuthority {
  /** As it was saved; `undefined` where there is nothing yet, or no longer. */
  readonly text: string | undefined;
  /** Opaque. */
  readonly version: string;
}

/** Where the CA of the reissue endpoint is kept: one document, secret for it holds private keys. */
export interface AuthorityStore {
  /** Where that is, for a sentence: `the key x of the Secret y/z`. */
  readonly place: string;
  /** Throws StoreError. */
  load(): Promise<StoredAuthority>;
  /**
   * Durable when it resolves. `version` is what `load` last gave: where anything was saved since, throws StoreError and
   * saves nothing (compare-and-swap).
   */
  save(text: string, version: string): Promise<void>;
}
