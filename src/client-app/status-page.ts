import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemCode, UsageError } from '../core/errors.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import type { Address } from './config.ts';

export interface StatusPage {
  /** Where it listens, as `http://127.0.0.1:PORT`. */
  readonly url: string;
  stop(): Promise<void>;
}

const LIMITS: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 30_000,
  maxHeaderSize: 16 * 1024,
  connectionsCheckingInterval: 5000,
};
const MOST_CONNECTIONS = 2000;

/**
 * Serves `/` (the status as JSON) and `/healthz`, and nothing else. On loopback the `Host` header must name loopback,
 * so that no website can read the page through a browser. Throws UsageError where it cannot listen.
 */
export async function startStatusPage(address: Address, status: () => object): Promise<StatusPage> {
  const onLoopback = isLoopbackHost(address.host);
  const server = createServer(LIMITS, (request, response) => {
    if (onLoopback && !isLoopbackHost(hostOf(request))) return send(response, 403, 'This page is for loopback.\n');
    return answer(request, response, status);
  });
  server.maxConnections = MOST_CONNECTIONS;
  // Without a host Node listens on IPv6 and IPv4, or on IPv4 where there is no IPv6.
  server.listen(address.port, address.host === '' ? undefined : address.host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const where = `${address.host}:${address.port}`;
    throw new UsageError(`LISTEN: ${where} cannot be listened on (${systemCode(error) ?? 'unknown error'}).`);
  }
  return {
    url: urlOf(server.address() as AddressInfo),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, status: () => object): void {
  const path = request.url?.split('?', 1)[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, 405, 'This page can only be read.\n');
  } else if (path === '/healthz') send(response, 200, 'ok\n');
  else if (path === '/') send(response, 200, `${JSON.stringify(status(), null, 2)}\n`, 'application/json');
  else send(response, 404, 'There is only / and /healthz here.\n');
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain'): void {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  // What a request brings along is not read, so its connection cannot serve another one.
  response.writeHead(status, { ...headers, ...(status >= 400 && { connection: 'close' }) }).end(body);
}

function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? '').replace(/:\d*$/, '');
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
