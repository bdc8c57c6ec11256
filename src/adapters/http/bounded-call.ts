import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { Answered, HttpCall, MakeCall, Unreached } from '../../ports/http-call.ts';
import { isCertificateFault } from './certificate-fault.ts';
import { ContentCodingError, decodeContent } from './content-coding.ts';

const TIMEOUT: Ms = 10_000;
/** Bytes of an answer's body. */
export const LONGEST_BODY = 64 * 1024;

/** One call over node:http or node:https, bounded in time and size, so that a private CA needs no dependency. */
export const callOnce: MakeCall = async (call) => {
  const signal = AbortSignal.timeout(call.timeout ?? TIMEOUT);
  try {
    return await answerOf(await send(call, signal));
  } catch (error) {
    if (signal.aborted) return { kind: 'unreached', why: 'timeout', code: 'TIMEOUT' };
    const code = codeOf(error);
    return { kind: 'unreached', why: whyOf(code), code };
  }
};

function send({ method, url, bearer, body, ca, serverName }: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method,
    signal,
    headers: {
      accept: '*/*',
      'accept-encoding': 'identity',
      ...(bearer !== undefined && { authorization: `Bearer ${bearer.reveal()}` }),
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    },
  };
  return new Promise((resolve, reject) => {
    // Stated, because NODE_TLS_REJECT_UNAUTHORIZED=0 is the default otherwise.
    const tls = { ca, rejectUnauthorized: true, ...(serverName !== undefined && { servername: serverName }) };
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, ...tls, agent: new HttpsAgent({ keepAlive: false }) })
        : requestHttp(url, { ...options, agent: new HttpAgent({ keepAlive: false }) });
    request.on('response', resolve).on('error', reject).end(body);
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

/** A name with several addresses fails with one error for all of them, and the code of each within. */
function codeOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors : [];
  if (error instanceof ContentCodingError) return 'CONTENT_ENCODING';
  return systemCode(error) ?? inner.map(systemCode).find((code) => code !== undefined) ?? 'UNKNOWN';
}

function whyOf(code: string): Unreached['why'] {
  if (code === 'ECONNREFUSED') return 'down';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no-such-name';
  if (['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) return 'timeout';
  return isCertificateFault(code) ? 'untrusted' : 'broken';
}
