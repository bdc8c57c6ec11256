import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hashesBefore,
  identityText,
  isLive,
  isSameToken,
  nextGeneration,
  PREVIOUS_HASHES,
  sha256,
  type Token,
} from '../../src/core/token.ts';
import { buildToken } from '../support/tokens.ts';

const NOW = Date.UTC(2026, 0, 1, 12);

describe('the name of a token', () => {
  it('is namespace, secret and name', () => {
    expect(identityText({ namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' })).toBe(
      'billing/billing-tokens/dynamics',
    );
  });

  it('differs where any part differs', () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,3}[a-z0-9])?$/);
    const identity = fc.record({ namespace: label, secret: label, name: label });
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        expect(identityText(one) === identityText(other)).toBe(
          one.namespace === other.namespace && one.secret === other.secret && one.name === other.name,
        );
      }),
    );
  });
});

describe('the hash of a token', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ])('of "%s" is its SHA-256 in lower-case hexadecimal', (text, hash) => {
    expect(sha256(text)).toBe(hash);
  });

  it('is that of its UTF-8 bytes', () => {
    expect(sha256('é')).toBe(createHash('sha256').update(Buffer.from('é', 'utf8')).digest('hex'));
  });
});

describe('a token', () => {
  const token = buildToken({ issuedAt: NOW, expiresAt: NOW + 1000 });

  it.each([
    ['long before its end', NOW, true],
    ['a millisecond before its end', NOW + 999, true],
    ['at its end', NOW + 1000, false],
    ['after its end', NOW + 1001, false],
    ['before it was issued, on a clock that lags', NOW - 5000, true],
  ])('is checked before it is sent %s', (_, now, live) => {
    expect(isLive(token, now)).toBe(live);
  });
});

describe('the generation', () => {
  it('starts at the Unix second', () => {
    expect(nextGeneration(undefined, 1_767_268_800_999)).toBe(1_767_268_800);
  });

  it.each([
    ['rises to the Unix second', 5, 1_767_268_800_000, 1_767_268_800],
    ['rises by one within a second', 1_767_268_800, 1_767_268_800_000, 1_767_268_801],
    ['rises by one on a clock that was set back', 1_767_268_800, 0, 1_767_268_801],
  ])('%s', (_, previous, now, next) => {
    expect(nextGeneration(previous, now)).toBe(next);
  });

  it('always rises, however the clock moves', () => {
    const clock = fc.integer({ min: 0, max: 4e12 });
    fc.assert(
      fc.property(fc.array(clock, { minLength: 2 }), (times) => {
        let generation: number | undefined;
        for (const now of times) {
          const next = nextGeneration(generation, now);
          expect(next).toBeGreaterThan(generation ?? -1);
          expect(next).toBeGreaterThanOrEqual(Math.floor(now / 1000));
          generation = next;
        }
      }),
    );
  });
});

describe('the hashes of earlier tokens', () => {
  /** Returns this many tokens in a row, each with the hashes of its predecessors. */
  function chain(length: number): Token[] {
    const tokens: Token[] = [];
    for (let at = 0; at < length; at += 1) {
      tokens.push(buildToken({ previousSha256: hashesBefore(tokens.at(-1)) }));
    }
    return tokens;
  }

  it('are missing before the first', () => {
    expect(hashesBefore(undefined)).toEqual([]);
  });

  it('are the last three, newest first', () => {
    const tokens = chain(6);
    expect(tokens.at(-1)?.previousSha256).toEqual([tokens[4], tokens[3], tokens[2]].map((token) => token?.sha256));
    expect(PREVIOUS_HASHES).toBe(3);
  });
});

describe('two descriptions of a token', () => {
  const token = buildToken({ previousSha256: ['a', 'b'] });

  it('are the same if each part is', () => {
    expect(isSameToken(token, token)).toBe(true);
    expect(isSameToken(token, { ...token, previousSha256: ['a', 'b'] })).toBe(true);
  });

  it.each<[part: string, other: Partial<Token>]>([
    ['access token', { sha256: sha256('another') }],
    ['type', { tokenType: 'mac' }],
    ['scope', { scope: 'more' }],
    ['time of issue', { issuedAt: token.issuedAt + 1 }],
    ['time of expiry', { expiresAt: token.expiresAt + 1 }],
    ['time of renewal', { renewAt: token.renewAt + 1 }],
    ['generation', { generation: token.generation + 1 }],
    ['list of earlier tokens', { previousSha256: ['a'] }],
    ['order of earlier tokens', { previousSha256: ['b', 'a'] }],
  ])('differ if the %s does', (_part, other) => {
    expect(isSameToken(token, { ...token, ...other })).toBe(false);
  });
});
