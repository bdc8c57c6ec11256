import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ServerCertificate } from './certificates.ts';

export interface LoopbackServer {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  /** The numbers of connections so far, and of open ones. */
  readonly connections: { opened: number; readonly open: ReadonlySet<Socket> };
  stop(): Promise<void>;
}

async function listen(server: TcpServer | Server, scheme: string): Promise<LoopbackServer> {
  const open = new Set<Socket>();
  const connections = { opened: 0, open };
  server.on('connection', (socket: Socket) => {
    connections.opened += 1;
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    connections,
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Takes a connection over, such as for a WebSocket. */
type Upgrade = (request: IncomingMessage, socket: Duplex) => void;

/** Starts an HTTP server on a free port of loopback, with a certificate https. */
export function startHttpServer(
  handler: RequestListener,
  certificate?: ServerCertificate,
  upgrade?: Upgrade,
): Promise<LoopbackServer> {
  const isPlain = certificate === undefined;
  const server = isPlain ? createServer(handler) : createTlsServer({ ...certificate }, handler);
  if (upgrade !== undefined) server.on('upgrade', upgrade);
  return listen(server, isPlain ? 'http' : 'https');
}

/** Starts a server that sends the given bytes on each connection, HTTP or not. */
export function startTcpServer(onConnection: (socket: Socket) => void): Promise<LoopbackServer> {
  const server = createTcpServer((socket) => {
    onConnection(socket);
    // Without a read, the server would never notice that the other side has closed.
    socket.resume();
  });
  return listen(server, 'http');
}
