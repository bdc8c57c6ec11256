import type { Ms } from '../core/token.ts';
import { readUpTo } from './streams.ts';

/** The largest body that is kept for a replay. */
export const LARGEST_KEPT = 64 * 1024;
/** What has not all arrived within this time is a live stream: it is sent as it comes, and not kept. */
const PATIENCE: Ms = 50;

type Body = NonNullable<RequestInit['body']>;

export interface RequestBody {
  /** To be sent in place of what the caller gave; `undefined`: that itself. */
  readonly body: Body | undefined;
  /** Whether the same body can be sent once more. */
  readonly repeatable: boolean;
}

const ABSENT: RequestBody = { body: undefined, repeatable: true };
const ONCE: RequestBody = { body: undefined, repeatable: false };

/** Makes the body of a request repeatable where at most 64 KiB have to be kept for that. */
export async function keepBody(input: string | URL | Request, init: RequestInit | undefined): Promise<RequestBody> {
  const given = init?.body;
  if (given === undefined || given === null) {
    return isRequest(input) && input.body !== null ? keepBodyOf(input) : ABSENT;
  }
  if (given instanceof ReadableStream) return keepStream(given);
  const copy = copyOf(given);
  return copy === undefined ? ONCE : { body: copy, repeatable: true };
}

export function isRequest(input: string | URL | Request): input is Request {
  return typeof input !== 'string' && 'clone' in input;
}

async function keepBodyOf(request: Request): Promise<RequestBody> {
  if (request.bodyUsed) return ONCE;
  // A clone, so that a larger body is still sent by the request itself, with its length known.
  const { body } = request.clone();
  if (body === null) return ABSENT;
  const { bytes, complete } = await readUpTo(body, LARGEST_KEPT, PATIENCE);
  return complete ? { body: bytes, repeatable: true } : ONCE;
}

async function keepStream(stream: ReadableStream): Promise<RequestBody> {
  if (stream.locked) return ONCE;
  const [kept, sent] = stream.tee();
  const { bytes, complete } = await readUpTo(kept, LARGEST_KEPT, PATIENCE);
  return complete ? { body: bytes, repeatable: true } : { body: sent, repeatable: false };
}

/** A copy, because the caller may change the original while the first answer is awaited; `undefined` if too large. */
function copyOf(body: Body): Body | undefined {
  if (sizeOf(body) > LARGEST_KEPT) return undefined;
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof FormData) return copyOfForm(body);
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
  }
  return body;
}

function copyOfForm(form: FormData): FormData {
  const copy = new FormData();
  for (const [name, value] of form) {
    if (typeof value === 'string') copy.append(name, value);
    else copy.append(name, value, value.name);
  }
  return copy;
}

/** In bytes; Infinity for what can only be read once. */
function sizeOf(body: Body): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  if (body instanceof URLSearchParams) return Buffer.byteLength(body.toString());
  if (body instanceof Blob) return body.size;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return body.byteLength;
  if (!(body instanceof FormData)) return Number.POSITIVE_INFINITY;
  let size = 0;
  for (const [name, value] of body) size += name.length + (typeof value === 'string' ? value.length : value.size);
  return size;
}
