import type { IncomingMessage } from 'node:http';

export type JsonBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly status: 400 | 413 | 415; readonly detail: string };

/** Reads a body of at most so many bytes. */
export async function readJson(request: IncomingMessage, limit: number): Promise<JsonBody> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') return rejected(415, 'The content type must be application/json.');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) return rejected(413, `A body has at most ${limit} bytes.`);
      chunks.push(chunk);
    }
    return { kind: 'json', value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return rejected(400, 'The body is not valid JSON.');
  }
}

function rejected(status: 400 | 413 | 415, detail: string): JsonBody {
  return { kind: 'rejected', status, detail };
}
