import { type ClientRequest, type IncomingMessage, type RequestOptions, request as sendHttp } from 'node:http';
import type { Socket } from 'node:net';
import { type Progress, systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import { RefusedAddressError } from './addresses.ts';
import { alertSentence, CertificateError, type Trust } from './certificate-fault.ts';
import { UnreachableError } from './connection-attempts.ts';
import { ContentCodingError, decodeContent } from './content-coding.ts';
import type { ConnectionRequest, KeptConnections } from './kept-connections.ts';
import { OutboundError, type OutboundFailure } from './outbound-error.ts';
import { ProxyError } from './proxy-tunnel.ts';
import { TlsSettingsError } from './tls-connection.ts';

export interface OutboundRequest {
  /** Default `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** What the client presents on a TLS connection (RFC 8705 section 2), in PEM. */
  readonly clientCertificate?: ClientCertificate;
  /** Whether it may go over the connection of an earlier request. That may end without an answer: OutboundError.isStale. */
  readonly keepsConnection?: boolean;
  /** Called when the connection is ready, and nothing was sent. What it throws ends the request. Only for a new connection. */
  readonly beforeSending?: () => Promise<void>;
}

export interface ClientCertificate {
  readonly key: string;
  /** With its chain. */
  readonly cert: string;
}

export interface ExchangeOptions {
  /** Opens a connection, with the other side's certificate verified. */
  readonly connect: (signal: AbortSignal) => Promise<Socket>;
  /** Where connections are kept. Left out: one for this exchange only. */
  readonly kept?: (Pick<ConnectionRequest, 'use'> & { readonly connections: KeptConnections }) | undefined;
  readonly timeout: Ms;
  readonly bodyLimit: number;
  /** Which CAs the connection trusts, for messages. */
  readonly trust: Trust;
}

/** Request Timeout, Too Early, Too Many Requests. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** One request and its answer. However it ends, no socket, timer or listener of it is left. */
export function exchange(target: URL, request: OutboundRequest, options: ExchangeOptions): Promise<Response> {
  return new Exchange(target, request, options).run();
}

class Exchange {
  readonly #target: URL;
  readonly #request: OutboundRequest;
  readonly #options: ExchangeOptions;
  readonly #outcome = Promise.withResolvers<Response>();
  #progress: Progress = 'not-sent';
  #sent: ClientRequest | undefined;
  #isAnswered = false;

  constructor(target: URL, request: OutboundRequest, options: ExchangeOptions) {
    this.#target = target;
    this.#request = request;
    this.#options = options;
  }

  async run(): Promise<Response> {
    const { signal } = this.#request;
    const { timeout } = this.#options;
    const ending = new AbortController();
    const cancel = (): void => this.#fail('cancelled', 'was cancelled');
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const late = setTimeout(() => this.#fail('timeout', `had no complete answer after ${timeout / 1000} s`), timeout);
    if (signal?.aborted !== true) this.#send(ending.signal);
    let isComplete = false;
    try {
      const response = await this.#outcome.promise;
      isComplete = true;
      return response;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', cancel);
      if (!isComplete) ending.abort();
      if (!isComplete || !this.#isKept()) this.#sent?.destroy();
    }
  }

  /** The answer may come before the whole request was sent. */
  #isKept(): boolean {
    return this.#options.kept !== undefined && this.#sent?.writableFinished === true;
  }

  #send(ending: AbortSignal): void {
    const { method = 'GET', headers, body } = this.#request;
    const { host, pathname, search } = this.#target;
    const named = { ...headers, host, 'accept-encoding': 'identity' };
    const message = { method, path: pathname + search, headers: named };
    try {
      this.#sent = sendHttp({ ...message, ...this.#connection(() => this.#connect(ending)) });
    } catch {
      // Node rejects what cannot be a header, and may quote it.
      return this.#fail('unreachable', 'could not be made from these headers and settings');
    }
    this.#sent
      .on('socket', () => (this.#progress = 'unknown'))
      .on('response', (response) => void this.#receive(response))
      .on('error', (error) => this.#broken(error))
      .on('upgrade', () => this.#unusable('switches protocols'))
      .end(body);
    return undefined;
  }

  /** Nothing is sent before the other side has proved who it is, so it is known whether anything left this machine. */
  async #connect(ending: AbortSignal): Promise<Socket> {
    const socket = await this.#options.connect(ending);
    try {
      await this.#request.beforeSending?.();
    } catch (error) {
      socket.destroy();
      this.#outcome.reject(error);
      throw error;
    }
    if (!ending.aborted && socket.writable) return socket;
    socket.destroy();
    throw Object.assign(new Error('The connection ended before anything was sent.'), { code: 'ECONNRESET' });
  }

  #connection(open: () => Promise<Socket>): RequestOptions & Partial<ConnectionRequest> {
    const { kept } = this.#options;
    if (kept !== undefined) return { agent: kept.connections, use: kept.use, open };
    return {
      createConnection: (_options, created) => {
        open().then(
          (socket) => created(null, socket),
          // The types leave out that there is no socket where there is an error.
          (error: unknown) => created(error as Error, undefined as never),
        );
        return undefined;
      },
    };
  }

  async #receive(response: IncomingMessage): Promise<void> {
    this.#isAnswered = true;
    const { bodyLimit } = this.#options;
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > bodyLimit) return this.#unusable(`is longer than ${bodyLimit} bytes`);
        chunks.push(chunk);
      }
      const body = await decodeContent(Buffer.concat(chunks), response.headers['content-encoding'], bodyLimit);
      this.#outcome.resolve(toResponse(response, body));
    } catch (error) {
      if (error instanceof ContentCodingError) this.#unusable(error.message);
      else if (error instanceof RangeError || error instanceof TypeError)
        this.#unusable('has an impossible status or header');
      else this.#broken(error);
    }
    return undefined;
  }

  #unusable(why: string): void {
    this.#fail('invalid_response', `had an answer that ${why}`);
  }

  #broken(error: unknown): void {
    if (error instanceof OutboundError) return this.#outcome.reject(error);
    if (error instanceof RefusedAddressError) return this.#fail('refused_address', `was not sent: ${error.message}`);
    if (error instanceof ProxyError)
      return this.#fail(codeOf(error), `could not be sent: ${error.message}`, error.explanation);
    if (error instanceof TlsSettingsError)
      return this.#fail('unreachable', 'could not be made from these headers and settings');
    const code = systemCode(error);
    if (code?.startsWith('HPE_') === true)
      return this.#fail('invalid_response', `had an answer that is not HTTP (${code})`);
    const what = this.#progress === 'not-sent' ? 'could not be sent: no connection' : 'lost its connection';
    if (code === undefined) return this.#fail('unreachable', what);
    const detail = error instanceof UnreachableError ? error.message : code;
    const explanation =
      error instanceof CertificateError ? error.explain(this.#options.trust) : alertSentence(code, this.#target.host);
    return this.#fail('unreachable', `${what} (${detail})`, explanation, faultOf(error, code));
  }

  #fail(code: OutboundFailure, what: string, explanation?: string, fault?: OutboundError['fault']): void {
    const message = `The request to ${this.#target.host} ${what}.${explanation === undefined ? '' : ` ${explanation}`}`;
    const isStale = code === 'unreachable' && this.#sent?.reusedSocket === true && !this.#isAnswered;
    this.#outcome.reject(new OutboundError(code, message, this.#progress, { isStale, fault }));
  }
}

/** Those of getaddrinfo that mean the name itself. */
const NAME_FAULTS: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME']);

function faultOf(error: unknown, code: string): OutboundError['fault'] {
  if (error instanceof CertificateError) return 'certificate';
  return NAME_FAULTS.has(code) ? 'name' : undefined;
}

/** A proxy that denies the tunnel goes on denying it: only the statuses that pass by themselves are retried soon. */
function codeOf({ status = 0 }: ProxyError): OutboundFailure {
  const isDenied = status >= 400 && status < 500 && !PASSING.has(status);
  return isDenied ? 'proxy_denied' : 'unreachable';
}

function toResponse(response: IncomingMessage, body: Buffer): Response {
  const headers = new Headers();
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const status = response.statusCode ?? 0;
  return new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers });
}
