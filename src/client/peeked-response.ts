import type { Ms } from '../core/token.ts';
import { copyOfBody, isStream, isWebStream, readUpTo } from './streams.ts';

const LONGEST = 64 * 1024;
/** A body that comes drop by drop is searched as far as it has come by then. */
const PATIENCE: Ms = 1000;
/** Bodies without an end, which the caller wants from their first byte on. */
const LIVE =
  /^(?:text\/event-stream|multipart\/x-mixed-replace|application\/(?:x-ndjson|jsonl|json-seq|stream\+json|grpc.*))(?:;|$)/i;

export interface Peeked {
  /** The beginning of the body: 64 KiB at most, and what comes within a second. */
  readonly text: string;
  /** The same answer with its whole body, in place of the one given. */
  readonly response: Response;
}

/**
 * Looks at the beginning of a body. Never waits longer than a second, nor for a stream of events. A body that cannot be
 * looked at has no text.
 */
export async function peekAtBody(response: Response): Promise<Peeked> {
  if (LIVE.test(response.headers.get('content-type') ?? '')) return { text: '', response };
  if (isWebStream(response.body)) return peekAtWebStream(response, response.body);
  return { text: await textOfCopy(response), response };
}

/** For bodies that are streams of Node, as in node-fetch 2. */
async function textOfCopy(response: Response): Promise<string> {
  try {
    const copy: unknown = copyOfBody(response);
    return isStream(copy) ? decode((await readUpTo(copy, LONGEST, PATIENCE)).bytes) : '';
  } catch {
    return '';
  }
}

/**
 * Not by `clone()`: where one copy is cancelled and the caller aborts, undici 6, which is the `fetch` of Node 20 and 22,
 * leaves a rejection unhandled, which ends the process.
 */
async function peekAtWebStream(response: Response, body: ReadableStream): Promise<Peeked> {
  if (response.bodyUsed || body.locked) return { text: '', response };
  const beginning = new Beginning(body);
  let same: Response;
  try {
    same = withBody(response, beginning.stream);
  } catch {
    // A class of answer that cannot be made anew.
    return { text: '', response };
  }
  return { text: decode(await beginning.read()), response: same };
}

/** Of the same class: the caller's library may know no other. */
function withBody(response: Response, body: ReadableStream): Response {
  const { status, statusText, headers, url, redirected, type } = response;
  const Same = response.constructor as typeof Response;
  return Object.defineProperties(new Same(body, { status, statusText, headers }), {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
  });
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

type Chunk = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>['read']>>;

/** A body whose first chunks have been read, and which gives them again. */
class Beginning {
  readonly stream: ReadableStream;
  readonly #body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #chunks: Promise<Chunk>[] = [];
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;

  constructor(body: ReadableStream) {
    this.#body = body as ReadableStream<Uint8Array<ArrayBuffer>>;
    this.stream = new ReadableStream({
      type: 'bytes',
      pull: (controller) => this.#pull(controller),
      cancel: (reason) => this.#open().cancel(reason),
    });
  }

  /** Keeps what comes; the read that is under way when the time is over is kept as well. */
  async read(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), PATIENCE);
    });
    try {
      while (size < LONGEST) {
        const next = this.#open().read();
        this.#chunks.push(next);
        const chunk = await Promise.race([next, late]);
        if (chunk === undefined || chunk.done) break;
        // A copy: the chunk itself is handed on, and its buffer with it.
        parts.push(chunk.value.slice(0, LONGEST - size));
        size += chunk.value.byteLength;
      }
    } catch {
      // The caller meets the error when it reads the body.
    }
    clearTimeout(timer);
    return Buffer.concat(parts);
  }

  #open(): ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> {
    this.#reader ??= this.#body.getReader();
    return this.#reader;
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    for (;;) {
      const { done, value } = await (this.#chunks.shift() ?? this.#open().read());
      if (done) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      // An empty chunk cannot be handed on.
      if (value.byteLength > 0) {
        controller.enqueue(value);
        return;
      }
    }
  }
}
