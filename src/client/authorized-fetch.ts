import { bearerTokenProblem } from '../core/bearer.ts';
import type { Ms } from '../core/token.ts';
import { checkedOrigins, originOf } from './origins.ts';
import { keepBody } from './request-body.ts';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';
import { takeRequest, urlOf } from './taken-request.ts';
import { checkedRules, isTokenError, type TokenErrorRule } from './token-errors.ts';
import { type ClientToken, TokenNotYetAvailable, type TokenSource } from './token-source.ts';

/** A function with the signature of `fetch`. */
export type Fetch = typeof globalThis.fetch;

export interface AuthorizedFetchOptions {
  /**
   * The origins that get the token, such as `https://api.example.com`: scheme, host and port. Requests to any other
   * origin are sent as they are, without the token.
   */
  readonly origins: readonly string[];
  /** Whether `origins` may be plain http off loopback, where anyone on the network can read the token. */
  readonly allowPlainHttp?: boolean | undefined;
  /** Instead of the global one. It must drop `Authorization` on a redirect to another origin, as that one does. */
  readonly fetch?: Fetch | undefined;
  /** What else than a 401 the gateway answers to a bad token. */
  readonly tokenErrors?: readonly TokenErrorRule[] | undefined;
  /** Bounds replays that come to nothing: by default 20 % of the calls, and 10 at rest. */
  readonly retryBudget?: RetryBudgetOptions | undefined;
  /** How long a call waits for a token where there is none to send, in milliseconds; 10,000 by default. */
  readonly waitForToken?: Ms | undefined;
}

const WAIT_FOR_TOKEN: Ms = 10_000;
const LARGEST_DRAINED = 64 * 1024;

/**
 * `fetch` with the source's token: each request carries exactly one `Authorization` header, ours in place of the
 * caller's own.
 *
 * After a token error (a 401, unless its challenge names `invalid_request` or `insufficient_scope`: RFC 6750 section
 * 3.1) the token is replaced and the request sent once more, if its body can be: up to 64 KiB are kept for that. Where an
 * earlier token stood in for a new one and is rejected, too, the request is sent a third time. Whatever
 * cannot be cured reaches the caller unchanged, its body unread: a second token error, a larger or live body, no
 * other token, an exhausted budget. A token past its expiry is never sent.
 *
 * The token goes only to the named origins, over https unless they are on loopback. `fetch` drops the header where a
 * redirect leads to another origin (Fetch standard, HTTP-redirect fetch), and the answer of that one is no token error.
 * URL, method and headers are taken once, at the call. Throws UsageError for origins that will not do.
 *
 * Rejects as `fetch` does, and with TokenNotYetAvailable where there is no token to send.
 *
 * @example
 * const tokens = mountedTokens({ directory: '/var/run/tokens' });
 * const call = authorizedFetch(tokens.source('dynamics'), { origins: ['https://org.crm.example.com'] });
 * const response = await call('https://org.crm.example.com/api/data/v9.2/accounts');
 */
export function authorizedFetch(source: TokenSource, options: AuthorizedFetchOptions): Fetch {
  const calls = new AuthorizedCalls(source, options);
  return (input, init) => calls.call(input, init);
}

/** What all attempts of one call have in common. */
interface Attempt {
  readonly send: (by: ClientToken) => Promise<Response>;
  readonly origin: string;
  readonly signal: AbortSignal | undefined;
}

class AuthorizedCalls {
  readonly #source: TokenSource;
  readonly #options: AuthorizedFetchOptions;
  readonly #origins: ReadonlySet<string>;
  readonly #rules: readonly TokenErrorRule[];
  readonly #budget: RetryBudget;

  constructor(source: TokenSource, options: AuthorizedFetchOptions) {
    this.#source = source;
    this.#origins = checkedOrigins(options);
    this.#options = options;
    this.#rules = checkedRules(options.tokenErrors ?? []);
    this.#budget = new RetryBudget(options.retryBudget);
  }

