import type { SecretReference } from '../core/token.ts';

/** One text that all processes with the same state can read and replace. */
export interface ProcessMark {
  readonly place: SecretReference;
  /** Returns the mark; `undefined` if there is none. Throws StoreError. */
  read(): Promise<string | undefined>;
  /** Throws StoreError. */
  write(mark: string): Promise<void>;
}
