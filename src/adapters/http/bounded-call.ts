import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import { BEARER_HEADER } from '../../core/token-header.ts';
import type { Answered, HttpCall, MakeCall, Unreached } from '../../ports/http-call.ts';
import { CertificateError } from './certificate-fault.ts';
import { ContentCodingError, decodeContent } from './content-coding.ts';
import { type DirectOptions, destinationOf, directly, openConnection } from './open-connection.ts';

const TIMEOUT: Ms = 10_000;
/** Bytes of an answer's body. */
export const LONGEST_BODY = 64 * 1024;

/** Makes one call over a separate connection, bounded in time and size, so that a private CA needs no dependency. */
export const callOnce: MakeCall = createCaller();

/** Returns what makes such calls. */
export function createCaller(direct: DirectOptions = {}): MakeCall {
  const openTransport = directly(direct);
  return async (call) => {
    const { url, ca, serverName: servername, timeout = TIMEOUT } = call;
    const signal = AbortSignal.timeout(timeout);
    const opening = within(signal, call.connectWithin ?? timeout);
    let socket: Socket | undefined;
    try {
      socket = await openConnection(destinationOf(url, { ca, servername }), opening.signal, openTransport);
      opening.end();
      return await answerOf(await send(call, socket, signal));
    } catch (error) {
      if (signal.aborted) return { kind: 'unreached', why: 'timeout', code: 'TIMEOUT' };
      if (opening.signal.aborted) return { kind: 'unreached', why: 'timeout', code: 'CONNECT_TIMEOUT' };
      return unreached(error, ca !== undefined);
    } finally {
      opening.end();
      socket?.destroy();
    }
  };
}

/** A signal that aborts with the other one, or after this time unless it was ended before. `AbortSignal.any` needs Node 20.3. */
function within(signal: AbortSignal, time: Ms): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, time);
  signal.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    },
  };
}

function send(call: HttpCall, socket: Socket, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, url, bearer, body, tokenHeader = BEARER_HEADER } = call;
  const headers = {
    ...call.headers,
    host: url.host,
    accept: '*/*',
    'accept-encoding': 'identity',
    ...(bearer !== undefined && { [tokenHeader.name.toLowerCase()]: `${tokenHeader.prefix}${bearer.reveal()}` }),
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    request({ method, path: url.pathname + url.search, headers, signal, createConnection: () => socket })
      .on('response', resolve)
      .on('error', reject)
      .end(body);
  });
}

async function answerOf(response: IncomingMessage): Promise<Answered> {
  const { statusCode: status = 0, headersDistinct } = response;
  const headers = Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(', ')] as const);
  return { kind: 'answered', status, headers: Object.fromEntries(headers), ...(await readBody(response)) };
}

async function readBody(response: IncomingMessage): Promise<Pick<Answered, 'body' | 'whole'>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the response and its connection.
    if (size > LONGEST_BODY) break;
  }
  const received = Buffer.concat(chunks);
  const whole = size <= LONGEST_BODY;
  if (!whole) return { body: received.subarray(0, LONGEST_BODY).toString('utf8'), whole };
  const body = await decodeContent(received, response.headers['content-encoding'], LONGEST_BODY);
  return { body: body.toString('utf8'), whole };
}

function unreached(error: unknown, isCaConfigured: boolean): Unreached {
  const code = codeOf(error);
  if (!(error instanceof CertificateError)) return { kind: 'unreached', why: whyOf(code), code };
  const explanation = error.explain({ place: 'caFile', isConfigured: isCaConfigured });
  const certificate = { problem: error.problem, explanation };
  return { kind: 'unreached', why: 'untrusted', code, certificate };
}

function codeOf(error: unknown): string {
  if (error instanceof ContentCodingError) return 'CONTENT_ENCODING';
  return systemCode(error) ?? 'UNKNOWN';
}

function whyOf(code: string): Unreached['why'] {
  if (code === 'ECONNREFUSED') return 'down';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no-such-name';
  if (['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) return 'timeout';
  return 'broken';
}
