import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { ReissueError, systemCode } from '../../core/errors.ts';
import type { Redacted } from '../../core/redacted.ts';
import type { Ms } from '../../core/token.ts';
import { certificateFault } from './certificate-fault.ts';

export interface Call {
  readonly method: 'GET' | 'POST';
  /** JSON. */
  readonly body: string | undefined;
  readonly bearer: Redacted;
  /** In PEM, instead of the public ones. */
  readonly ca: string | undefined;
  /** What its certificate is to be for, if not the URL's host. */
  readonly serverName?: string | undefined;
  /** In all, the answer's body included. */
  readonly timeout: Ms;
  /** Of the answer's body, in bytes. */
  readonly longest: number;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** As it was sent. */
  readonly retryAfter: string | undefined;
}

/** One exchange with the token-acquirer over a connection of its own, bounded in time and size. Throws ReissueError. */
export async function callOnce(url: URL, call: Call): Promise<Answer> {
  const signal = AbortSignal.timeout(call.timeout);
  try {
    const response = await send(url, call, signal);
    const body = await readBody(response, call.longest);
    return { status: response.statusCode ?? 0, body, retryAfter: response.headers['retry-after'] };
  } catch (error) {
    if (error instanceof ReissueError) throw error;
    if (signal.aborted) {
      throw new ReissueError(`The token-acquirer at ${url.host} gave no whole answer within ${call.timeout} ms.`);
    }
    throw new ReissueError(`The token-acquirer at ${url.host} cannot be reached${causeOf(error)}.`);
  }
}

function send(url: URL, call: Call, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, body, bearer, ca, serverName } = call;
  const options: RequestOptions = {
    method,
    signal,
    headers: {
      authorization: `Bearer ${bearer.reveal()}`,
      accept: 'application/json, application/problem+json',
      'accept-encoding': 'identity',
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

async function readBody(response: IncomingMessage, longest: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop destroys the response and its connection.
    if (size > longest) {
      throw new ReissueError(`The token-acquirer's answer is longer than ${longest} bytes.`, {
        status: response.statusCode,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function causeOf(error: unknown): string {
  const code = systemCode(error);
  if (code === undefined) return '';
  const fault = certificateFault(code);
  return fault === undefined ? ` (${code})` : ` (${code}: ${fault})`;
}
