import type { IncomingMessage } from 'node:http';

/**
 * Returns why a request is rejected, or `undefined`. Another website, open in the same browser, may reach
 * loopback: its requests carry its own Origin, a Host that was rebound to this machine, or come from another site by
 * what the browser says (Fetch Metadata). An act must say that it comes from the page itself.
 */
export function rejectionOf(
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  url: string,
): string | undefined {
  const { port } = new URL(url);
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host = '', origin } = headers;
  if (!hosts.includes(host)) return 'This page only answers on its own address.';
  const reads = method === 'GET' || method === 'HEAD';
  if (origin === undefined ? !reads : origin !== `http://${host}`) return 'Only the page itself may act on the demo.';
  const site = headers['sec-fetch-site'] ?? 'none';
  const followsLink = reads && headers['sec-fetch-mode'] === 'navigate';
  if (site !== 'none' && site !== 'same-origin' && !followsLink) return 'Another website asked for this.';
  return undefined;
}
