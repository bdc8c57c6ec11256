import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { LeaseRecord } from '../../src/core/lease.ts';
import { ownerOf, shardsOf } from '../../src/core/shards.ts';
import { ShardLeases } from '../../src/token-acquirer/shards/shard-leases.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { seconds } from '../support/acquirer.ts';

const TWO = shardsOf(2, []);
const ofShard = (shard: number) => {
  const secrets = Array.from({ length: 20 }, (_, index) => ({ namespace: 'billing', secret: `tokens-${index}` }));
  return secrets.find((secret) => ownerOf(secret, TWO) === shard) ?? { namespace: '', secret: '' };
};

function open(count = 2, own = 1) {
  const clock = createFakeClock();
  const records = new Map<string, Partial<LeaseRecord> | StoreError>();
  const reads: string[] = [];
  const leases = new ShardLeases(shardsOf(count, []), {
    clock,
    own,
    name: 'token-acquirer',
    onLook: () => undefined,
    leaseOf: (name) => ({
      async read() {
        await Promise.resolve();
        reads.push(name);
        const found = records.get(name) ?? new StoreError('There is no such Lease.', { missing: true });
        if (found instanceof StoreError) throw found;
        return {
          version: '1',
          transitions: 0,
          acquiredAt: 0,
          duration: 60_000,
          renewedAt: clock.now(),
          ...found,
        } as LeaseRecord;
      },
    }),
  });
  const stop = new AbortController();
  const ended = leases.run(stop.signal);
  return { clock, records, reads, leases, stop, ended };
}

describe('the Leases of the other shards', () => {
  it('are looked at every 20 s, and not the own one', async () => {
    const { clock, reads, records } = open(3);
    for (const name of ['token-acquirer', 'token-acquirer-shard-2'])
      records.set(name, { holder: 'a_1', assignment: '3' });
    await clock.advance(seconds(61));
    expect(reads).toEqual(Array.from({ length: 4 }, () => ['token-acquirer', 'token-acquirer-shard-2']).flat());
  });

  it('are looked at less often where there are many, so that each process sends about as many requests', async () => {
    const { clock, reads } = open(64);
    await clock.advance(seconds(159));
    expect(reads).toHaveLength(63);
    await clock.advance(seconds(2));
    expect(reads).toHaveLength(126);
  });

  it('show who holds them', async () => {
    const { clock, records, leases } = open(3);
    records.set('token-acquirer', { holder: 'token-acquirer-a_1', assignment: '3' });
    await clock.settle();
    expect(leases.others).toEqual([
      { shard: 0, lease: 'token-acquirer', state: 'held', holder: 'token-acquirer-a_1' },
      { shard: 2, lease: 'token-acquirer-shard-2', state: 'unknown', holder: undefined },
    ]);
    records.set('token-acquirer', { holder: undefined });
    await clock.advance(seconds(61));
    expect(leases.others.map(({ state }) => state)).toEqual(['ended', 'ended']);
  });

  it('show within 2 s that a shard has loaded the same configuration', async () => {
    const { clock, records, leases } = open();
    records.set('token-acquirer', { holder: 'a_1', assignment: '1' });
    await clock.settle();
    expect(leases.formerOwnerOf(ofShard(1))).toBe(0);
    expect(leases.late).toBeUndefined();
    let changes = 0;
    leases.watch(() => {
      changes += 1;
    });
    records.set('token-acquirer', { holder: 'a_1', assignment: '2' });
    await clock.advance(seconds(2));
    expect(leases.formerOwnerOf(ofShard(1))).toBeUndefined();
    expect(leases.late).toBeUndefined();
    await clock.advance(seconds(60));
    expect(changes).toBe(1);
  });

  it('show a shard that acts on another configuration for longer than a ConfigMap needs', async () => {
    const { clock, records, leases } = open();
    records.set('token-acquirer', { holder: 'a_1', assignment: '1' });
    await clock.advance(seconds(119));
    expect(leases.late).toBeUndefined();
    await clock.advance(seconds(2));
    expect(leases.late).toMatchObject({ shard: 0, holder: 'a_1' });
  });

  it('of shards that are no longer configured are looked at until they end', async () => {
    const { clock, records, leases, reads } = open(2, 0);
    records.set('token-acquirer-shard-1', { holder: 'b_1', assignment: '2' });
    await clock.settle();
    leases.follow(shardsOf(1, []));
    expect(leases.formerOwnerOf(ofShard(1))).toBe(1);
    await clock.advance(seconds(10));
    expect(leases.formerOwnerOf(ofShard(1))).toBe(1);
    expect(leases.others).toEqual([]);
    records.set('token-acquirer-shard-1', { holder: undefined });
    await clock.advance(seconds(3));
    expect(leases.formerOwnerOf(ofShard(1))).toBeUndefined();
    const before = reads.length;
    await clock.advance(seconds(100));
    expect(reads).toHaveLength(before);
  });

  it('that are deleted with their shard end after their duration', async () => {
    const { clock, records, leases } = open(2, 0);
    records.set('token-acquirer-shard-1', { holder: 'b_1', assignment: '2' });
    await clock.settle();
    leases.follow(shardsOf(1, []));
    records.delete('token-acquirer-shard-1');
    await clock.advance(seconds(55));
    expect(leases.formerOwnerOf(ofShard(1))).toBe(1);
    await clock.advance(seconds(10));
    expect(leases.formerOwnerOf(ofShard(1))).toBeUndefined();
  });

  it('are no longer looked at after a stop', async () => {
    const { clock, stop, ended } = open();
    await clock.settle();
    stop.abort();
    await ended;
    expect(clock.waiting()).toBe(0);
  });
});

describe('a refresh chain', () => {
  it('of the own Lease is free, and no Lease is read', async () => {
    const { leases, reads, clock } = open();
    await clock.settle();
    const before = reads.length;
    await expect(leases.chains.waitFor('token-acquirer-shard-1')).resolves.toBeUndefined();
    expect(reads).toHaveLength(before);
  });

  it('of an older version belongs to the first shard', async () => {
    const { leases, clock, records } = open();
    records.set('token-acquirer', { holder: 'a_1', assignment: '1' });
    const waited = leases.chains.waitFor(undefined);
    await clock.advance(seconds(4));
    await expect(waited).resolves.toEqual({ lease: 'token-acquirer', holder: 'a_1' });
    const first = open(2, 0);
    await expect(first.leases.chains.waitFor(undefined)).resolves.toBeUndefined();
  });

  it('becomes free while a client waits for it', async () => {
    const { leases, clock, records } = open();
    records.set('token-acquirer', { holder: 'a_1', assignment: '1' });
    const waited = leases.chains.waitFor('token-acquirer');
    await clock.advance(seconds(1));
    records.set('token-acquirer', { holder: 'a_1', assignment: '2' });
    await clock.advance(seconds(1));
    await expect(waited).resolves.toBeUndefined();
  });

  it('of a Lease that is missing is free after the duration of a Lease', async () => {
    const { leases, clock } = open();
    const waited = leases.chains.waitFor('token-acquirer-shard-7');
    await clock.advance(seconds(4));
    await expect(waited).resolves.toEqual({ lease: 'token-acquirer-shard-7' });
    await clock.advance(seconds(60));
    await expect(leases.chains.waitFor('token-acquirer-shard-7')).resolves.toBeUndefined();
  });
});
