import { isIPv4, isIPv6 } from 'node:net';

/** How an IPv6 address carries an IPv4 one: the bytes that it begins with, and where the four bytes are. */
interface Embedding {
  readonly prefix: readonly number[];
  readonly at: readonly [number, number, number, number];
  /** Teredo stores the client's address with each bit inverted. */
  readonly inverted?: boolean;
}

const LAST = [12, 13, 14, 15] as const;
const ZEROS = Array<number>(8).fill(0);
/** RFC 8215. */
const LOCAL_NAT64 = [0x00, 0x64, 0xff, 0x9b, 0x00, 0x01];

const EMBEDDINGS: readonly Embedding[] = [
  // Compatible and mapped (RFC 4291 section 2.5.5), and translated (RFC 2765 section 2.1).
  { prefix: [...ZEROS, 0, 0, 0, 0], at: LAST },
  { prefix: [...ZEROS, 0, 0, 0xff, 0xff], at: LAST },
  { prefix: [...ZEROS, 0xff, 0xff, 0, 0], at: LAST },
  // NAT64: the well-known prefix, and the local one with each prefix length of RFC 6052 section 2.2 that fits.
  { prefix: [0x00, 0x64, 0xff, 0x9b, ...ZEROS], at: LAST },
  { prefix: LOCAL_NAT64, at: LAST },
  { prefix: LOCAL_NAT64, at: [6, 7, 9, 10] },
  { prefix: LOCAL_NAT64, at: [7, 9, 10, 11] },
  { prefix: LOCAL_NAT64, at: [9, 10, 11, 12] },
  // 6to4 (RFC 3056), and the server and the client of Teredo (RFC 4380 section 4).
  { prefix: [0x20, 0x02], at: [2, 3, 4, 5] },
  { prefix: [0x20, 0x01, 0x00, 0x00], at: [4, 5, 6, 7] },
  { prefix: [0x20, 0x01, 0x00, 0x00], at: LAST, inverted: true },
];

/** Returns the IPv4 addresses that an IPv6 address may be translated to or tunneled to. */
export function embeddedIPv4(address: string): readonly string[] {
  if (!isIPv6(address)) return [];
  const bytes = bytesOf(address);
  const found = EMBEDDINGS.filter(({ prefix }) => prefix.every((byte, index) => bytes[index] === byte));
  // ISATAP (RFC 5214 section 6.1) has any prefix.
  const isatap = /^0[02]005efe/.test(hex(bytes.slice(8)));
  const places = isatap ? [...found, { prefix: [], at: LAST }] : found;
  return places.map(({ at, inverted }: Embedding) =>
    at.map((index) => (bytes[index] ?? 0) ^ (inverted === true ? 0xff : 0)).join('.'),
  );
}

function hex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytesOf(address: string): readonly number[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  return [...before, ...Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (isIPv4(group)) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
