import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import type { ServerCertificate } from './certificates.ts';

export interface ConnectProxy {
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  /** `host:port` of each CONNECT, and the URL of each other request. */
  readonly asked: string[];
  /** `proxy-authorization` of each CONNECT. */
  readonly credentials: (string | undefined)[];
  readonly open: ReadonlySet<Socket>;
  stop(): Promise<void>;
}

type OnConnect = (request: IncomingMessage, socket: Socket) => void;

function tunnel(request: IncomingMessage, socket: Socket): void {
  const { hostname, port } = new URL(`http://${request.url ?? ''}`);
  const target = connect(Number(port), hostname.replace(/^\[|\]$/g, ''), () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.pipe(target).pipe(socket);
  });
  target.on('error', () => {});
  target.on('close', () => socket.destroy());
  socket.on('error', () => target.destroy());
  socket.on('close', () => target.destroy());
}

/**
 * Starts a forward proxy on loopback that tunnels, or handles each CONNECT as the test says, with a certificate over
 * TLS.
 */
export async function startConnectProxy(
  onConnect: OnConnect = tunnel,
  certificate?: ServerCertificate,
): Promise<ConnectProxy> {
  const asked: string[] = [];
  const credentials: (string | undefined)[] = [];
  const open = new Set<Socket>();
  const answer: RequestListener = (request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(501).end();
  };
  const server = certificate === undefined ? createServer(answer) : createTlsServer({ ...certificate }, answer);
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? '');
    credentials.push(request.headers['proxy-authorization']);
    onConnect(request, socket);
    socket.on('end', () => socket.end()).on('error', () => {});
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    credentials,
    open,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
