import type { Ms } from '../core/token.ts';

export interface Beginning {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether that is all there was. */
  readonly complete: boolean;
}

/**
 * Reads a stream up to a number of bytes, and for no longer than a time. What lies beyond is left, and the stream
 * cancelled; one that breaks is incomplete.
 */
export async function readUpTo(stream: ReadableStream, most: number, within?: Ms): Promise<Beginning> {
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  const late = within === undefined ? undefined : timeout(within);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let complete = false;
  try {
    while (size <= most) {
      const read = await (late === undefined ? reader.read() : Promise.race([reader.read(), late.passed]));
      if (read === undefined) break;
      complete = read.done;
      if (read.done) break;
      chunks.push(read.value);
      size += read.value.byteLength;
    }
  } catch {
    // Whoever reads the stream itself meets its error.
  }
  late?.cancel();
  // Not awaited: one branch of a tee is cancelled only when the other one is.
  if (!complete) reader.cancel().catch(() => {});
  return { bytes: join(chunks, Math.min(size, most)), complete };
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
