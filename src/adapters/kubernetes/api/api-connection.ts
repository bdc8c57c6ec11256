import { setTimeout as pause } from 'node:timers/promises';
import type { RequestContext } from '@kubernetes/client-node';
import { systemCode } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import { CertificateError } from '../../http/certificate-fault.ts';
import type { DirectOptions } from '../../http/open-connection.ts';
import type { TlsSettings } from '../../http/tls-connection.ts';
import { apiConnector } from './api-connector.ts';
import { Agent, ApiException, errors, KubeConfig, ResponseContext, SelfDecodingBody } from './client-library.ts';
import type { ClockComparison } from './clock-comparison.ts';

/** How this process proves who it is, and knows the API server. */
export interface ApiAccess {
  /** Throws StoreError where there is nothing to prove it with. */
  headers(): Promise<Readonly<Record<string, string>>>;
  tls(): Promise<TlsSettings>;
  /** What it gave last was of no use: it is to be looked up afresh. */
  forget(): void;
}

/** No answer from the API server. The message is of our own and quotes nothing. */
export class ApiUnreachableError extends Error {
  override readonly name = 'ApiUnreachableError';
  /** Of the system, of TLS or of undici; `TIMEOUT` where it took too long. */
  readonly code: string;
  /** Its certificate, where that is why. */
  readonly certificate: CertificateError | undefined;

  constructor(code: string, certificate?: CertificateError) {
    super(`The Kubernetes API server cannot be reached (${code}).`);
    this.code = code;
    this.certificate = certificate;
  }
}

export interface ApiConnectionOptions {
  /** For a connection, and for a request with its answer. */
  readonly timeout: Ms;
  readonly compareClocks?: ClockComparison | undefined;
  readonly direct?: DirectOptions | undefined;
}

interface Agents {
  readonly settings: TlsSettings;
  readonly requests: Agent;
  readonly watches: Agent;
}

const LONGEST_CLOSE = 1000;
/** Below the 90 s after which an API server closes an idle connection, so that no request uses a connection that is closing. */
const IDLE: Ms = 30_000;
/** Requests at the same time; further ones wait. A watch uses none of these, but its own connection. */
const CONNECTIONS = 16;
const TLS_SETTINGS = Object.keys({
  ca: true,
  cert: true,
  key: true,
  servername: true,
  rejectUnauthorized: true,
} satisfies Record<keyof TlsSettings, true>) as (keyof TlsSettings)[];
/** Of undici itself, so that a watch whose answer never begins is ended by its own 30 s. */
const NEVER = 0;

/**
 * The connections to one API server, kept open and shared by all requests; client-node itself opens one for each.
 * HTTP/1.1, so that a connection that has died silently takes one request with it and not all. Nothing is retried.
 */
export class ApiConnection {
  readonly #access: ApiAccess;
  readonly #options: ApiConnectionOptions;
  readonly #retired = new Set<Agent>();
  /** Ends the attempts to connect that began before the last `close`. */
  #closing = new AbortController();
  #agents: Agents | undefined;

  constructor(access: ApiAccess, options: ApiConnectionOptions) {
    this.#access = access;
    this.#options = options;
  }

