import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';

/** HTTP/2 is without TLS, by prior knowledge. */
export type RawProtocol = 'HTTP/1.1' | 'HTTP/2';

/** A service that keeps the bytes as they come, next to what a parser makes of them. */
export interface WireRecord {
  readonly url: string;
  /** What came since the last time. */
  take(): Arrived;
  stop(): Promise<void>;
}

export interface Arrived {
  /** Latin-1. Empty for HTTP/2, whose bytes tell nothing. */
  readonly bytes: string;
  readonly requests: readonly ArrivedRequest[];
}

export interface ArrivedRequest {
  readonly path: string | undefined;
  readonly host: string | undefined;
  /** The lines that a lenient parser takes for an `Authorization`, names in lower case. Ours has the value `ours`. */
  readonly authorizations: readonly string[];
}

/** What the service may not see from anybody else. */
const LOOK_ALIKE = /^[_\W]*(?:proxy[-_])?authorization[_\W]*$/i;

/** Answers every request that its parser can read with 200. The token is that of the sidecar. */
export async function startWireRecord(token: string, protocol: RawProtocol): Promise<WireRecord> {
  const open = new Set<Socket>();
  let bytes = '';
  let requests: ArrivedRequest[] = [];
  const answer = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    const { url: path, headers, rawHeaders } = request;
    const authorizations = rawHeaders.flatMap((name, at) => {
      const value = rawHeaders[at + 1] ?? '';
      if (at % 2 === 1 || !LOOK_ALIKE.test(name)) return [];
      return [`${name.toLowerCase()}: ${value === `Bearer ${token}` ? 'ours' : value}`];
    });
    requests.push({ path, host: headers.host ?? headers[':authority']?.toString(), authorizations });
    request.resume();
    request.on('end', () => response.end('ok'));
  };
  const server = protocol === 'HTTP/2' ? createHttp2Server(answer) : createServer(answer);
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    if (protocol === 'HTTP/2') return;
    socket.on('data', (part: Buffer) => {
      bytes += part.toString('latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}`,
    take() {
      // The text of a failed expectation must not have the token.
      const arrived = { bytes: bytes.replaceAll(token, 'ours'), requests };
      bytes = '';
      requests = [];
      return arrived;
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
