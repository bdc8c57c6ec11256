import { readFileSync } from 'node:fs';
import { bearerTokenProblem } from '../../core/bearer.ts';
import { ReissueError, systemCode, UsageError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { Redacted } from '../../core/redacted.ts';
import { askedPause } from '../../core/retry-after.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import { tokenUrl } from '../../core/token-url.ts';
import { parseTraceparent, TRACE_HEADER } from '../../core/trace-context.ts';
import type { Answered, HttpCall, Unreached } from '../../ports/http-call.ts';
import type { Reissuer } from '../../ports/reissuer.ts';
import { CaFileError, openCaFile } from '../tls/ca-file.ts';
import { callOnce, LONGEST_BODY } from './bounded-call.ts';
import { parseAnswer, parseToken } from './reissue-answer.ts';

export interface HttpsReissuerOptions {
  /** The token-acquirer: `https://host:port`; plain http on loopback only. */
  readonly url: string;
  /** The token Secret's namespace and name. */
  readonly namespace: string;
  readonly secret: string;
  /** Who calls: the file of the projected ServiceAccount token, read for each call. */
  readonly callerTokenFile: string;
  /** Who calls, instead of what is in the file: for a single call. */
  readonly callerToken?: Redacted | undefined;
  /** Certificates in PEM that the endpoint's is checked with, instead of the public ones; read for each call. */
  readonly caFile?: string | undefined;
  /** The name that its certificate is for, where the URL has another: through a port-forward, or by an IP address. */
  readonly serverName?: string | undefined;
  /** Returns the trace that leads to a reissue call. Left out: none is sent. */
  readonly traceparent?: (() => string | undefined) | undefined;
  /** For each call in all; 10 s by default. */
  readonly timeout?: Ms | undefined;
  /** For the connection of each call; 3 s by default. */
  readonly connectWithin?: Ms | undefined;
  /** For a `Retry-After` that is a date. */
  readonly now?: () => EpochMs;
}

const TIMEOUT: Ms = 10_000;
/** A replica that hangs accepts connections and never finishes the handshake. The next connection may reach another one. */
const CONNECT_WITHIN: Ms = 3000;

/**
 * The reissue endpoint over node:https, so that a private CA needs no dependency. Certificates are always verified,
 * no redirect is followed, and each call has a separate connection. Throws UsageError for an unusable URL.
 */
export function createHttpsReissuer(options: HttpsReissuerOptions): Reissuer {
  const endpoint = new Endpoint(options);
  return {
    async reissue(name, rejected, { cause, sighting } = {}) {
      const volume = sighting && { generation: sighting.generation, seen_at: new Date(sighting.at).toISOString() };
      const body = JSON.stringify({ rejected_sha256: rejected, error: 'invalid_token', cause, volume });
      const headers = traceHeaders(options.traceparent);
      return parseAnswer(await endpoint.call('POST', endpoint.urlOf(name, '/reissue'), { body, headers }));
    },
    async current(name) {
      return parseToken(name, await endpoint.call('GET', endpoint.urlOf(name)));
    },
  };
}

class Endpoint {
  readonly #options: HttpsReissuerOptions;
  readonly #url: URL;
  readonly #readCa: (() => string) | undefined;

  constructor(options: HttpsReissuerOptions) {
    this.#options = options;
    this.#url = permitted(options.url);
    this.#readCa = options.caFile === undefined ? undefined : openCaFile(options.caFile);
  }

  urlOf(name: string, action?: '/reissue'): URL {
    const { namespace, secret } = this.#options;
    return tokenUrl(this.#url, { namespace, secret, name }, action);
  }

  /** The body of a 200. Everything else is a ReissueError. */
  async call(
    method: 'GET' | 'POST',
    url: URL,
    { body, headers }: Pick<HttpCall, 'body' | 'headers'> = {},
  ): Promise<string> {
    const { callerTokenFile, callerToken, serverName, timeout = TIMEOUT } = this.#options;
    const { connectWithin = CONNECT_WITHIN } = this.#options;
    const answer = await callOnce({
      url,
      method,
      headers,
      body,
      timeout,
      connectWithin,
      bearer: callerToken === undefined ? readCallerToken(callerTokenFile) : bearerOf(callerToken),
      ca: this.#trusted(),
      serverName,
    });
    if (answer.kind === 'unreached') throw this.#unreached(answer, timeout);
    const { status, whole } = answer;
    if (!whole) throw new ReissueError(`The token-acquirer's answer is longer than ${LONGEST_BODY} bytes.`, { status });
    if (status !== 200) throw this.#refusal(answer);
    return answer.body;
  }

  #trusted(): string | undefined {
    try {
      return this.#readCa?.();
    } catch (error) {
      if (!(error instanceof CaFileError)) throw error;
      throw unsendable(`The CA file ${this.#options.caFile} ${error.message}.`);
    }
  }

  #unreached({ code, certificate }: Unreached, timeout: Ms): ReissueError {
    const where = `The token-acquirer at ${this.#url.host}`;
    if (code === 'TIMEOUT') return new ReissueError(`${where} gave no whole answer within ${timeout} ms.`);
    if (code === 'CONNECT_TIMEOUT') return new ReissueError(`${where} opened no connection in time.`);
    const explanation = certificate === undefined ? '' : ` ${certificate.explanation}`;
    return new ReissueError(`${where} cannot be reached (${code}).${explanation}`);
  }

  #refusal({ status, body, headers }: Answered): ReissueError {
    const code = codeOf(body);
    const message = `The token-acquirer at ${this.#url.host} answered ${status}${code === undefined ? '' : ` (${code})`}.`;
    const now = this.#options.now ?? Date.now;
    const retryAfter = askedPause(status, (name) => headers[name], now());
    return new ReissueError(message + adviceFor(status), { status, retryAfter, code });
  }
}

