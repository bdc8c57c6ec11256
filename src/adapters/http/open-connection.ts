import { isIP, type Socket } from 'node:net';
import { unlessAborted } from '../../core/unless-aborted.ts';
import { type Resolve, resolveBySystem } from './addresses.ts';
import { connectToAny, type OpenSocket } from './connection-attempts.ts';
import { startTls, type TlsSettings, tlsClient } from './tls-connection.ts';

/** Where a connection leads. */
export interface Destination {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Left out: no TLS. */
  readonly tls?: TlsSettings | undefined;
}

/** Opens the TCP connection to a destination, or what stands for it, without TLS. */
export type OpenTransport = (destination: Destination, signal: AbortSignal) => Promise<Socket>;

export interface DirectOptions {
  /** By default the system's. */
  readonly resolve?: Resolve | undefined;
  readonly openSocket?: OpenSocket | undefined;
}

/** The transport to the addresses of a host, whichever answers first. */
export function directly({ resolve = resolveBySystem, openSocket }: DirectOptions = {}): OpenTransport {
  return async ({ host, port }, signal) => {
    // A DNS lookup cannot be stopped, so its answer is ignored after an abort.
    const found = isIP(host) === 0 ? await unlessAborted(resolve(host), signal) : [{ address: host }];
    const addresses = found.map(({ address }) => address);
    return connectToAny(addresses, { port, signal, openSocket });
  };
}

/** Returns where a URL leads; `tls` counts for https only. */
export function destinationOf(url: URL, tls?: TlsSettings): Destination {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol !== 'https:') return { host, port: Number(url.port) || 80 };
  return { host, port: Number(url.port) || 443, tls: tls ?? {} };
}

/**
 * Opens a connection that is ready to be written to: connected, and with TLS the other side's certificate verified.
 * The caller destroys the socket. Rejects with the error of the name service, of the connection or of TLS, or with the
 * signal's reason, or with TlsSettingsError; no socket is left open then.
 */
export async function openConnection(
  destination: Destination,
  signal: AbortSignal,
  openTransport: OpenTransport = directly(),
): Promise<Socket> {
  const { host, tls } = destination;
  const client = tls === undefined ? undefined : tlsClient(tls);
  const socket = await openTransport(destination, signal);
  return client === undefined ? socket : startTls(socket, host, client, signal);
}
