import type { LeaseSighting, LeaseState } from './shard-leases.ts';

/** What is known when a refresh chain is to be used. */
export interface ChainFacts {
  /** The Lease that the saved chain belongs to; `undefined` for the own one. */
  readonly lease: LeaseSighting | undefined;
  readonly state: LeaseState;
  /** What this process acts on. */
  readonly assignment: string;
}

export type ChainDecision =
  | { readonly kind: 'take' }
  /** `holder`: who may still use the chain; `undefined` where that is not known. */
  | { readonly kind: 'wait'; readonly holder: string | undefined };

/**
 * Decides whether a process may use a refresh chain that another shard used last: once that shard's Lease has ended, or its
 * holder states that it acts on the same shards. Before it states that, it has ended its requests for all tokens that it lost.
 */
export function decideChain({ lease, state, assignment }: ChainFacts): ChainDecision {
  if (state === 'ended') return { kind: 'take' };
  const holder = lease?.record?.holder;
  if (state === 'held' && holder !== undefined && lease?.record?.assignment === assignment && !lease.isDenied)
    return { kind: 'take' };
  return { kind: 'wait', holder };
}
