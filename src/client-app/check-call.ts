import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { systemCode } from '../core/errors.ts';
import type { Redacted } from '../core/redacted.ts';
import type { Ms } from '../core/token.ts';

export interface Call {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly bearer?: Redacted | undefined;
  /** JSON. */
  readonly body?: string | undefined;
  /** In PEM, instead of the public authorities. */
  readonly ca?: string | undefined;
  /** In all, the answer's body included; 10 s by default. */
  readonly timeout?: Ms | undefined;
}

export interface Answered {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Up to 64 KiB of it; not to be printed. */
  readonly body: string;
}

/** No answer came. `down`: the address is there, and nothing listens. */
export interface Unreached {
  readonly kind: 'unreached';
  readonly why: 'down' | 'no-such-name' | 'untrusted' | 'timeout' | 'broken';
  /** Of the system error or of TLS, such as ECONNREFUSED. */
  readonly code: string;
}

export type CallResult = Answered | Unreached;

const TIMEOUT: Ms = 10_000;
const LONGEST_BODY = 64 * 1024;

/** One exchange over a connection of its own. Certificates are always verified, no redirect is followed. Never throws. */
export async function callOnce(call: Call): Promise<CallResult> {
  const signal = AbortSignal.timeout(call.timeout ?? TIMEOUT);
  try {
    const response = await send(call, signal);
    const body = await readBody(response);
    return { kind: 'answered', status: response.statusCode ?? 0, headers: response.headers, body };
  } catch (error) {
    if (signal.aborted) return { kind: 'unreached', why: 'timeout', code: 'TIMEOUT' };
    const code = codeOf(error);
    return { kind: 'unreached', why: whyOf(code), code };
  }
}

function send({ method, url, bearer, body, ca }: Call, signal: AbortSignal): Promise<IncomingMessage> {
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
    const request =
      url.protocol === 'https:'
        ? // Stated, because NODE_TLS_REJECT_UNAUTHORIZED=0 is the default otherwise.
          requestHttps(url, { ...options, ca, rejectUnauthorized: true, agent: new HttpsAgent({ keepAlive: false }) })
        : requestHttp(url, { ...options, agent: new HttpAgent({ keepAlive: false }) });
    request.on('response', resolve).on('error', reject).end(body);
  });
}

/** What is beyond the limit is left unread: leaving the loop destroys the connection. */
async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > LONGEST_BODY) break;
  }
  return Buffer.concat(chunks).subarray(0, LONGEST_BODY).toString('utf8');
}

/** A name with several addresses fails with one error for all of them, and the code of each within. */
function codeOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors : [];
  return systemCode(error) ?? inner.map(systemCode).find((code) => code !== undefined) ?? 'UNKNOWN';
}

const CERTIFICATE = /CERT|SIGNATURE|ISSUER|SELF_SIGNED/;

function whyOf(code: string): Unreached['why'] {
  if (code === 'ECONNREFUSED') return 'down';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no-such-name';
  if (['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) return 'timeout';
  return CERTIFICATE.test(code) ? 'untrusted' : 'broken';
}
