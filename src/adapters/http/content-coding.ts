import { promisify } from 'node:util';
import { brotliDecompress, constants, gunzip, inflate, inflateRaw, type ZlibOptions } from 'node:zlib';
import { systemCode } from '../../core/errors.ts';

/** An answer whose body cannot be decoded. The message goes on from "an answer that …". */
export class ContentCodingError extends Error {
  override readonly name = 'ContentCodingError';
}

type Decode = (body: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

// Servers leave out or damage the end of a compressed body, which browsers and curl accept.
const LENIENT: ZlibOptions = { finishFlush: constants.Z_SYNC_FLUSH };

const ungzip: Decode = (body, options) => promisify(gunzip)(body, Object.assign(options, LENIENT));

/** RFC 9110 section 8.4.1.2 means the zlib format, but some servers send what is inside it. */
const undeflate: Decode = (body, options) => {
  const isZlib = ((body[0] ?? 0) & 0x0f) === 8;
  return promisify(isZlib ? inflate : inflateRaw)(body, Object.assign(options, LENIENT));
};

const unbrotli: Decode = (body, options) =>
  promisify(brotliDecompress)(body, Object.assign(options, { finishFlush: constants.BROTLI_OPERATION_FLUSH }));

const DECODERS: ReadonlyMap<string, Decode> = new Map([
  ['gzip', ungzip],
  ['x-gzip', ungzip],
  ['deflate', undeflate],
  ['br', unbrotli],
]);

/**
 * Undoes the `Content-Encoding` of a body. No compression is asked for, yet some servers and proxies compress every
 * answer. Names that are no known coding (`identity`, `none`, `utf-8`) are ignored, as servers send them with plain
 * bodies.
 *
 * Stops at `limit` bytes, however small the compressed body is. Throws ContentCodingError.
 */
export async function decodeContent(body: Buffer, contentEncoding: string | undefined, limit: number): Promise<Buffer> {
  const names = (contentEncoding ?? '').split(',').map((name) => name.trim().toLowerCase());
  const [name, ...more] = names.filter((one) => DECODERS.has(one));
  const decode = DECODERS.get(name ?? '');
  if (decode === undefined || body.length === 0) return body;
  if (more.length > 0) throw new ContentCodingError('is compressed more than once');
  try {
    return await decode(body, { maxOutputLength: limit });
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') throw new ContentCodingError(`is longer than ${limit} bytes`);
    throw new ContentCodingError(`is not ${name}, although its Content-Encoding says so`);
  }
}
