import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * What a port of a pod does: it is a port of loopback, or it reports an error. Or the API server answers with a status, or never.
 */
export type ForwardTarget =
  | { readonly port: number }
  | { readonly error: string }
  | { readonly status: number }
  | { readonly silent: true };

const PATH = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/portforward\?ports=(\d+)$/;
/** RFC 6455. */
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const BINARY = 2;
const CLOSE = 8;

/** The port forwards of an API server, over WebSockets: channel 0 is the connection, channel 1 the errors. */
export class Forwards {
  readonly #targets = new Map<string, ForwardTarget>();
  /** The forwards that are open. */
  readonly open = new Set<Duplex>();

  /** `pod`: `namespace/name:port`. */
  set(pod: string, target: ForwardTarget): void {
    this.#targets.set(pod, target);
  }

  start(request: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    const [, namespace, pod, port = ''] = PATH.exec(request.url ?? '') ?? [];
    const target = this.#targets.get(`${namespace}/${pod}:${port}`) ?? { status: 404 };
    if ('status' in target) {
      socket.end(`HTTP/1.1 ${target.status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    if ('silent' in target) return;
    this.open.add(socket);
    socket.on('close', () => this.open.delete(socket));
    accept(request, socket);
    for (const channel of [0, 1]) send(socket, channel, portNumber(Number(port)));
    if ('error' in target) send(socket, 1, Buffer.from(target.error));
    else join(socket, target.port);
  }
}

/** Answers the request for a WebSocket. */
export function accept(request: IncomingMessage, socket: Duplex): void {
  const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}${MAGIC}`).digest('base64');
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${key}`,
    'Sec-WebSocket-Protocol: v4.channel.k8s.io',
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}

function portNumber(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(port);
  return bytes;
}

/** Each side ends with the other. */
function join(socket: Duplex, port: number): void {
  const backend = connect(port, '127.0.0.1');
  backend.on('data', (part: Buffer) => send(socket, 0, part));
  backend.on('error', () => socket.destroy());
  backend.on('close', () => socket.end(Buffer.from([0x80 | CLOSE, 0])));
  socket.on('close', () => backend.destroy());
  let left: Buffer = Buffer.alloc(0);
  socket.on('data', (part: Buffer) => {
    left = Buffer.concat([left, part]);
    for (let frame = frameIn(left); frame !== undefined; frame = frameIn(left)) {
      left = left.subarray(frame.bytes);
      if (frame.kind === BINARY) backend.write(frame.payload.subarray(1));
    }
  });
}

/** Sends what belongs to a channel. */
export function send(socket: Duplex, channel: number, data: Buffer): void {
  const length = data.length + 1;
  const header = Buffer.alloc(length < 126 ? 2 : 10);
  header[0] = 0x80 | BINARY;
  header[1] = length < 126 ? length : 127;
  if (length >= 126) header.writeBigUInt64BE(BigInt(length), 2);
  socket.write(Buffer.concat([header, Buffer.from([channel]), data]));
}

interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
  /** With its header. */
  readonly bytes: number;
}

/** The first frame, which a client always masks; `undefined` until it is whole. */
function frameIn(buffer: Buffer): Frame | undefined {
  const short = (buffer[1] ?? 0) & 0x7f;
  const start = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (buffer.length < start + 4) return undefined;
  const length = short === 127 ? Number(buffer.readBigUInt64BE(2)) : short === 126 ? buffer.readUInt16BE(2) : short;
  const bytes = start + 4 + length;
  if (buffer.length < bytes) return undefined;
  const mask = buffer.subarray(start, start + 4);
  const payload = Buffer.from(buffer.subarray(start + 4, bytes));
  for (const [at, byte] of payload.entries()) payload[at] = byte ^ (mask[at % 4] ?? 0);
  return { kind: (buffer[0] ?? 0) & 0x0f, payload, bytes };
}
