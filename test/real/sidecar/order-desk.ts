import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { sha256 } from '../../../src/core/token.ts';
import type { ServerCertificate } from '../../support/certificates.ts';

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = ServerResponse | Http2ServerResponse;

/** A request as the service saw it, with only the hash of its token. */
export interface SeenCall {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: Incoming['headers'];
  /** One for each `Authorization` header on the wire. */
  readonly tokens: readonly string[];
}

/** What is executed once the token is accepted. The call's body was not read yet. */
export type Work = (request: Incoming, response: Outgoing) => Promise<void> | void;

export interface OrderDesk {
  readonly url: string;
  readonly port: number;
  /** Hashes of the accepted tokens. */
  readonly accepted: Set<string>;
  /** All calls, rejected ones as well. */
  readonly seen: SeenCall[];
  /** The bodies that were executed, by their sizes. */
  readonly executed: number[];
  /** In which the token comes, in lower case; `authorization` by default. */
  header: string;
  /** The challenge of a rejection. Empty: there is none. */
  challenge: string;
  work: Work;
  /** By default: reads the body and answers. */
  readonly execute: Work;
  /** Answers as if the token were not accepted. */
  readonly reject: Work;
  /** What happens before a rejection is answered. */
  beforeRejection: () => Promise<void> | void;
  /** Of rejections; 401 by default. */
  status: number;
  /** Further headers of rejections. */
  rejectionHeaders: Readonly<Record<string, string>>;
  /** How requests for another protocol are answered. The token was not checked yet. */
  onUpgrade(answer: (upgrade: { readonly socket: Socket; readonly tokens: readonly string[] }) => void): void;
  rejections(): number;
  /** Open connections from the sidecar. */
  connections(): number;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly http2?: boolean;
  readonly certificate?: ServerCertificate;
}

const INVALID = 'Bearer realm="service", error="invalid_token"';

/** Starts a service that accepts tokens by their hashes, and rejects others by RFC 6750 section 3.1. */
export async function startOrderDesk(options: ServiceOptions = {}): Promise<OrderDesk> {
  const executed: number[] = [];
  const seen: SeenCall[] = [];
  const accepted = new Set<string>();
  let rejections = 0;
  const answer = async (request: Incoming, response: Outgoing): Promise<void> => {
    const tokens = tokensOf(request.rawHeaders, service.header);
    seen.push({ method: request.method, path: request.url, headers: request.headers, tokens });
    const isAccepted = tokens.length === 1 && accepted.has(tokens[0] ?? '');
    await (isAccepted ? service.work : reject)(request, response);
  };
  const execute: Work = async (request, response) => {
    const body = await buffer(request);
    executed.push(body.length);
    response.end(`executed ${request.method} with ${body.length} bytes`);
  };
  const reject: Work = async (_, response) => {
    rejections += 1;
    await service.beforeRejection();
    // As a gateway does, which checks the token before the body comes.
    response.statusCode = service.status;
    if (service.challenge !== '') response.setHeader('www-authenticate', service.challenge);
    for (const [name, value] of Object.entries(service.rejectionHeaders)) response.setHeader(name, value);
    // The answer of gRPC has nothing but headers.
    if ('grpc-status' in service.rejectionHeaders) response.end();
    else response.end('no such token');
  };
  const handle = (request: Incoming, response: Outgoing): void => {
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  };
  const server = serverFor(options, handle);
  const { port, open, stop } = await listening(server);
  const service: OrderDesk = {
    url: `${options.certificate === undefined ? 'http' : 'https'}://localhost:${port}`,
    port,
    accepted,
    seen,
    executed,
    header: 'authorization',
    challenge: INVALID,
    status: 401,
    rejectionHeaders: {},
    beforeRejection: () => {},
    work: execute,
    execute,
    reject,
    onUpgrade(respond) {
      server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
        socket.on('error', () => {});
        respond({ socket, tokens: tokensOf(request.rawHeaders) });
      });
    },
    rejections: () => rejections,
    connections: () => open.size,
    stop,
  };
  return service;
}

/** The hash of the token of each such header on the wire. */
function tokensOf(rawHeaders: readonly string[], header = 'authorization'): string[] {
  return rawHeaders
    .filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === header)
    .map((value) => sha256(value.replace(/^Bearer /, '')));
}

function serverFor(
  { http2 = false, certificate }: ServiceOptions,
  handle: (request: Incoming, response: Outgoing) => void,
): Server {
  // HTTP/2 without TLS is by prior knowledge.
  if (http2) return createHttp2Server(handle);
  return certificate === undefined ? createHttpServer(handle) : createHttpsServer({ ...certificate }, handle);
}

/** On a free port of loopback. */
async function listening(
  server: Server,
): Promise<{ readonly port: number; readonly open: ReadonlySet<Socket>; stop(): Promise<void> }> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    open,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
