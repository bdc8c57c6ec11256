import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What every listener of the demo bears at most; idle connections end after a minute. */
export const LIMITS: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 60_000,
  maxHeaderSize: 32 * 1024,
  connectionsCheckingInterval: 5000,
};

const MOST_CONNECTIONS = 2000;

/** A serving certificate with its chain and its key, as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface ListenAddress {
  /** Default: loopback. Empty: every address, of IPv6 and of IPv4. */
  readonly host?: string;
  /** Default: any free port. */
  readonly port?: number;
}

/** Where a server of the demo listens, and with `tls` that it speaks https there. */
export interface Listening extends ListenAddress {
  readonly tls?: KeyPair;
}

/** A server within the limits of the demo, https where it has a certificate. */
export function createDemoServer(tls: KeyPair | undefined, answer: RequestListener): Server {
  return tls === undefined ? createServer(LIMITS, answer) : createTlsServer({ ...LIMITS, ...tls }, answer);
}

/** Resolves with `http://HOST:PORT`, or https, once it listens. */
export async function listen(server: Server, { host = '127.0.0.1', port = 0 }: ListenAddress): Promise<string> {
  server.maxConnections = MOST_CONNECTIONS;
  server.listen(port, host === '' ? undefined : host);
  await once(server, 'listening');
  const scheme = 'setSecureContext' in server ? 'https' : 'http';
  return `${scheme}://${host === '' ? '[::]' : host}:${(server.address() as AddressInfo).port}`;
}

/** Listens on a free port; resolves with `http://127.0.0.1:PORT`. */
export function listenOnLoopback(server: Server): Promise<string> {
  return listen(server, {});
}

/** Breaks off what is still open. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
