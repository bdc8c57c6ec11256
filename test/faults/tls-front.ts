import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type Server } from 'node:tls';
import type { ServerCertificate } from '../support/certificates.ts';

/** Starts TLS before a server on loopback. `setSecureContext` replaces its certificate. */
export async function startTlsFront(
  certificate: ServerCertificate,
  target: () => number,
): Promise<Server & { readonly port: number }> {
  const server = createServer(certificate, (client) => {
    const upstream = connect(target(), '127.0.0.1');
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.pipe(other);
    }
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}
