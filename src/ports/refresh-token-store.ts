import type { Redacted } from '../core/redacted.ts';
import type { EpochMs, TokenIdentity } from '../core/token.ts';

/** A chain of rotated refresh tokens: the state that must outlive the process. */
export interface RefreshTokenChain {
  readonly refreshToken: Redacted;
  /** SHA-256 of the `refresh_token` credential that the chain began with: another one there begins a new chain. */
  readonly originSha256: string;
  /** Whether a used refresh token is spent: assumed until an answer shows that this server keeps them. */
  readonly rotates: boolean;
  /** Set before the refresh token is sent and cleared by the next save: left over, it may have been used. */
  readonly inUse: boolean;
  /** When it was marked as in use; `undefined` where it is not, or where version 0.1.0 marked it. */
  readonly inUseSince?: EpochMs | undefined;
  /** Name of the Lease of the shard that used it last; `undefined` where an older version did, or there are no shards. */
  readonly lease?: string | undefined;
}

export interface RefreshTokenStore {
  /** Throws StoreError where nothing can be kept: permanent where someone must act. */
  check(): Promise<void>;
  /** Returns the chain. Throws StoreError if the state exists but cannot be read: then nothing may be guessed. */
  load(identity: TokenIdentity): Promise<RefreshTokenChain | undefined>;
  /**
   * Durable when it resolves. `expected` is what `load` last gave: if another process saved in the meantime, throws
   * StoreError and saves nothing (compare-and-swap). `undefined` removes the chain.
   */
  save(
    identity: TokenIdentity,
    chain: RefreshTokenChain | undefined,
    expected: RefreshTokenChain | undefined,
  ): Promise<void>;
}
