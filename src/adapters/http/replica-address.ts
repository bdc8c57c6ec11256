import { BlockList, isIP } from 'node:net';
import { isLoopbackAddress, isRefusedAddress } from './addresses.ts';
import { embeddedIPv4 } from './embedded-addresses.ts';

export interface ReplicaAddress {
  readonly host: string;
  readonly port: number;
}

const FORM = /^(?:\[([0-9a-f:.]{2,45})\]|([0-9.]{7,15})):([1-9]\d{0,4})$/i;

function noAddressesOfPods(): BlockList {
  const list = new BlockList();
  list.addSubnet('0.0.0.0', 8, 'ipv4');
  list.addSubnet('224.0.0.0', 3, 'ipv4');
  list.addAddress('::', 'ipv6');
  list.addSubnet('ff00::', 8, 'ipv6');
  return list;
}

const OF_NO_POD = noAddressesOfPods();

/**
 * Reads `IP:port` or `[IP]:port` of a Lease, which anyone may have written who may update it. `undefined` for anything else, and
 * for addresses that no other pod has: link-local, metadata, multicast, and loopback unless `loopback` says otherwise.
 */
export function parseReplicaAddress(text: string, { loopback }: { loopback: boolean }): ReplicaAddress | undefined {
  const match = FORM.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (isIP(host) === 0 || port > 65_535 || isRefusedAddress(host)) return undefined;
  const place = { host, port };
  // Only a process that serves loopback itself has its other replica there.
  if (loopback || isLoopbackAddress(host)) return loopback && isLoopbackAddress(host) ? place : undefined;
  return [host, ...embeddedIPv4(host)].some(isOfNoPod) ? undefined : place;
}

function isOfNoPod(address: string): boolean {
  return isLoopbackAddress(address) || OF_NO_POD.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
