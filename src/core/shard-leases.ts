import { endOf, isSameClaim, type LeaseRecord } from './lease.ts';
import { assignmentOf, countIn, ownerOf, type Shards } from './shards.ts';
import type { Ms, SecretReference } from './token.ts';

/** What a process knows of a Lease that it only reads. Moments are of its monotonic clock, because the clocks of others may differ. */
export interface LeaseSighting {
  /** As last read; `undefined` where it never was. */
  readonly record: LeaseRecord | undefined;
  /** When the record was first seen as it is. Without a record: when the Lease was first asked for. */
  readonly since: Ms;
  /** When the record was last read. */
  readonly readAt: Ms | undefined;
  /** Whether the Lease is missing, or may not be read. */
  readonly isDenied: boolean;
}

/**
 * - held: a process renews it.
 * - ended: nobody does.
 * - unknown: it was not read for too long.
 */
export type LeaseState = 'held' | 'ended' | 'unknown';

/** The Lease was read. */
export function leaseRead(before: LeaseSighting | undefined, record: LeaseRecord, now: Ms): LeaseSighting {
  const isNews = before?.record === undefined || !isSameClaim(before.record, record);
  return { record, since: isNews ? now : before.since, readAt: now, isDenied: false };
}

/** The Lease could not be read. */
export function leaseUnread(before: LeaseSighting | undefined, isDenied: boolean, now: Ms): LeaseSighting {
  return { record: before?.record, since: before?.since ?? now, readAt: before?.readAt, isDenied };
}

/**
 * Returns whether somebody holds the Lease. It ends only where it was read again after its duration, so a process that cannot
 * reach the API server takes nothing over. A Lease that is gone has no holder that could renew it.
 */
export function leaseStateAt(sighting: LeaseSighting | undefined, now: Ms): LeaseState {
  if (sighting === undefined) return 'unknown';
  const { record, since, readAt = Number.NEGATIVE_INFINITY, isDenied } = sighting;
  if (record !== undefined && record.holder === undefined) return 'ended';
  const end = endOf({ record, seenAt: since });
  if (readAt >= end || (isDenied && now >= end)) return 'ended';
  return record !== undefined && now < end ? 'held' : 'unknown';
}

/** A shard whose holder acts on another configuration, and what it is. */
export interface FormerOwner {
  readonly shard: number;
  readonly shards: Shards;
}

/**
 * Returns the other shards that act on another number of shards, or on other named ones, than `shards`: they still work on
 * tokens that they no longer own, until they load the same configuration.
 */
export function formerOwners(
  { own, shards }: { readonly own: number; readonly shards: Shards },
  leases: ReadonlyMap<number, LeaseSighting>,
  now: Ms,
): FormerOwner[] {
  const assignment = assignmentOf(shards);
  return [...leases].flatMap(([shard, sighting]) => {
    const stated = sighting.record?.assignment;
    const count = countIn(stated);
    if (shard === own || count === undefined || stated === assignment) return [];
    if (leaseStateAt(sighting, now) === 'ended') return [];
    // Which shards it has as named is not known. Those of this configuration are the best guess.
    const named = stated?.includes('/') === true ? shards.named : new Map<string, number>();
    return [{ shard, shards: { count, named } }];
  });
}

/** Returns the shard that still works on a Secret. */
export function formerOwnerOf(secret: SecretReference, owners: readonly FormerOwner[]): number | undefined {
  return owners.find(({ shard, shards }) => ownerOf(secret, shards) === shard)?.shard;
}
