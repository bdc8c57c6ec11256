import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { pipeline, Transform } from 'node:stream';
import type { Ms } from '../core/token.ts';
import { sendProblem } from './problem.ts';

const UPSTREAM_TIMEOUT: Ms = 30_000;

/** RFC 9110 section 7.6.1, with those that older peers still send. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export interface Forwarding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Scheme, host and port; the path and query are the request's own. */
  readonly to: string;
  /** Headers of the request that stay here, in lower case. */
  readonly withhold?: readonly string[];
  /** Bytes of the request's body. */
  readonly bodyLimit: number;
}

/** Lower-case name → all values; without the headers that concern one connection only, those named by `Connection` among them. */
export function endToEnd(headers: NodeJS.Dict<string[]>): Record<string, string[]> {
  const named = (headers['connection'] ?? [])
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  const kept: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(headers)) {
    if (values !== undefined && !dropped.has(name)) kept[name] = values;
  }
  return kept;
}

/**
 * Sends the request on and the answer back, both as streams. 400 for a target that is no path (RFC 9112 section
 * 3.2.1), 413 for a body past the limit, 502 where nothing answers.
 */
export function forward({ request, response, to, withhold = [], bodyLimit }: Forwarding): void {
  // The caller disconnected while its token was checked.
  if (response.destroyed) return;
  if (request.url?.startsWith('/') !== true)
    return sendProblem(response, 400, 'Only a path is accepted as the request target.');
  if (Number(request.headers['content-length'] ?? 0) > bodyLimit) return rejectBody(response, bodyLimit);
  const { hostname, port, host } = new URL(to);
  const outgoing = requestHttp({
    // One connection per request, so that none is reused that the other side is closing.
    agent: false,
    hostname,
    port,
    method: request.method,
    path: request.url,
    headers: { ...headersFor(request, withhold), host },
    timeout: UPSTREAM_TIMEOUT,
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error('The service took too long.')));
  outgoing.on('response', (answer) => sendBack(answer, response));
  outgoing.on('error', () =>
    fail(response, () => sendProblem(response, 502, 'The service behind the gateway does not answer.')),
  );
  response.on('close', () => outgoing.destroy());
  const limited = limitedTo(bodyLimit);
  limited.on('error', () => {
    outgoing.destroy();
    request.resume();
    fail(response, () => rejectBody(response, bodyLimit));
  });
  // Not `pipeline`: it would destroy the request, and with it the connection for the answer.
  request.pipe(limited).pipe(outgoing);
}

/** After the first byte of an answer there is nothing left to say but to break off. */
function fail(response: ServerResponse, explain: () => void): void {
  if (response.headersSent) response.destroy();
  else explain();
}

function headersFor(request: IncomingMessage, withhold: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = endToEnd(request.headersDistinct);
  for (const name of withhold) delete headers[name];
  if (isChunked(request.headers)) headers['transfer-encoding'] = 'chunked';
  return headers;
}

function isChunked(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined;
}

function sendBack(answer: IncomingMessage, response: ServerResponse): void {
  // The caller may have disconnected, and `pipeline` throws where there is nothing to write to.
  if (response.destroyed) return void answer.destroy();
  response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headersDistinct));
  // An answer without a body yet, such as an event stream, is still an answer.
  response.flushHeaders();
  pipeline(answer, response, () => {});
}

function rejectBody(response: ServerResponse, limit: number): void {
  sendProblem(response, 413, `A body of more than ${limit} bytes is not accepted.`, { connection: 'close' });
}

function limitedTo(limit: number): Transform {
  let length = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      length += chunk.length;
      if (length > limit) done(new Error('The body is too large.'));
      else done(null, chunk);
    },
  });
}
