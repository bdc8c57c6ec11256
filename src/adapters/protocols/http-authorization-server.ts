import type { Credential, CredentialKey } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';
import type { OriginOf } from '../../core/file-origin.ts';
import type { Redacted } from '../../core/redacted.ts';
import type { EpochMs } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExchangeContext, HttpExchange, HttpMessage, HttpProtocol } from '../../ports/http-protocol.ts';
import type { ServerSettings } from '../../ports/protocols.ts';
import type { TokenRequest, TokenResponse } from '../../ports/token-endpoint.ts';
import type { OutboundFetch } from '../http/outbound.ts';
import { OutboundError } from '../http/outbound-error.ts';
import { inspectServerCa } from '../http/server-outbound.ts';
import { requiredValue } from '../oauth/credential-values.ts';
import { cancellation, exchangeFailure, type Peer } from '../oauth/failures.ts';
import { hostOf } from '../oauth/server-metadata.ts';
import { ReadAnswer, tokenResponseOf, unreadableAnswer } from './http-answer.ts';
import { CHECK_REVOCATION, httpRejection, rejectedRevocation } from './http-rejection.ts';

/** Firewalls may reject requests without any, and GitHub does. */
const USER_AGENT = 'token-acquirer';

interface HttpAuthorizationServerDependencies {
  readonly protocol: HttpProtocol;
  readonly outbound: OutboundFetch;
  readonly clock: Clock;
  readonly originOf: OriginOf | undefined;
}

/** One exchange: what it is for, and what its last answer leaves. */
interface Course {
  readonly purpose: 'request' | 'revocation';
  serverDate: EpochMs | undefined;
  status: number | undefined;
}

/** One authorization server of a protocol of HTTP requests. */
export class HttpAuthorizationServer {
  readonly #name: string;
  readonly #settings: ServerSettings;
  readonly #dependencies: HttpAuthorizationServerDependencies;
  readonly #inspectCa: ReturnType<typeof inspectServerCa>;
  /** Whether a token was revoked, which shows that the settings for it are right. */
  #hasRevoked = false;

  constructor(name: string, settings: ServerSettings, dependencies: HttpAuthorizationServerDependencies) {
    this.#name = name;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#inspectCa = inspectServerCa(name, settings.caFile, dependencies.originOf);
  }

  /** As TokenEndpoint.request. */
  async request(request: TokenRequest, signal: AbortSignal): Promise<TokenResponse> {
    const course = begin('request');
    const exchange = this.#exchange(request, course, signal);
    try {
      const issued = await this.#dependencies.protocol.request(exchange);
      const { serverDate } = course;
      const now = this.#dependencies.clock.now();
      return tokenResponseOf(issued, { peer: this.#peer(), now, serverDate, check: this.#check(request.credential) });
    } catch (error) {
      const isAnswer = error instanceof OutboundError && error.code === 'invalid_response';
      if (isAnswer) throw unreadableAnswer(error, { peer: this.#peer(), check: this.#check(request.credential) });
      throw exchangeFailure(error, this.#peer());
    }
  }

  /** As TokenEndpoint.revoke. */
  async revoke(request: TokenRequest, accessToken: Redacted, signal: AbortSignal): Promise<boolean> {
    const { protocol } = this.#dependencies;
    const course = begin('revocation');
    try {
      const isRevoked = (await protocol.revoke?.(this.#exchange(request, course, signal), accessToken)) ?? false;
      this.#hasRevoked ||= isRevoked;
      return isRevoked;
    } catch (error) {
      // The token authenticates its own revocation, so one that has ended is rejected. RFC 7009 section 2.2 counts it as revoked.
      const isSure = this.#hasRevoked || protocol.hasRevocationSettings !== true;
      if (course.status === 401 && isSure) return true;
      throw exchangeFailure(error, this.#peer());
    }
  }

  /** As TokenEndpoint.obstacle. */
  obstacle(credential: Credential | undefined): string | undefined {
    if (credential === undefined) return this.#inspectCa(this.#dependencies.clock.now());
    const { protocol } = this.#dependencies;
    const context = this.#context(credential);
    try {
      for (const key of protocol.needs(this.#settings)) context.value(key);
      protocol.inspect?.(context);
      return undefined;
    } catch (error) {
      if (!(error instanceof TokenRequestError)) throw error;
      return error.failure === 'configuration' ? error.message : undefined;
    }
  }

  /** As TokenEndpoint.reach. Any answer counts: the URL may take POST only. */
  async reach(signal: AbortSignal): Promise<string | undefined> {
    const url = this.#dependencies.protocol.probe?.(this.#settings) ?? this.#url();
    try {
      await this.#dependencies.outbound(url, { signal, headers: { 'user-agent': USER_AGENT } });
      return undefined;
    } catch (error) {
      if (signal.aborted || (error instanceof OutboundError && error.code === 'invalid_response')) return undefined;
      return exchangeFailure(error, this.#peer(), 'not-sent').message;
    }
  }

  #exchange(request: TokenRequest, course: Course, signal: AbortSignal): HttpExchange<ServerSettings, object> {
    return {
      ...this.#context(request.credential),
      demand: request,
      send: async (message) => this.#send(message, request.credential, course, signal),
    };
  }

  #context(credential: Credential): ExchangeContext<ServerSettings> {
    return {
      server: this.#settings,
      now: this.#dependencies.clock.now(),
      credential: credential.name,
      value: (key: CredentialKey) => requiredValue(credential, key, `the protocol ${this.#settings.protocol}`),
    };
  }

  async #send(
    { url, method = 'POST', headers = {}, json, form }: HttpMessage,
    credential: Credential,
    course: Course,
    signal: AbortSignal,
  ): Promise<ReadAnswer> {
    const { outbound, clock, protocol } = this.#dependencies;
    const peer = { name: this.#name, host: hostOf(url) };
    if (signal.aborted) throw cancellation(peer, 'not-sent');
    const body = bodyOf(json, form);
    const sentAt = clock.now();
    const response = await outbound(url, {
      method,
      headers: { accept: 'application/json', 'user-agent': USER_AGENT, ...body.headers, ...lowerCase(headers) },
      ...(body.text !== undefined && { body: body.text }),
      signal,
    });
    const now = clock.now();
    course.status = response.status;
    const isRequest = course.purpose === 'request';
    const check = isRequest ? this.#check(credential) : CHECK_REVOCATION;
    const meaning = isRequest ? protocol.rejection : rejectedRevocation;
    if (!response.ok) throw httpRejection(response, { peer, sentAt, now, check, meaning });
    const date = Date.parse(response.headers.get('date') ?? '');
    course.serverDate = Number.isNaN(date) ? undefined : date;
    return new ReadAnswer({ peer, check }, response.headers, await response.text());
  }

  #check(credential: Credential): string {
    const keys = this.#dependencies.protocol.needs(this.#settings).join(', ');
    return `Check ${keys} in the credential ${credential.name}.`;
  }

  #peer(): Peer {
    return { name: this.#name, host: hostOf(this.#url()) };
  }

  #url(): string {
    return 'url' in this.#settings ? String(this.#settings.url) : '';
  }
}

function begin(purpose: Course['purpose']): Course {
  return { purpose, serverDate: undefined, status: undefined };
}

interface Body {
  readonly text: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

function bodyOf(json: unknown, form: HttpMessage['form']): Body {
  if (form !== undefined) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { text: new URLSearchParams(form).toString(), headers };
  }
  if (json === undefined) return { text: undefined, headers: {} };
  return { text: JSON.stringify(json), headers: { 'content-type': 'application/json' } };
}

function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
