import { describe, expect, it } from 'vitest';
import { decideChain } from '../../src/core/chain-owner.ts';
import type { LeaseRecord } from '../../src/core/lease.ts';
import {
  formerOwnerOf,
  formerOwners,
  type LeaseSighting,
  leaseRead,
  leaseStateAt,
  leaseUnread,
} from '../../src/core/shard-leases.ts';
import { ownerOf, shardsOf } from '../../src/core/shards.ts';

const record = (given: Partial<LeaseRecord> = {}): LeaseRecord => ({
  version: '1',
  holder: 'token-acquirer-1_0a',
  address: undefined,
  assignment: '1',
  duration: 60_000,
  acquiredAt: 0,
  renewedAt: 0,
  transitions: 0,
  ...given,
});
const free = record({ holder: undefined });
const secret = (name: string) => ({ namespace: 'billing', secret: name });

/** Reads at these moments, of a Lease that its holder renews at the wall-clock times. */
function reads(...looks: readonly (readonly [now: number, renewedAt: number])[]): LeaseSighting | undefined {
  return looks.reduce<LeaseSighting | undefined>(
    (before, [now, renewedAt]) => leaseRead(before, record({ renewedAt }), now),
    undefined,
  );
}

describe('the Lease of another shard', () => {
  it.each<[string, LeaseSighting | undefined, number, string]>([
    ['is unknown before it was read', undefined, 100_000, 'unknown'],
    ['is held once it was read with a holder', reads([0, 5]), 1000, 'held'],
    ['is held while it changes', reads([0, 5], [50_000, 6]), 100_000, 'held'],
    ['has ended without a holder', leaseRead(undefined, free, 0), 1000, 'ended'],
    ['has ended where it did not change for its duration', reads([0, 5], [60_000, 5]), 60_000, 'ended'],
    ['has not ended where it was last read before its end', reads([0, 5], [59_000, 5]), 59_500, 'held'],
    ['is unknown where it was not read after its end', reads([0, 5]), 61_000, 'unknown'],
    ['is unknown where it can no longer be read', leaseUnread(reads([0, 5]), false, 70_000), 70_000, 'unknown'],
    ['is held for its duration after it was deleted', leaseUnread(reads([0, 5]), true, 59_000), 59_000, 'held'],
    ['has ended when that time is over', leaseUnread(reads([0, 5]), true, 60_000), 60_000, 'ended'],
    ['is unknown where it never was readable', leaseUnread(undefined, true, 0), 59_000, 'unknown'],
    ['has ended where it was missing for a duration', leaseUnread(undefined, true, 0), 60_000, 'ended'],
    ['stays unknown where the API server is unavailable', leaseUnread(undefined, false, 0), 900_000, 'unknown'],
    [
      'ends no later for a holder that writes a long duration',
      leaseRead(leaseRead(undefined, record({ duration: 9e9 }), 0), record({ duration: 9e9 }), 60_000),
      60_000,
      'ended',
    ],
    [
      'counts a change of other fields as none',
      leaseRead(reads([0, 5]), record({ renewedAt: 5, version: '9' }), 60_000),
      60_000,
      'ended',
    ],
    [
      'is held by the next holder',
      leaseRead(reads([0, 5]), record({ renewedAt: 5, holder: 'other' }), 60_000),
      61_000,
      'held',
    ],
  ])('%s', (_sentence, sighting, now, state) => {
    expect(leaseStateAt(sighting, now)).toBe(state);
  });
});

describe('the former owner of a Secret', () => {
  const names = Array.from({ length: 40 }, (_, index) => `tokens-${index}`);
  const moved = names.filter((name) => ownerOf(secret(name), shardsOf(2, [])) === 1);
  const named = shardsOf(2, [{ ...secret('orders'), shard: 1 }]);
  const of = (name: string, own: number, shards = shardsOf(2, []), lease = leaseRead(undefined, record(), 0)) =>
    formerOwnerOf(secret(name), formerOwners({ own, shards }, new Map([[own === 0 ? 1 : 0, lease]]), 1000));

  it('is the shard that had it, while its holder acts on fewer shards', () => {
    expect(moved.length).toBeGreaterThan(5);
    for (const name of moved) expect(of(name, 1)).toBe(0);
  });

  it('is nobody once the holder states the same shards', () => {
    for (const name of moved)
      expect(of(name, 1, shardsOf(2, []), leaseRead(undefined, record({ assignment: '2' }), 0))).toBeUndefined();
  });

  it('is nobody where the Lease has ended', () => {
    for (const name of moved) expect(of(name, 1, shardsOf(2, []), leaseRead(undefined, free, 0))).toBeUndefined();
  });

  it('is nobody where the holder states nothing that makes sense', () => {
    for (const assignment of [undefined, 'many', '0'])
      expect(of(moved[0] ?? '', 1, shardsOf(2, []), leaseRead(undefined, record({ assignment }), 0))).toBeUndefined();
  });

  it('is the removed shard after a change to fewer shards', () => {
    const lease = leaseRead(undefined, record({ assignment: '2' }), 0);
    for (const name of names) expect(of(name, 0, shardsOf(1, []), lease)).toBe(moved.includes(name) ? 1 : undefined);
  });

  it('is the shard by the hash where the Secret is newly named', () => {
    const lease = leaseRead(undefined, record({ assignment: '2' }), 0);
    const isOfFirst = ownerOf(secret('orders'), shardsOf(2, [])) === 0;
    expect(of('orders', 1, named, lease)).toBe(isOfFirst ? 0 : undefined);
  });

  it('is not the process itself', () => {
    const leases = new Map([[1, leaseRead(undefined, record(), 0)]]);
    expect(formerOwners({ own: 1, shards: shardsOf(2, []) }, leases, 0)).toEqual([]);
  });

  it('stays where the API server cannot be asked', () => {
    const lease = leaseUnread(leaseRead(undefined, record(), 0), false, 90_000);
    const owners = formerOwners({ own: 1, shards: shardsOf(2, []) }, new Map([[0, lease]]), 90_000);
    expect(owners.map(({ shard }) => shard)).toEqual([0]);
  });
});

describe('a refresh chain that another shard used last', () => {
  const held = leaseRead(undefined, record(), 0);
  const same = leaseRead(undefined, record({ assignment: '2' }), 0);
  const wait = (holder?: string) => ({ kind: 'wait', holder });
  it.each([
    ['is taken once the Lease has ended', { lease: held, state: 'ended' }, { kind: 'take' }],
    ['is taken once the holder acts on the same shards', { lease: same, state: 'held' }, { kind: 'take' }],
    ['waits for a holder that acts on others', { lease: held, state: 'held' }, wait('token-acquirer-1_0a')],
    ['waits where the statement may be old', { lease: same, state: 'unknown' }, wait('token-acquirer-1_0a')],
    ['waits where the Lease was never read', { lease: undefined, state: 'unknown' }, wait()],
    [
      'waits where the Lease was just deleted',
      { lease: leaseUnread(same, true, 1), state: 'held' },
      wait('token-acquirer-1_0a'),
    ],
  ] as const)('%s', (_sentence, facts, decision) => {
    expect(decideChain({ ...facts, assignment: '2' })).toEqual(decision);
  });
});
