import type { Ms } from '../core/token.ts';
import { copyOfBody, isStream, isWebStream, readUpTo } from './streams.ts';

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
  if (isWebStream(given)) return keepStream(given);
  return keepWhole(given);
}

/** Accepts a Request of any library: undici and node-fetch each have their own class. */
export function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && input !== null && 'clone' in input;
}

async function keepBodyOf(request: Request): Promise<RequestBody> {
  if (request.bodyUsed) return ONCE;
  // A clone, so that a larger body is still sent by the request itself, with its length known.
  const body = copyOfBody(request);
  if (body === null || body === undefined) return ABSENT;
  // node-fetch 2 has short bodies as bytes.
  if (!isStream(body)) return keepWhole(body);
  const { bytes, complete } = await readUpTo(body, LARGEST_KEPT, PATIENCE);
  return complete ? { body: bytes, repeatable: true } : ONCE;
}

function keepWhole(body: Body): RequestBody {
  const copy = copyOf(body);
  return copy === undefined ? ONCE : { body: copy, repeatable: true };
}

async function keepStream(stream: ReadableStream): Promise<RequestBody> {
  if (stream.locked) return ONCE;
  const [kept, sent] = stream.tee();
  const { bytes, complete } = await readUpTo(kept, LARGEST_KEPT, PATIENCE);
  return complete ? { body: bytes, repeatable: true } : { body: sent, repeatable: false };
}

/** What a body is by the name of its class, which is the same in all libraries, though the class itself is not. */
function kindOf(body: Body): string {
  return Object.prototype.toString.call(body).slice('[object '.length, -1);
}

/** The form of a library, or Node's: not that of the package `form-data`, which is a stream. */
function isForm(body: Body): body is FormData {
  return kindOf(body) === 'FormData' && Symbol.iterator in Object(body);
}

function isParameters(body: Body): body is URLSearchParams {
  return kindOf(body) === 'URLSearchParams';
}

function isBlob(body: Body): body is Blob {
  return kindOf(body) === 'Blob' || kindOf(body) === 'File';
}

function isBuffer(body: Body): body is ArrayBuffer {
  return kindOf(body) === 'ArrayBuffer';
}

/** A copy, because the caller may change the original while the first answer is awaited; `undefined` if too large. */
function copyOf(body: Body): Body | undefined {
  try {
    return copyOfSmall(body);
  } catch {
    // A class of a library that cannot be copied so. It is sent as it is, once.
    return undefined;
  }
}

function copyOfSmall(body: Body): Body | undefined {
  if (sizeOf(body) > LARGEST_KEPT) return undefined;
  if (isParameters(body)) return new URLSearchParams(body.toString());
  if (isForm(body)) return copyOfForm(body);
  if (isBuffer(body)) return body.slice(0);
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
  }
  return body;
}

/** Of the same class: `fetch` of a library takes no other. */
function copyOfForm(form: FormData): FormData {
  const copy = new (form.constructor as new () => FormData)();
  for (const [name, value] of form) {
    if (typeof value === 'string') copy.append(name, value);
    else copy.append(name, value, value.name);
  }
  return copy;
}

/** In bytes; Infinity for what can only be read once. */
function sizeOf(body: Body): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  if (isParameters(body)) return Buffer.byteLength(body.toString());
  if (isBlob(body)) return body.size;
  if (isBuffer(body) || ArrayBuffer.isView(body)) return body.byteLength;
  if (!isForm(body)) return Number.POSITIVE_INFINITY;
  let size = 0;
  for (const [name, value] of body) size += name.length + (typeof value === 'string' ? value.length : value.size);
  return size;
}
