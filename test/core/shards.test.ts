import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assignmentOf,
  countIn,
  MOST_SHARDS,
  ownerOf,
  type Placed,
  shardFaults,
  shardName,
  shardService,
  shardsOf,
} from '../../src/core/shards.ts';

const placed = (secret: string, shard?: number): Placed => ({ namespace: 'billing', secret, shard });
const billing = placed('billing-tokens');

describe('the owner of a Secret', () => {
  it.each([
    ['is shard 0 where there is one shard', 1, [], 0],
    // printf billing/billing-tokens | sha256sum | cut -c 1-8: 0x9f5214ec = 2672956652
    ['is the first 32 bits of the hash of its name, modulo the number of shards', 2, [], 2_672_956_652 % 2],
    ['is the same rule for another number', 5, [], 2_672_956_652 % 5],
    ['is the shard that its token names', 8, [placed('billing-tokens', 7)], 7],
    ['is the shard that another token of the Secret names', 8, [billing, placed('billing-tokens', 3)], 3],
    ['is not what another Secret names', 5, [placed('orders-tokens', 3)], 2_672_956_652 % 5],
  ])('%s', (_sentence, count, tokens, owner) => {
    expect(ownerOf(billing, shardsOf(count, tokens))).toBe(owner);
  });

  it('spreads Secrets evenly over any number of shards', () => {
    const name = fc.stringMatching(/^[a-z]{1,12}$/);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: MOST_SHARDS }), name, (count, prefix) => {
        const shards = shardsOf(count, []);
        const mean = 200;
        const sizes = Array.from({ length: count }, () => 0);
        for (let index = 0; index < mean * count; index += 1) {
          const owner = ownerOf({ namespace: `team-${index % 40}`, secret: `${prefix}-${index}` }, shards);
          sizes[owner] = (sizes[owner] ?? 0) + 1;
        }
        // Five standard deviations of a binomial distribution, which one in a million shards misses.
        const most = 5 * Math.sqrt(mean);
        for (const size of sizes) expect(Math.abs(size - mean)).toBeLessThan(most);
      }),
      { numRuns: 30, seed: 14 },
    );
  });
});

describe('the shards that tokens name', () => {
  it.each<[string, number, Placed[], string[]]>([
    ['may be left out', 2, [billing, placed('orders-tokens')], []],
    ['may be the last one', 2, [placed('billing-tokens', 1)], []],
    ['must exist', 2, [placed('billing-tokens', 2)], ['NoSuchShard']],
    ['must exist where there is only one', 1, [placed('billing-tokens', 1)], ['NoSuchShard']],
    ['may be the same for two tokens of a Secret', 4, [placed('billing-tokens', 1), placed('billing-tokens', 1)], []],
    ['must agree within a Secret', 4, [placed('billing-tokens', 1), placed('billing-tokens', 2)], ['TwoShards']],
    ['may differ between Secrets', 4, [placed('billing-tokens', 1), placed('orders-tokens', 2)], []],
    ['may be left out by others of a Secret', 4, [placed('billing-tokens', 1), billing], []],
    [
      'are each reported',
      2,
      [placed('billing-tokens', 0), placed('billing-tokens', 1), placed('orders-tokens', 9)],
      ['TwoShards', 'NoSuchShard'],
    ],
  ])('%s', (_sentence, count, tokens, kinds) => {
    expect(shardFaults(count, tokens).map(({ kind }) => kind)).toEqual(kinds);
  });
});

describe('the names of a shard', () => {
  it('are those of an installation without shards for the first one', () => {
    expect([shardName('token-acquirer', 0), shardName('token-acquirer', 3)]).toEqual([
      'token-acquirer',
      'token-acquirer-shard-3',
    ]);
  });

  it('include a Service of each shard, which clients do not call', () => {
    expect([0, 3].map((shard) => shardService('token-acquirer', shard))).toEqual([
      'token-acquirer-shard-0',
      'token-acquirer-shard-3',
    ]);
  });
});

describe('the text of an assignment', () => {
  const named = [placed('billing-tokens', 1), placed('orders-tokens', 2)];

  it('is the number of shards where no token names one', () => {
    expect(assignmentOf(shardsOf(3, [billing]))).toBe('3');
  });

  it('does not depend on the order of the tokens', () => {
    expect(assignmentOf(shardsOf(3, named))).toBe(assignmentOf(shardsOf(3, named.toReversed())));
  });

  it.each([
    ['another number of shards', shardsOf(4, named)],
    ['another named shard', shardsOf(3, [placed('billing-tokens', 2), placed('orders-tokens', 2)])],
    ['no named shard', shardsOf(3, [])],
    ['one named shard less', shardsOf(3, [placed('billing-tokens', 1)])],
  ])('differs for %s', (_sentence, other) => {
    expect(assignmentOf(other)).not.toBe(assignmentOf(shardsOf(3, named)));
  });

  it.each([
    ['3', 3],
    [assignmentOf(shardsOf(64, named)), 64],
    ['0', undefined],
    ['65', undefined],
    ['3/', undefined],
    ['three', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s has the number %s', (text, count) => {
    expect(countIn(text)).toBe(count);
  });
});
