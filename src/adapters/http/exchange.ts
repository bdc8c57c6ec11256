import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type Progress, systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import { RefusedAddressError } from './addresses.ts';
import { certificateFault } from './certificate-fault.ts';
import { ContentCodingError, decodeContent } from './content-coding.ts';
import { OutboundError, type OutboundFailure } from './outbound-error.ts';

export interface OutboundRequest {
  /** Default `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** What the client presents on a TLS connection (RFC 8705 section 2), in PEM. */
  readonly clientCertificate?: ClientCertificate;
}

export interface ClientCertificate {
  readonly key: string;
  /** With its chain. */
  readonly cert: string;
}

export interface ExchangeOptions {
  /** Of this exchange alone. */
  readonly agent: Agent;
  readonly lookup: LookupFunction;
  readonly timeout: Ms;
  readonly bodyLimit: number;
}

/** One request and its answer. However it ends, no socket, timer or listener of it is left. */
export function exchange(target: URL, request: OutboundRequest, options: ExchangeOptions): Promise<Response> {
  return new Exchange(target, request, options).run();
}

class Exchange {
  readonly #target: URL;
  readonly #request: OutboundRequest;
  readonly #options: ExchangeOptions;
  readonly #sockets: Set<Duplex>;
  readonly #outcome = Promise.withResolvers<Response>();
  #progress: Progress = 'not-sent';

  constructor(target: URL, request: OutboundRequest, options: ExchangeOptions) {
    this.#target = target;
    this.#request = request;
    this.#options = options;
    this.#sockets = socketsOf(options.agent);
  }

  async run(): Promise<Response> {
    const { signal } = this.#request;
    const { timeout } = this.#options;
    const cancel = (): void => this.#fail('cancelled', 'was cancelled');
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const late = setTimeout(() => this.#fail('timeout', `had no complete answer after ${timeout / 1000} s`), timeout);
    const sent = signal?.aborted === true ? undefined : this.#start();
    try {
      return await this.#outcome.promise;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', cancel);
      sent?.destroy();
      // A tunnel that the proxy has not opened yet belongs to no request, so it is ended here.
      for (const socket of this.#sockets) socket.destroy();
    }
  }

  #start(): ClientRequest | undefined {
    const { method = 'GET', headers, body } = this.#request;
    const { agent, lookup } = this.#options;
    const send = this.#target.protocol === 'https:' ? httpsRequest : httpRequest;
    let sent: ClientRequest;
    try {
      sent = send(this.#target, { agent, lookup, method, headers: { ...headers, 'accept-encoding': 'identity' } });
    } catch {
      // Node refuses what cannot be a header or a certificate, and may quote it.
      this.#fail('unreachable', 'could not be made from these headers and settings');
      return undefined;
    }
    // Nothing is written before the peer has proved who it is, so it is known whether anything left this machine.
    const write = (): void => {
      this.#progress = 'unknown';
      sent.end(body);
    };
    return sent
      .on('socket', (socket) => whenConnected(socket, write))
      .on('response', (response) => void this.#receive(response))
      .on('error', (error) => this.#broken(error))
      .on('upgrade', () => this.#unusable('switches protocols'));
  }

  async #receive(response: IncomingMessage): Promise<void> {
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
    if (error instanceof RefusedAddressError) return this.#fail('refused_address', `was not sent: ${error.message}`);
    const code = systemCode(error);
    if (code?.startsWith('HPE_') === true)
      return this.#fail('invalid_response', `had an answer that is not HTTP (${code})`);
    const what = this.#progress === 'not-sent' ? 'could not be sent: no connection' : 'lost its connection';
    if (code === undefined) return this.#fail('unreachable', what);
    const fault = certificateFault(code);
    return this.#fail('unreachable', fault === undefined ? `${what} (${code})` : `${what} (${code}: ${fault})`);
  }

  #fail(code: OutboundFailure, what: string): void {
    this.#outcome.reject(new OutboundError(code, `The request to ${this.#target.host} ${what}.`, this.#progress));
  }
}

function whenConnected(socket: Socket, connected: () => void): void {
  if (socket instanceof TLSSocket) {
    if (socket.authorized) connected();
    else socket.once('secureConnect', connected);
  } else if (socket.connecting) socket.once('connect', connected);
  else connected();
}

/** All sockets that the agent opens from now on. */
function socketsOf(agent: Agent): Set<Duplex> {
  const sockets = new Set<Duplex>();
  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = createConnection(options, callback);
    if (socket !== null && socket !== undefined) sockets.add(socket);
    return socket;
  };
  return sockets;
}

function toResponse(response: IncomingMessage, body: Buffer): Response {
  const headers = new Headers();
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const status = response.statusCode ?? 0;
  return new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers });
}
