import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameConstraints } from '../../src/adapters/tls/name-constraints.ts';

const ANY_IPV4 = `300a8708${'00'.repeat(8)}`;
const ANY_IPV6 = `30228720${'00'.repeat(32)}`;
const EXCLUDED = `a130${ANY_IPV4}${ANY_IPV6}`;

function hex(dnsNames: readonly string[]): string {
  return Buffer.from(nameConstraints(dnsNames)).toString('hex');
}

/** Returns the tag, length and content of the first value, and the rest. */
function read(der: Buffer): { tag: number; content: Buffer; rest: Buffer } {
  const [tag = 0, first = 0] = der;
  const octets = first < 0x80 ? 0 : first - 0x80;
  const length = octets === 0 ? first : der.readUIntBE(2, octets);
  const begin = 2 + octets;
  return { tag, content: der.subarray(begin, begin + length), rest: der.subarray(begin + length) };
}

function readAll(der: Buffer): { tag: number; content: Buffer }[] {
  const values = [];
  for (let left = der; left.length > 0; ) {
    const { rest, ...value } = read(left);
    values.push(value);
    left = rest;
  }
  return values;
}

describe('the DER of name constraints', () => {
  it('permits one name, and excludes every address', () => {
    const name = Buffer.from('ab').toString('hex');
    expect(hex(['ab'])).toBe(`303aa00630048202${name}${EXCLUDED}`);
  });

  it('does not depend on the order of the names', () => {
    expect(hex(['b.c', 'a'])).toBe(hex(['a', 'b.c']));
  });

  it('differs with each name', () => {
    expect(new Set([hex(['a']), hex(['b']), hex(['a', 'b']), hex(['a.b'])]).size).toBe(4);
  });

  it('contains the given names, however many and long', () => {
    const label = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.'), minLength: 1, maxLength: 250 });
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 40 }), (names) => {
        const [whole, ...others] = readAll(Buffer.from(nameConstraints(names)));
        expect([whole?.tag, others.length]).toEqual([0x30, 0]);
        const [permitted, excluded] = readAll(whole?.content ?? Buffer.alloc(0));
        expect([permitted?.tag, excluded?.tag]).toEqual([0xa0, 0xa1]);
        const subtrees = readAll(permitted?.content ?? Buffer.alloc(0)).map(({ content }) => read(content));
        expect(subtrees.every(({ tag }) => tag === 0x82)).toBe(true);
        expect(subtrees.map(({ content }) => content.toString())).toEqual(names.toSorted());
      }),
    );
  });
});