  /** A request with its whole answer, as an HTTP library of client-node. Throws ApiUnreachableError and StoreError. */
  async send(request: RequestContext): Promise<ResponseContext> {
    const headers = { ...request.getHeaders(), ...(await this.#access.headers()) };
    const { requests } = await this.#current();
    const { origin, pathname, search } = new URL(request.getUrl());
    const body = request.getBody();
    const method = request.getHttpMethod();
    // Not AbortSignal.timeout, whose timer goes on after the answer, and makes an error then that nobody sees.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#options.timeout);
    const given = request.getSignal();
    const signal = given === undefined ? late.signal : AbortSignal.any([late.signal, given]);
    const compareClocks = this.#options.compareClocks?.();
    try {
      const options = { origin, path: `${pathname}${search}`, method, headers, signal };
      const answer = await requests.request({ ...options, body: typeof body === 'string' ? body : null });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      if (answer.statusCode === 401) this.#access.forget();
      compareClocks?.(answer.headers['date']?.toString());
      const named = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
      const decoding = new SelfDecodingBody(Promise.resolve(bytes));
      return new ResponseContext(answer.statusCode, Object.fromEntries(named), decoding);
    } catch (error) {
      // A certificate that is not trusted may come from a CA that was renewed.
      this.#access.forget();
      const certificate = error instanceof CertificateError ? error : undefined;
      throw new ApiUnreachableError(late.signal.aborted ? 'TIMEOUT' : codeOf(error), certificate);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens an answer of any length, over a separate connection. Throws ApiException, ApiUnreachableError and StoreError. */
  async open(url: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const headers = await this.#access.headers();
    const { watches } = await this.#current();
    const { origin, pathname, search } = new URL(url);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#options.timeout);
    try {
      const ending = AbortSignal.any([signal, late.signal]);
      const options = { origin, path: `${pathname}${search}`, method: 'GET', headers, signal: ending } as const;
      const { statusCode, body } = await watches.request(options);
      if (statusCode === 200) return body;
      if (statusCode === 401) this.#access.forget();
      throw new ApiException(statusCode, '', await body.text(), {});
    } catch (error) {
      if (error instanceof ApiException) throw error;
      this.#access.forget();
      const certificate = error instanceof CertificateError ? error : undefined;
      throw new ApiUnreachableError(late.signal.aborted ? 'TIMEOUT' : codeOf(error), certificate);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets a watch of client-node use these connections. */
  async prepareWatch(context: RequestContext): Promise<void> {
    for (const [name, value] of Object.entries(await this.#access.headers())) context.setHeaderParam(name, value);
    context.setDispatcher((await this.#current()).watches);
  }

  /** Ends watches immediately, and waits for requests. A request after that opens connections anew. */
  async close(): Promise<void> {
    const agents = this.#agents;
    const closing = this.#closing;
    this.#agents = undefined;
    this.#closing = new AbortController();
    const watches = [...this.#retired, ...(agents === undefined ? [] : [agents.watches])];
    const closed = Promise.all([agents?.requests.close(), ...watches.map((agent) => agent.destroy())]);
    // An API server that hangs would hold up the end of the process beyond the pod's grace.
    await Promise.race([closed, pause(LONGEST_CLOSE, undefined, { ref: false })]);
    await agents?.requests.destroy();
    closing.abort();
  }

  async #current(): Promise<Agents> {
    const tls = await this.#access.tls();
    if (this.#agents !== undefined && isSame(this.#agents.settings, tls)) return this.#agents;
    if (this.#agents !== undefined) this.#retire(this.#agents);
    const { timeout, direct } = this.#options;
    const connect = apiConnector({ tls, timeout, direct, closing: this.#closing.signal });
    const options = { allowH2: false, connect, keepAliveTimeout: IDLE };
    const requests = new Agent({ ...options, connections: CONNECTIONS });
    const watches = new Agent({ ...options, headersTimeout: NEVER, bodyTimeout: NEVER });
    this.#agents = { settings: tls, requests, watches };
    return this.#agents;
  }

  /** What goes on over the old connections goes on to its end. */
  #retire({ requests, watches }: Agents): void {
    for (const agent of [requests, watches]) {
      this.#retired.add(agent);
      void agent.close().finally(() => this.#retired.delete(agent));
    }
  }
}

/** Without a text of both, because it is asked for each request. */
function isSame(one: TlsSettings, other: TlsSettings): boolean {
  return TLS_SETTINGS.every((name) => one[name] === other[name]);
}

/** As client-node's watches and informers want it: they know their server and how to open a request by it. */
export class SharingKubeConfig extends KubeConfig {
  readonly #connection: ApiConnection;

  /** `namespace`: of the context, where there is one. */
  constructor(server: string, connection: ApiConnection, namespace?: string) {
    super();
    this.#connection = connection;
    const context = {
      name: 'context',
      cluster: 'cluster',
      user: 'user',
      ...(namespace !== undefined && { namespace }),
    };
    this.loadFromOptions({
      clusters: [{ name: 'cluster', server, skipTLSVerify: false }],
      users: [{ name: 'user' }],
      contexts: [context],
      currentContext: context.name,
    });
  }

  override applySecurityAuthentication(context: RequestContext): Promise<void> {
    return this.#connection.prepareWatch(context);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'TIMEOUT';
  // The other side closed a connection that was kept open.
  if (error instanceof errors.SocketError) return systemCode(error.cause) ?? 'ECONNRESET';
  return systemCode(error) ?? 'no code';
}
