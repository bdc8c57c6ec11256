import type { IncomingMessage } from 'node:http';
import { FROM_ANOTHER_SITE, isFromAnotherSite, isRead } from '../../page/answers.ts';

/**
 * Returns why a request is rejected, or `undefined`. Another website, open in the same browser, may reach
 * loopback: its requests carry its own Origin, a Host that was rebound to this machine, or come from another site by
 * what the browser says (Fetch Metadata). An act must say that it comes from the page itself.
 */
export function rejectionOf(request: Pick<IncomingMessage, 'method' | 'headers'>, url: string): string | undefined {
  const { port } = new URL(url);
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host = '', origin } = request.headers;
  if (!hosts.includes(host)) return 'This page only answers on its own address.';
  if (origin === undefined ? !isRead(request.method) : origin !== `http://${host}`)
    return 'Only the page itself may act on the demo.';
  return isFromAnotherSite(request) ? FROM_ANOTHER_SITE : undefined;
}
