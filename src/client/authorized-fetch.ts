import { bearerTokenProblem } from '../core/bearer.ts';
import type { Ms } from '../core/token.ts';
import { BEARER_HEADER } from '../core/token-header.ts';
import { unlessAborted } from '../core/unless-aborted.ts';
import { checkedOrigins, originOf } from './origins.ts';
import { type Sending, sendOn } from './redirects.ts';
import { keepBody } from './request-body.ts';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';
import { drop } from './streams.ts';
import { bodyOf, takeRequest, urlOf } from './taken-request.ts';
import { checkedRules, type Judged, judge, type TokenErrorRule } from './token-errors.ts';
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
  /**
   * Instead of Node's own, such as that of undici or node-fetch. Redirects are followed in its place, so that the token
   * does not go to another origin.
   */
  readonly fetch?: Fetch | undefined;
  /** What else than a 401 the gateway answers to a bad token. */
  readonly tokenErrors?: readonly TokenErrorRule[] | undefined;
  /** Bounds replays that come to nothing: by default 20 % of the calls, and 10 at rest. */
  readonly retryBudget?: RetryBudgetOptions | undefined;
  /** How long a call waits for a token where there is none to send, in milliseconds; 10,000 by default. `Infinity` waits indefinitely. */
  readonly waitForToken?: Ms | undefined;
}

const WAIT_FOR_TOKEN: Ms = 10_000;
/** The longest that one timer of Node can run. After a longer time, such as Infinity, it would fire after 1 ms. */
const LONGEST_TIMER: Ms = 2 ** 31 - 1;
const LARGEST_DRAINED = 64 * 1024;

