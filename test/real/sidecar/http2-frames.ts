const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const SETTINGS = 4;
const HEADERS = 1;
const DATA = 0;
const END_STREAM = 1;
const END_HEADERS = 4;

type Field = readonly [name: string, value: string];

/** A connection of HTTP/2 with one request, whose fields are sent as they are: no library would send such. */
export function http2Bytes(
  fields: readonly Field[],
  { body, trailers }: { body?: string; trailers?: readonly Field[] } = {},
): Buffer {
  const rest = [
    ...(body === undefined ? [] : [frame(DATA, trailers === undefined ? END_STREAM : 0, Buffer.from(body))]),
    ...(trailers === undefined ? [] : [frame(HEADERS, END_HEADERS + END_STREAM, block(trailers))]),
  ];
  const flags = END_HEADERS + (rest.length === 0 ? END_STREAM : 0);
  return Buffer.concat([
    Buffer.from(PREFACE),
    frame(SETTINGS, 0, Buffer.of(), 0),
    frame(HEADERS, flags, block(fields)),
    ...rest,
  ]);
}

function frame(type: number, flags: number, payload: Uint8Array, stream = 1): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields that are not indexed, without Huffman coding (RFC 7541 section 6.2.2). */
function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length >= 127) throw new Error('Longer texts would need more bytes for their length.');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