  async call(input: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
    const fetch = this.#options.fetch ?? globalThis.fetch;
    const url = urlOf(input);
    const origin = originOf(url);
    // A text that is no URL is left to fetch to reject.
    if (origin === undefined || !this.#origins.has(origin)) return fetch(input, init);
    const { signal, headers, ...taken } = takeRequest(input, url, init);
    signal?.throwIfAborted();
    const { body, repeatable } = await keepBody(taken.input, taken.init);
    // Last of all, so that it has not expired in the meantime.
    const token = await this.#tokenToSend(signal);
    const send = (by: ClientToken): Promise<Response> =>
      fetch(taken.input, { ...taken.init, ...(body !== undefined && { body }), headers: withToken(headers, by) });

    this.#budget.called();
    const first = await send(token);
    if (!(await this.#rejects(first, token, origin))) return first;
    if (!repeatable || !this.#budget.allowsReplay) {
      // For the next call. Its failure is told by the source.
      this.#source.replace(token.sha256, { standIn: true }).catch(() => {});
      return first;
    }
    return this.#replay({ send, origin, signal }, token, first);
  }

  async #replay({ send, origin, signal }: Attempt, token: ClientToken, first: Response): Promise<Response> {
    const other = await this.#replace(token, signal, first);
    if (other === undefined) return first;
    discard(first);
    const second = await send(other);
    if (!(await this.#rejects(second, other, origin))) return second;
    // An earlier token stood in for one that the gateway may not take yet. Now both are rejected, so neither helps.
    const stoodIn = other.generation < token.generation;
    const last = stoodIn ? await this.#replace(other, signal, second) : undefined;
    if (last === undefined) {
      this.#curedNothing(other);
      return second;
    }
    discard(second);
    const third = await send(last);
    if (await this.#rejects(third, last, origin)) this.#curedNothing(last);
    return third;
  }

  #curedNothing(token: ClientToken): void {
    this.#budget.replayedInVain();
    this.#source.replayRejected?.(token.sha256);
  }

  async #tokenToSend(signal: AbortSignal | undefined): Promise<ClientToken> {
    try {
      return this.#source.current();
    } catch (error) {
      if (!(error instanceof TokenNotYetAvailable)) throw error;
    }
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#options.waitForToken ?? WAIT_FOR_TOKEN);
    try {
      return await unlessAborted(this.#source.ready({ signal: patience.signal }), signal);
    } catch {
      signal?.throwIfAborted();
      // Says best why there is none.
      return this.#source.current();
    } finally {
      clearTimeout(timer);
      patience.abort();
    }
  }

  async #rejects(response: Response, token: ClientToken, origin: string): Promise<boolean> {
    if (await isTokenError(response, this.#rules, origin)) return true;
    // Any other answer may come from something in front of the gateway, or from another origin, which got no token.
    if (response.ok && !(response.redirected && originOf(response.url) !== origin)) {
      this.#source.accepted?.(token.sha256);
    }
    return false;
  }

  /** Another token; `undefined` where there is none to be had, which the source tells. */
  async #replace(
    token: ClientToken,
    signal: AbortSignal | undefined,
    first: Response,
  ): Promise<ClientToken | undefined> {
    try {
      return await unlessAborted(this.#source.replace(token.sha256, { standIn: true }), signal);
    } catch {
      if (signal?.aborted !== true) return undefined;
      discard(first);
      throw signal.reason;
    }
  }
}

function withToken(given: Headers, token: ClientToken): Headers {
  const headers = new Headers(given);
  const value = token.accessToken.reveal();
  // The error that Headers would throw quotes the value.
  const problem = bearerTokenProblem(value);
  if (problem !== undefined) throw new TypeError(`The token source gave a token that ${problem}.`);
  headers.set('authorization', `Bearer ${value}`);
  return headers;
}

function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Reads a short body to its end, so that the connection can be used again; drops any other with its connection. */
function discard(response: Response): void {
  const length = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY);
  const end = length <= LARGEST_DRAINED ? response.arrayBuffer() : response.body?.cancel();
  end?.catch(() => {});
}