/**
 * `fetch` with the source's token: each request carries exactly one `Authorization` header, ours in place of the
 * caller's own. Where the token names another header, that is the one, and the caller's `Authorization` stays.
 *
 * After a token error (a 401, unless its challenge names `invalid_request` or `insufficient_scope`: RFC 6750 section
 * 3.1) the token is replaced and the request sent once more, if its body can be: up to 64 KiB are kept for that. Where an
 * earlier token stood in for a new one and is rejected, too, the request is sent a third time. Whatever
 * cannot be cured reaches the caller unchanged, its body unread: a second token error, a larger or live body, no
 * other token, an exhausted budget. A token past its expiry is never sent.
 *
 * The token goes only to the named origins, over https unless they are on loopback. `fetch` drops the header where a
 * redirect leads to another origin (Fetch standard, HTTP-redirect fetch), and the answer of that one is no token error.
 * URL, method and headers are taken once, at the call. Throws UsageError for origins that cannot be used.
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
  readonly send: (by: ClientToken) => Promise<Judged>;
  readonly signal: AbortSignal | undefined;
}

class AuthorizedCalls {
  readonly #source: TokenSource;
  readonly #options: AuthorizedFetchOptions;
  readonly #origins: ReadonlySet<string>;
  readonly #rules: readonly TokenErrorRule[];
  readonly #fetch: Fetch | undefined;
  readonly #budget: RetryBudget;

  constructor(source: TokenSource, options: AuthorizedFetchOptions) {
    this.#source = source;
    this.#origins = checkedOrigins(options);
    this.#options = options;
    this.#rules = checkedRules(options.tokenErrors ?? []);
    this.#fetch = options.fetch === globalThis.fetch ? undefined : options.fetch;
    this.#budget = new RetryBudget(options.retryBudget);
  }

  async call(input: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
    const url = urlOf(input);
    const origin = originOf(url);
    // `fetch` itself rejects a text that is not a URL.
    if (origin === undefined || !this.#origins.has(origin)) return (this.#fetch ?? globalThis.fetch)(input, init);
    const taken = takeRequest({ input, init, url }, this.#fetch);
    const { signal } = taken;
    signal?.throwIfAborted();
    const kept = await keepBody(taken.request ?? url, taken.init);
    const { repeatable } = kept;
    // Last of all, so that it has not expired in the meantime.
    const token = await this.#tokenToSend(signal);
    const sent = { ...taken.init, ...bodyOf(taken, kept) };
    const send = async (by: ClientToken): Promise<Judged> => {
      const { name: tokenHeader } = by.header ?? BEARER_HEADER;
      const headers = withToken(taken.headers, by);
      const answer = await this.#send({ ...taken, repeatable, tokenHeader, init: { ...sent, headers } });
      return this.#judge(answer, by, origin);
    };

    this.#budget.called();
    const first = await send(token);
    if (!first.blamesToken) return first.response;
    if (!repeatable || !this.#budget.allowsReplay) {
      // For the next call. The source reports a failure.
      this.#source.replace(token.sha256, { standIn: true }).catch(() => {});
      return first.response;
    }
    return this.#replay({ send, signal }, token, first.response);
  }

  async #replay({ send, signal }: Attempt, token: ClientToken, first: Response): Promise<Response> {
    const other = await this.#replace(token, signal, first);
    if (other === undefined) return first;
    discard(first);
    const second = await send(other);
    if (!second.blamesToken) return second.response;
    // An earlier token stood in for one that the gateway may not take yet. Now both are rejected, so neither helps.
    const stoodIn = other.generation < token.generation;
    const last = stoodIn ? await this.#replace(other, signal, second.response) : undefined;
    if (last === undefined) {
      this.#curedNothing(other);
      return second.response;
    }
    discard(second.response);
    const third = await send(last);
    if (third.blamesToken) this.#curedNothing(last);
    return third.response;
  }

  #curedNothing(token: ClientToken): void {
    this.#budget.replayedInVain();
    this.#source.replayRejected?.(token.sha256);
  }

  /**
   * Node's own `fetch` drops `Authorization` where a redirect leads to another origin. Other libraries may not, and none
   * drops another header.
   */
  #send(sending: Sending): Promise<Response> {
    const fetch = this.#fetch ?? globalThis.fetch;
    const isDropped = this.#fetch === undefined && /^authorization$/i.test(sending.tokenHeader);
    return isDropped ? fetch(sending.input, sending.init) : sendOn(fetch, sending);
  }

  async #tokenToSend(signal: AbortSignal | undefined): Promise<ClientToken> {
    try {
      return this.#source.current();
    } catch (error) {
      if (!(error instanceof TokenNotYetAvailable)) throw error;
    }
    const patience = new AbortController();
    const most = Math.min(this.#options.waitForToken ?? WAIT_FOR_TOKEN, LONGEST_TIMER);
    const timer = setTimeout(() => patience.abort(), most);
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

  async #judge(answer: Response, token: ClientToken, origin: string): Promise<Judged> {
    const judged = await judge(answer, this.#rules, origin);
    const { ok, redirected, url } = judged.response;
    // Any other answer may come from something in front of the gateway, or from another origin, which got no token.
    const accepted = !judged.blamesToken && ok && !(redirected && originOf(url) !== origin);
    if (accepted) this.#source.accepted?.(token.sha256);
    return judged;
  }

  /** Returns another token; `undefined` if there is none, which the source reports. */
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
  const { name, prefix } = token.header ?? BEARER_HEADER;
  const value = token.accessToken.reveal();
  // The error that Headers would throw quotes the value.
  const problem = bearerTokenProblem(value);
  if (problem !== undefined) throw new TypeError(`The token source gave a token that ${problem}.`);
  headers.set(name, `${prefix}${value}`);
  return headers;
}

/** Reads a short body to its end, so that the connection can be used again; drops any other with its connection. */
function discard(response: Response): void {
  try {
    const length = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY);
    if (length <= LARGEST_DRAINED) response.arrayBuffer().catch(() => {});
    else drop(response.body);
  } catch {
    // The body of a library that can do neither must not fail the call.
  }
}
