import { isLoopbackHost } from '../../core/loopback.ts';

/** What the host of a URL may consist of. `URL` would cut others off, and git would not. */
const HOST = /^[\w.:[\]-]+$/;

/** Returns the origin that git asks for; `undefined` where it names none. */
export function askedOrigin(asked: ReadonlyMap<string, string>): string | undefined {
  const [protocol = '', host = ''] = [asked.get('protocol'), asked.get('host')];
  const text = `${protocol}://${host}`;
  return /^https?$/.test(protocol) && HOST.test(host) && URL.canParse(text) ? new URL(text).origin : undefined;
}

/** Returns the origin that may get the token: scheme, host and port. Plain http is only for this machine. */
export function namedOrigin(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.href !== `${url.origin}/`) return undefined;
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
  return isSafe ? url.origin : undefined;
}
