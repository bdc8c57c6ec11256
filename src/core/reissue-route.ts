import type { Role } from './leadership.ts';

/** What a replica knows when a client asks it for a token. */
export interface RouteFacts {
  readonly role: Role;
  /** Whether another replica leads, and is not known to be silent. */
  readonly leader: boolean;
  /** The shard of this replica, and that of the token. */
  readonly ownShard: number;
  readonly shard: number;
  /** Whether no replica of the token's shard answered this call. */
  readonly isShardSilent: boolean;
  /** The last step that the call made between replicas: left out for a call that came from a client. */
  readonly forwardedTo: ForwardedTo | undefined;
  /** Whether a token request spends a refresh token. */
  readonly rotates: boolean;
  /** Whether the token is stored where each replica reads it, or only in the memory of the leader. */
  readonly delivery: 'secret' | 'endpoint';
}

/** Whom a call was forwarded to: the replicas of a shard, or the one that leads. */
export type ForwardedTo = 'shard' | 'leader';

export type ReissueRoute =
  /** This replica renews the token, and its memory has it. `mayRequest`: whether it may request another one. */
  | { readonly kind: 'owner'; readonly mayRequest: boolean }
  /** Another replica should renew it: this one reads the store first, and keeps nothing. */
  | { readonly kind: 'stand-in'; readonly mayRequest: boolean }
  | { readonly kind: 'forward'; readonly to: 'leader' }
  | { readonly kind: 'forward'; readonly to: 'shard'; readonly shard: number }
  /** Another replica forwarded what is not answered here (RFC 9110 section 15.5.20): it answers itself. */
  | { readonly kind: 'misdirected' }
  /** No replica can answer at the moment, because that of `who` does not. */
  | { readonly kind: 'unavailable'; readonly who: ForwardedTo };

/**
 * Decides where a call about a token is answered. Each step between replicas leads nearer to the leader of the token's shard,
 * so a call makes two at most: to the replicas of the shard, and to the one of them that leads.
 */
export function decideReissueRoute(facts: RouteFacts): ReissueRoute {
  const { role, leader, ownShard, shard, isShardSilent, forwardedTo, rotates } = facts;
  if (shard !== ownShard) {
    if (forwardedTo !== undefined) return { kind: 'misdirected' };
    return isShardSilent ? withoutShard(facts) : { kind: 'forward', to: 'shard', shard };
  }
  switch (role) {
    case 'leading':
      return { kind: 'owner', mayRequest: true };
    case 'cut-off':
      // Another replica may have taken over, and only one may spend a refresh token.
      return { kind: 'owner', mayRequest: !rotates };
    case 'unelected':
      // Nobody leads, so the state decides who may spend a refresh token.
      return { kind: 'stand-in', mayRequest: true };
    case 'following':
      if (forwardedTo === 'leader') return { kind: 'misdirected' };
      return leader ? { kind: 'forward', to: 'leader' } : withoutLeader(facts);
  }
}

/** The leader does not answer, or there is none. */
function withoutLeader({ rotates, delivery }: RouteFacts): ReissueRoute {
  // Its memory had the only copy, and the next one costs a refresh token.
  if (delivery === 'endpoint' && rotates) return { kind: 'unavailable', who: 'leader' };
  return { kind: 'stand-in', mayRequest: !rotates };
}

/** No replica of the token's shard answers. A token that is stored nowhere is only in the memory of its shard. */
function withoutShard({ rotates, delivery }: RouteFacts): ReissueRoute {
  return delivery === 'secret' ? { kind: 'stand-in', mayRequest: !rotates } : { kind: 'unavailable', who: 'shard' };
}
