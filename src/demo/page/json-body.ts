import type { IncomingMessage } from 'node:http';

export type JsonBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly status: 400 | 413 | 415; readonly detail: string };

/** Reads a body of at most so many bytes. */
export async function readJson(request: IncomingMessage, limit: number): Promise<JsonBody> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') return refused(415, 'The body is JSON, and its content type says so.');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) return refused(413, `A body has at most ${limit} bytes.`);
      chunks.push(chunk);
    }
    return { kind: 'json', value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return refused(400, 'The body is no JSON.');
  }
}

function refused(status: 400 | 413 | 415, detail: string): JsonBody {
  return { kind: 'refused', status, detail };
}
