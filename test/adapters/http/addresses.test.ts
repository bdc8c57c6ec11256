import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRefusedAddress } from '../../../src/adapters/http/addresses.ts';
import { embeddedIPv4 } from '../../../src/adapters/http/embedded-addresses.ts';

const METADATA = ['169.254.169.254', '169.254.170.2', '168.63.129.16', '100.100.100.200', '192.0.0.192'];

const pair = (one = 0, other = 0): string => ((one << 8) | other).toString(16);
const partsOf = (ipv4: string): number[] => ipv4.split('.').map(Number);

/** Each way to write an IPv4 address into an IPv6 one. */
const FORMS: readonly [name: string, form: (ipv4: string) => string][] = [
  ['compatible', (ipv4) => `::${ipv4}`],
  ['mapped', (ipv4) => `::ffff:${ipv4}`],
  ['translated', (ipv4) => `::ffff:0:${ipv4}`],
  ['translated by the well-known prefix of NAT64', (ipv4) => `64:ff9b::${ipv4}`],
  ['translated by the local prefix of NAT64', (ipv4) => `64:ff9b:1::${ipv4}`],
  ['translated by another local prefix of NAT64', (ipv4) => `64:ff9b:1:abcd:0:77:${ipv4}`],
  [
    'translated by a local prefix of 48 bits',
    (ipv4) => {
      const [a, b, c, d] = partsOf(ipv4);
      return `64:ff9b:1:${pair(a, b)}:${pair(0, c)}:${pair(d, 0)}::`;
    },
  ],
  [
    'translated by a local prefix of 56 bits',
    (ipv4) => {
      const [a, b, c, d] = partsOf(ipv4);
      return `64:ff9b:1:${pair(7, a)}:${pair(0, b)}:${pair(c, d)}::`;
    },
  ],
  [
    'translated by a local prefix of 64 bits',
    (ipv4) => {
      const [a, b, c, d] = partsOf(ipv4);
      return `64:ff9b:1:7:${pair(0, a)}:${pair(b, c)}:${pair(d, 0)}:0`;
    },
  ],
  [
    'behind 6to4',
    (ipv4) => {
      const [a, b, c, d] = partsOf(ipv4);
      return `2002:${pair(a, b)}:${pair(c, d)}::1`;
    },
  ],
  [
    'a server of Teredo',
    (ipv4) => {
      const [a, b, c, d] = partsOf(ipv4);
      return `2001:0:${pair(a, b)}:${pair(c, d)}:8000:63bf:3fff:fdd2`;
    },
  ],
  [
    'a client of Teredo',
    (ipv4) => {
      const [a, b, c, d] = partsOf(ipv4).map((part) => part ^ 0xff);
      return `2001:0:4136:e378:8000:63bf:${pair(a, b)}:${pair(c, d)}`;
    },
  ],
  ['an interface of ISATAP', (ipv4) => `2001:db8::5efe:${ipv4}`],
  ['a global interface of ISATAP', (ipv4) => `2001:db8:0:1:200:5efe:${ipv4}`],
];

describe.each(FORMS)('an IPv4 address that is %s', (_name, form) => {
  it.each(METADATA)('is rejected if it is the metadata address %s', (ipv4) => {
    expect(isRefusedAddress(form(ipv4))).toBe(true);
    expect(isRefusedAddress(new URL(`https://[${form(ipv4)}]/`).hostname.slice(1, -1))).toBe(true);
  });

  it('is recognized, and allowed if it is private', () => {
    fc.assert(fc.property(fc.ipV4(), (ipv4) => embeddedIPv4(form(ipv4)).includes(ipv4)));
    expect(isRefusedAddress(form('10.20.30.40'))).toBe(false);
  });
});

describe('an address', () => {
  it.each([
    ...METADATA,
    'fe80::1%eth0',
    'febf::1',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fd00:c1::a9fe:a9fe',
    'fd00:42::42',
    '::FFFF:A9FE:A9FE%1',
  ])('is rejected as that of a metadata service: %s', (address) => {
    expect(isRefusedAddress(address)).toBe(true);
  });

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '127.0.0.1',
    '169.253.0.1',
    '::1',
    'fd00::1',
    '2001:db8::a9fe:a9fe',
  ])('is allowed as that of a private or public network: %s', (address) => {
    expect(isRefusedAddress(address)).toBe(false);
  });

  it('is checked in any notation without an error', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(isRefusedAddress(address)).toBeTypeOf('boolean');
      }),
    );
  });
});
