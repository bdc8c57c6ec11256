import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { sha256 } from '../../src/core/token.ts';
import { type LoopbackServer, startHttpServer } from './loopback-server.ts';

/** A request as the gateway saw it, with only the hash of its token. */
export interface SeenRequest {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  /** One for each `Authorization` header on the wire. */
  readonly tokens: readonly string[];
  readonly body: Buffer;
}

export interface Gateway extends LoopbackServer {
  readonly seen: SeenRequest[];
  /** Hashes of the accepted tokens. */
  readonly accepted: Set<string>;
  /** The number of requests that reached the service behind it. */
  executed(): number;
}

export type Reply = (request: SeenRequest, response: ServerResponse) => void;

const REFUSAL: Reply = (_, response) => {
  response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end('{"message":"no such token"}');
};

/** Starts a gateway that knows its tokens by their hashes. By default it rejects others by RFC 6750 section 3.1. */
export async function startGateway(refuse: Reply = REFUSAL): Promise<Gateway> {
  const seen: SeenRequest[] = [];
  const accepted = new Set<string>();
  let executed = 0;
  const server = await startHttpServer((incoming, response) => {
    void see(incoming).then((request) => {
      seen.push(request);
      if (!request.tokens.some((hash) => accepted.has(hash))) return refuse(request, response);
      executed += 1;
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end(`executed ${request.method} with ${request.body.length} bytes`);
    });
  });
  return { ...server, seen, accepted, executed: () => executed };
}

async function see(incoming: IncomingMessage): Promise<SeenRequest> {
  const { method, url: path, headers, rawHeaders } = incoming;
  const tokens = rawHeaders
    .filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'authorization')
    .map((value) => sha256(value.replace(/^Bearer /, '')));
  return { method, path, headers, tokens, body: await buffer(incoming).catch(() => Buffer.of()) };
}
