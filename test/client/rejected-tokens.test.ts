import { describe, expect, it } from 'vitest';
import { RejectedTokens } from '../../src/client/rejected-tokens.ts';

describe('rejected tokens', () => {
  it('are remembered until they are accepted', () => {
    const rejected = new RejectedTokens();
    rejected.add('a');
    expect([rejected.has('a'), rejected.has('b')]).toEqual([true, false]);
    rejected.delete('a');
    expect(rejected.has('a')).toBe(false);
  });

  it('are bounded, and the one that was rejected longest ago is dropped first', () => {
    const rejected = new RejectedTokens();
    const hashes = Array.from({ length: 9 }, (_, at) => `hash ${at}`);
    for (const hash of hashes.slice(0, 8)) rejected.add(hash);
    rejected.add('hash 0');
    rejected.add('hash 8');
    expect(hashes.filter((hash) => !rejected.has(hash))).toEqual(['hash 1']);
  });
});
