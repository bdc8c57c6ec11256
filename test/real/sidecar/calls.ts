import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Duplex } from 'node:stream';

export interface Http2Answer {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number };
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An HTTP/2 connection by prior knowledge, as a gRPC client without TLS opens it. */
export async function http2Session(url: string): Promise<ClientHttp2Session> {
  const session = connect(new URL(url).origin);
  await once(session, 'connect');
  return session;
}

/** One request on the connection, its body as one part. */
export async function http2Call(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array = Buffer.of(),
): Promise<Http2Answer> {
  const stream = session.request({ ':method': 'POST', ...headers });
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (received: IncomingHttpHeaders) => {
    trailers = received;
  });
  stream.end(body);
  const [answered] = (await once(stream, 'response')) as [Http2Answer['headers']];
  const parts: Buffer[] = [];
  for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
  return { headers: answered, trailers, body: Buffer.concat(parts) };
}

/** A message of gRPC: not compressed, and its length before it. */
export function grpcMessage(content: string): Buffer {
  const message = Buffer.from(content);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export type Upgraded = { readonly socket: Duplex; readonly head: Buffer } | { readonly answer: IncomingMessage };

/** A request for another protocol on the same connection, such as WebSocket. */
export async function upgrade(url: string, protocol = 'websocket'): Promise<Upgraded> {
  const sent = request(url, {
    headers: {
      connection: 'Upgrade',
      upgrade: protocol,
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16, 1).toString('base64'),
    },
  });
  sent.end();
  return new Promise((resolve, reject) => {
    sent.once('upgrade', (_, socket, head) => resolve({ socket, head }));
    sent.once('response', (answer) => resolve({ answer: answer.resume() }));
    sent.once('error', reject);
  });
}
