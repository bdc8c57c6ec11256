import { BlockList, isIP, isIPv6 } from 'node:net';

/** A host as a URL names it, without brackets. */
export interface ProxiedHost {
  readonly host: string;
  readonly port: number;
}

/**
 * Whether a host is reached without the proxy, by the rules that Go and curl share: entries are separated by commas
 * or blanks; `corp` is that host and all below it, `.corp` and `*.corp` are those below it; `*` is everything. An
 * address stands for itself, `10.0.0.0/8` and `fd00::/8` for a network, `10.0.0.1-10.0.0.9` for a range (as in Node).
 * Each may end with `:port`. Names are not resolved, so an address matches only a URL that has an address.
 */
export function isDirect({ host, port }: ProxiedHost, noProxy: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(name, port, entry));
}

function matches(host: string, port: number, entry: string): boolean {
  if (entry === '*') return true;
  const { pattern, only } = split(entry);
  if (only !== undefined && only !== port) return false;
  return isIP(host) === 0 ? matchesName(host, pattern) : matchesAddress(host, pattern);
}

/** An IPv6 address contains colons, so its port needs brackets. */
function split(entry: string): { readonly pattern: string; readonly only?: number } {
  const [, bracketed, rest = ''] = /^\[([^\]]*)\](.*)$/.exec(entry) ?? [];
  if (bracketed !== undefined) {
    const [, port] = /^:(\d+)$/.exec(rest) ?? [];
    return port === undefined ? { pattern: bracketed + rest } : { pattern: bracketed, only: Number(port) };
  }
  const [, pattern, port] = /^([^:]+):(\d+)$/.exec(entry) ?? [];
  return pattern === undefined ? { pattern: entry } : { pattern, only: Number(port) };
}

function matchesName(host: string, pattern: string): boolean {
  const suffix = pattern.replace(/\.$/, '').replace(/^\*\./, '.');
  if (suffix.replace(/^\./, '') === '') return false;
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

function matchesAddress(host: string, pattern: string): boolean {
  const list = new BlockList();
  try {
    const [, first = '', last = ''] = /^(.+)-(.+)$/.exec(pattern) ?? [];
    const [, network = '', bits] = /^(.+)\/(\d{1,3})$/.exec(pattern) ?? [];
    if (bits !== undefined) list.addSubnet(network, Number(bits), familyOf(network));
    else if (first !== '') list.addRange(first, last, familyOf(first));
    else list.addAddress(pattern, familyOf(pattern));
  } catch {
    // An entry that is not an address matches none, as in Go and curl.
    return false;
  }
  return list.check(host, familyOf(host));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
