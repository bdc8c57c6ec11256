import type { LeaseClaim, LeaseRecord } from '../core/lease.ts';

/** One Lease, that processes take in turn. */
export interface Lease {
  /** Throws StoreError: permanent where the Lease is missing or its access is denied. */
  read(): Promise<LeaseRecord>;
  /** Returns what is stored then; `undefined` where the Lease is not at `version` any more. Throws StoreError. */
  write(claim: LeaseClaim, version: string): Promise<LeaseRecord | undefined>;
  /** Calls back when someone may have changed it. Only a hint: none may come. The result stops it. */
  watch(changed: () => void): () => void;
}
