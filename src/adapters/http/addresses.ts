import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { embeddedIPv4 } from './embedded-addresses.ts';

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** An address that no credential may be sent to. */
export class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError';
}

function refusedAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet('169.254.0.0', 16, 'ipv4');
  list.addSubnet('fe80::', 10, 'ipv6');
  // The metadata services outside link-local: AWS, Google, Oracle and Scaleway over IPv6, Azure, Alibaba, Oracle.
  list.addSubnet('fd00:ec2::', 32, 'ipv6');
  list.addAddress('fd20:ce::254', 'ipv6');
  list.addAddress('fd00:c1::a9fe:a9fe', 'ipv6');
  list.addAddress('fd00:42::42', 'ipv6');
  list.addAddress('168.63.129.16', 'ipv4');
  list.addAddress('100.100.100.200', 'ipv4');
  list.addAddress('192.0.0.192', 'ipv4');
  return list;
}

function loopbackAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
  return list;
}

const REFUSED = refusedAddresses();
const LOOPBACK = loopbackAddresses();

function isIn(list: BlockList, address: string): boolean {
  const plain = address.replace(/%.*$/, '');
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Whether an address is link-local or a cloud's metadata service, in any notation and inside any IPv6 address that
 * leads to it. Private ranges are allowed.
 */
export function isRefusedAddress(address: string): boolean {
  return [address, ...embeddedIPv4(address)].some((one) => isIn(REFUSED, one));
}

/** 127.0.0.0/8 or ::1. */
export function isLoopbackAddress(address: string): boolean {
  return isIn(LOOPBACK, address);
}

/** The host of a URL as an address, `undefined` where it is a name. */
export function literalAddress(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? undefined : host;
}

export const resolveBySystem: Resolve = (hostname) => lookup(hostname, { all: true });

/**
 * Resolves each name once at a time, however many ask: lookups that hang occupy threads long after their askers
 * have given up.
 */
export function resolveOnce(resolve: Resolve = resolveBySystem): Resolve {
  const pending = new Map<string, Promise<readonly LookupAddress[]>>();
  return (hostname) => {
    const known = pending.get(hostname);
    if (known !== undefined) return known;
    const lookedUp = resolve(hostname).finally(() => pending.delete(hostname));
    pending.set(hostname, lookedUp);
    return lookedUp;
  };
}

/** Rejects each address that no credential may be sent to: what is checked is what is connected to. */
export function checkedResolve(resolve: Resolve, { loopbackOnly }: { loopbackOnly: boolean }): Resolve {
  return async (hostname) => {
    const addresses = await resolve(hostname);
    for (const { address } of addresses) {
      if (isRefusedAddress(address)) {
        throw new RefusedAddressError(`${hostname} resolves to ${address}, a link-local or metadata address`);
      }
      if (loopbackOnly && !isLoopbackAddress(address)) {
        throw new RefusedAddressError(`${hostname} resolves to ${address}, and plain http is for loopback only`);
      }
    }
    return addresses;
  };
}