/** The application's function may fail or return anything. Neither is a reason to make no call. */
function traceHeaders(traceparent: (() => string | undefined) | undefined): Readonly<Record<string, string>> {
  try {
    const value = traceparent?.();
    return value === undefined || parseTraceparent(value) === undefined ? {} : { [TRACE_HEADER]: value };
  } catch {
    return {};
  }
}

function permitted(text: string): URL {
  // Neither the parser's own error nor these sentences quote the text: it may hold a password.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    throw new UsageError('The reissue URL is not an http or https URL: give it as https://host:port.');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError(`The reissue URL of ${url.host} has a user, query or fragment: give it as https://host:port.`);
  }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    throw new UsageError(`The reissue URL of ${url.host} is plain http, which is for loopback only: use https.`);
  }
  return url;
}

function readCallerToken(file: string): Redacted {
  const token = new Redacted(readText(file, 'caller token file').trim());
  const problem = bearerTokenProblem(token.reveal());
  if (problem === undefined) return token;
  throw unsendable(
    `The caller token file ${file} holds a token that ${problem}: project a ServiceAccount token there.`,
  );
}

function bearerOf(token: Redacted): Redacted {
  const problem = bearerTokenProblem(token.reveal());
  if (problem === undefined) return token;
  throw unsendable(`The caller token ${problem}: give that of a ServiceAccount.`);
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unsendable(`The ${what} ${file} cannot be read (${systemCode(error) ?? 'unknown error'}).`);
  }
}

function unsendable(message: string): ReissueError {
  return new ReissueError(message, { unsendable: true });
}

function adviceFor(status: number): string {
  if (status === 401) return ' It does not accept the caller token: project one for its audience.';
  if (status === 403) return ' This caller is not among the clients of the token, or there is no such token.';
  return '';
}

/** The code of problem+json (RFC 9457), and nothing else of the body: it is not ours to print. */
function codeOf(body: string): string | undefined {
  try {
    const code = (JSON.parse(body) as { code?: unknown } | null)?.code;
    return typeof code === 'string' && /^[a-z][a-z_]{0,39}$/.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}
