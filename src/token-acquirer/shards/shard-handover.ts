import type { SecretReference } from '../../core/token.ts';

/** Whom a refresh chain belongs to, where several shards share the state. */
export interface ChainOwners {
  /** Name of the Lease of this process's shard: chains that it uses belong to that. */
  readonly lease: string;
  /**
   * Returns who may still use a chain of this Lease; `undefined` where nobody may. Waits a little for a shard that is just
   * giving it up. `lease`: `undefined` where an older version saved the chain.
   */
  waitFor(lease: string | undefined): Promise<FormerUser | undefined>;
}

export interface FormerUser {
  readonly lease: string;
  /** Identity of the process that holds the Lease, where it is known. */
  readonly holder?: string;
}

/** How tokens change their shard. */
export interface ShardHandover {
  readonly chains: ChainOwners;
  /** Returns the shard that still works on the tokens of a Secret, because it has not loaded this configuration yet. */
  formerOwnerOf(secret: SecretReference): number | undefined;
  /** Whether such a shard has had more than enough time to load the configuration. */
  isLate(shard: number): boolean;
  /** Whether the Leases of the other shards were looked at. */
  readonly hasLooked: boolean;
  /** Calls back when that may have changed; the result stops it. */
  watch(changed: () => void): () => void;
}
