import type { Ms } from '../core/token.ts';

export interface Beginning {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether that is all there was. */
  readonly complete: boolean;
}

/** A stream of Node, which is what the bodies of some fetch libraries are (node-fetch 2). */
interface NodeStream extends AsyncIterable<unknown> {
  destroy?: () => unknown;
  resume?: () => unknown;
  on?: (event: 'error', listener: () => void) => unknown;
}

export type AnyStream = ReadableStream | NodeStream;

/**
 * Reads a stream up to a number of bytes, and for no longer than a time. What lies beyond is left, and the stream
 * cancelled; one that breaks is incomplete.
 */
export async function readUpTo(stream: AnyStream, most: number, within?: Ms): Promise<Beginning> {
  const source = sourceOf(stream);
  const late = within === undefined ? undefined : timeout(within);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let complete = false;
  try {
    while (size <= most) {
      const read = await (late === undefined ? source.next() : Promise.race([source.next(), late.passed]));
      if (read === undefined) break;
      complete = read.done === true;
      if (complete) break;
      const chunk = bytesOf(read.value);
      chunks.push(chunk);
      size += chunk.byteLength;
    }
  } catch {
    // A reader of the stream gets its error.
  }
  late?.cancel();
  if (!complete) source.stop();
  return { bytes: join(chunks, Math.min(size, most)), complete };
}

export function isWebStream(body: unknown): body is ReadableStream {
  return typeof body === 'object' && body !== null && 'getReader' in body;
}

export function isStream(body: unknown): body is AnyStream {
  return isWebStream(body) || (typeof body === 'object' && body !== null && Symbol.asyncIterator in body);
}

/**
 * Returns the body of a clone of a Request or Response. node-fetch 2 takes its own listener for errors away from the
 * original with that, so an abort would end the process.
 */
export function copyOfBody<Body>(message: { readonly body: Body; clone(): { readonly body: Body } }): Body {
  const { body: copy } = message.clone();
  const { body } = message;
  if (isStream(body) && !isWebStream(body)) body.on?.('error', () => {});
  return copy;
}

/** Ends the reading of a body that nobody wants. One that cannot be cancelled is left to its end, or to itself. */
export function drop(body: AnyStream | null | undefined): void {
  if (body === null || body === undefined) return;
  if (isWebStream(body)) {
    body.cancel().catch(() => {});
    return;
  }
  // Nobody else listens, and an error without a listener would end the process.
  body.on?.('error', () => {});
  // Not destroyed: node-fetch 2 would keep its socket, paused, until the server closes it.
  body.resume?.();
}

interface Source {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  stop(): void;
}

function sourceOf(stream: AnyStream): Source {
  if (isWebStream(stream)) {
    const reader = (stream as ReadableStream<unknown>).getReader();
    // Not awaited: one branch of a tee is cancelled only when the other one is.
    return { next: () => reader.read(), stop: () => void reader.cancel().catch(() => {}) };
  }
  const iterator = stream[Symbol.asyncIterator]();
  return { next: () => iterator.next(), stop: () => void stream.destroy?.() };
}

/** Streams of Node may give text. What is neither breaks the reading, as it does when it is sent. */
function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError('A chunk of a body is neither bytes nor text.');
}

function timeout(within: Ms): { passed: Promise<undefined>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), within);
  });
  return { passed, cancel: () => clearTimeout(timer) };
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, size - at);
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
