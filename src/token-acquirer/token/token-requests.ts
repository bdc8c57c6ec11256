import { SHORTEST_PAUSE } from '../../core/backoff.ts';
import { TokenRequestError } from '../../core/errors.ts';
import { factsOf, type Trigger } from '../../core/events.ts';
import type { Instant } from '../../core/instant.ts';
import { isWorking } from '../../core/leadership.ts';
import { keepBack, notBeforeOf } from '../../core/not-before.ts';
import type { RequestReason } from '../../core/reasons.ts';
import { lifetimeOf } from '../../core/renewal.ts';
import type { Ms } from '../../core/token.ts';
import type { TraceContext } from '../../core/trace-context.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import type { Leadership } from '../leadership/leadership.ts';
import { CredentialWithheld } from './credential-gate.ts';
import type { CredentialReader, CredentialReadings } from './credential-readings.ts';
import { Embargo } from './embargo.ts';
import type { Outages } from './outages.ts';
import type { ReplacedTokens } from './replaced-tokens.ts';
import { RequestBackoff, type RequestBackoffDependencies } from './request-backoff.ts';
import { asRequestError } from './request-error.ts';
import { reportSecretInUse } from './secret-in-use.ts';
import { ServerAccess } from './server-access.ts';
import type { ServerClocks } from './server-clocks.ts';
import type { TokenSpecification } from './specification.ts';
import { type Obtained, TokenExchange, type TokenExchangeDependencies } from './token-exchange.ts';

export interface TokenRequestsDependencies extends TokenExchangeDependencies, RequestBackoffDependencies {
  readonly leadership: Pick<Leadership, 'role'>;
  readonly clocks: ServerClocks;
  readonly outages: Outages;
  readonly readings: CredentialReadings;
  readonly replaced: ReplacedTokens;
}

interface Asked {
  readonly specification: TokenSpecification;
  readonly trigger: Trigger;
  readonly reader: CredentialReader;
}

/** How long a client waits for the `nbf` of a new token: less than the 10 s after which it gives up. */
const CLIENTS_WAIT: Ms = 5000;

/** How a token request ended. `denied`: none was allowed to begin. */
export type RequestResult =
  | { readonly kind: 'issued' }
  | { readonly kind: 'failed'; readonly error: TokenRequestError }
  | { readonly kind: 'denied'; readonly because: 'rate_limited' | 'stopping'; readonly retryAfter: Ms };

/** What a request holds until it ends. */
interface Turn {
  /** Gives its slot back. */
  readonly release: () => void;
  readonly reader: CredentialReader;
}

const STOPPING: RequestResult = { kind: 'denied', because: 'stopping', retryAfter: SHORTEST_PAUSE };

const ABANDONED = new TokenRequestError('server_error', 'The token-acquirer is stopping.', { progress: 'unknown' });

/** Which requests may begin: all, only those that a client waits for, or none. */
type Allowed = 'all' | 'reissues' | 'none';

/** Decides before a token request whether it may begin. Returns a time to wait where it may not. */
export type Admission = () => Promise<{ readonly retryAfter: Ms } | undefined>;

/** The call that starts a request. */
interface Starter {
  /** Left out: the request may begin. */
  readonly admission?: Admission | undefined;
  readonly trace?: TraceContext | undefined;
}

/** The token requests for one token: one at a time, at most one a second, with backoff after failures. */
export class TokenRequests {
  readonly #dependencies: TokenRequestsDependencies;
  readonly #embargo: Embargo;
  readonly #access: ServerAccess;
  readonly #backoff: RequestBackoff;
  readonly #exchange: TokenExchange;
  #inFlight: Promise<RequestResult> | undefined;
  /** Of the call that started the request in flight. */
  #trace: TraceContext | undefined;
  #lastSent = Number.NEGATIVE_INFINITY;
  /** How often a person may have corrected something. */
  #corrections = 0;
  #isErrorOutdated = false;
  #allowed: Allowed = 'all';

  constructor(dependencies: TokenRequestsDependencies) {
    this.#dependencies = dependencies;
    this.#embargo = new Embargo(dependencies.clock);
    this.#access = new ServerAccess(dependencies.outages, dependencies.held);
    this.#backoff = new RequestBackoff(this.#access, dependencies);
    this.#exchange = new TokenExchange(dependencies);
  }

  /** No further request begins before this moment of the monotonic clock, because of this error. */
  get backingOff(): { readonly notBefore: Ms; readonly error: TokenRequestError | undefined } {
    const { notBefore, error } = this.#backoff;
    return { notBefore, error };
  }

  /** No renewal begins before this moment: Infinity while another token tries the server for all. */
  get renewalNotBefore(): Ms {
    return this.#access.mayAsk() ? this.#backoff.notBefore : Infinity;
  }

  get inFlight(): Promise<RequestResult> | undefined {
    return this.#inFlight;
  }

  /** Whether the last error is about what was sent before a correction. */
  get isErrorOutdated(): boolean {
    return this.#isErrorOutdated;
  }

  /** Ends the backoff after an error that a person may just have corrected, in the credential or the configuration. */
  retryCorrected(): void {
    this.#corrections += 1;
    this.outdateError();
    this.#embargo.shorten(0);
    this.#endPause();
  }

  /** Forgets an error whose cause is gone while no request is due that would show it: the token is suspended. */
  forgetError(): void {
    this.#backoff.forgetError();
  }

  /** Notes that what the last error says may no longer hold. */
  outdateError(): void {
    this.#isErrorOutdated = true;
  }

  /** Forgets an error that a person had to correct, and may have corrected since. */
  forgetOutdatedRejection(): void {
    if (this.#isErrorOutdated && this.#backoff.error?.failure === 'configuration') this.#backoff.forgetError();
  }

  /** From now on only these requests begin. A request that was sent continues. */
  allowOnly(allowed: Exclude<Allowed, 'all'>): void {
    this.#allowed = allowed;
    // A token that is kept back must not be lost by the stop.
    this.#embargo.shorten(0);
  }

  /** The token is due and may not request. Returns when to look again; `look` is called where that changes. */
  waitForServer(look: () => void): Ms {
    return this.#backoff.waitForServer(look);
  }

  /** The token no longer waits for its server. */
  leaveServer(): void {
    this.#access.leave();
  }

  /** A client waits for the request in flight. */
  hurry(): void {
    this.#embargo.shorten(CLIENTS_WAIT);
  }

  /** Joins the request in flight, or starts one. Never rejects. */
  acquire(trigger: Trigger, reason: RequestReason, { admission, trace }: Starter = {}): Promise<RequestResult> {
    if (this.#inFlight === undefined) {
      this.#trace = trace;
      this.#embargo.expect();
      this.#inFlight = this.#run(trigger, reason, admission).finally(() => {
        this.#inFlight = undefined;
      });
    }
    return this.#inFlight;
  }

  async #run(trigger: Trigger, reason: RequestReason, admission?: Admission): Promise<RequestResult> {
    const { clock, slots, held, abandon, readings } = this.#dependencies;
    if (!this.#allows(trigger)) return STOPPING;
    const pause = trigger === 'reissue' ? await this.#access.join() : 0;
    if (pause > 0) return this.#postpone(pause);
    const denied = await admission?.();
    if (denied !== undefined) return { kind: 'denied', because: 'rate_limited', retryAfter: denied.retryAfter };
    const gap = this.#lastSent + SHORTEST_PAUSE - clock.monotonic();
    if (gap > 0) await clock.wait(gap, abandon);
    // A rejected token is as urgent as a missing one.
    const urgency = trigger === 'reissue' ? 0 : (held.token?.expiresAt ?? 0);
    const { authorizationServer, rotates, credential } = held.specification;
    const reader = readings.begin(credential);
    const release = await slots.take(authorizationServer, { urgency, rotates });
    const started = clock.monotonic();
    const corrections = this.#corrections;
    try {
      if (!this.#allows(trigger)) return STOPPING;
      this.#lastSent = started;
      return await this.#attempt(trigger, reason, { release, reader });
    } catch (error) {
      // Another replica leads now: what this request shows does not matter here any more.
      if (abandon.aborted || !this.#isOwnTask(trigger)) return STOPPING;
      const failed = this.#fail(asRequestError(error), trigger, clock.monotonic() - started);
      // The error is about what was sent, which is not what the next request will send.
      this.#isErrorOutdated = corrections !== this.#corrections;
      if (this.#isErrorOutdated) this.#endPause();
      return failed;
    } finally {
      release();
      reader.end();
    }
  }

  #allows(trigger: Trigger): boolean {
    if (this.#allowed === 'none' || this.#dependencies.abandon.aborted) return false;
    return (this.#allowed === 'all' || trigger === 'reissue') && this.#isOwnTask(trigger);
  }

  /** Whether the request is this replica's: it answers calls in any case, and renews tokens unless another one does. */
  #isOwnTask(trigger: Trigger): boolean {
    return trigger === 'reissue' || isWorking(this.#dependencies.leadership.role);
  }

  /** Gives the slot back when the request is over, before the store is written. */
  async #attempt(trigger: Trigger, reason: RequestReason, { release, reader }: Turn): Promise<RequestResult> {
    const { clock, held, status } = this.#dependencies;
    const { specification } = held;
    const ended = this.#access.begin();
    if (ended === undefined) return this.#postpone(this.#access.pause);
    const sentAt = held.instant();
    const { response, proof } = await this.#ask({ specification, trigger, reader }, ended);
    reportSecretInUse(response, specification, status);
    if (held.isSame(response)) {
      throw new TokenRequestError('same_token', 'The authorization server gave the token that is held already.', {
        progress: 'answered',
      });
    }
    release();
    const took = clock.monotonic() - sentAt.monotonic;
    const wait = this.#keepBack(response, specification, sentAt);
    await this.#embargo.keep(trigger === 'reissue' ? Math.min(wait, CLIENTS_WAIT) : wait);
    const before = held.scheduled;
    const trace = this.#trace;
    const token = held.hold(response, { specification, sentAt, proof, trace });
    this.#dependencies.replaced.add(before);
    await held.store();
    this.#backoff.succeed();
    status.emit({
      kind: 'token-issued',
      token: factsOf(token),
      server: specification.authorizationServer,
      trigger,
      reason,
      took,
      trace,
    });
    return { kind: 'issued' };
  }

  /** Returns how long to keep the token back, because the gateway would not accept it yet. */
  #keepBack(response: TokenResponse, specification: TokenSpecification, sentAt: Instant): Ms {
    const { held, clocks, status } = this.#dependencies;
    const { lifetime } = lifetimeOf(response.expiresIn, specification.defaultLifetime);
    const answeredAt = held.instant();
    const server = specification.authorizationServer;
    const skew = clocks.compare({ server, response, sentAt, answeredAt, lifetime }, status);
    const notBefore = notBeforeOf(response.accessToken.reveal());
    // Clients should not continue with a token that the configuration no longer asks for.
    const remaining = held.superseded ? 0 : held.remaining();
    return keepBack({ notBefore, now: answeredAt.wall, skew, lifetime, remaining });
  }

  /** Requests a token, and notes whether the server was reached. */
  async #ask({ specification, trigger, reader }: Asked, ended: (error?: TokenRequestError) => void): Promise<Obtained> {
    try {
      const obtained = await this.#exchange.request(specification, reader, () => this.#isOwnTask(trigger));
      ended();
      return obtained;
    } catch (thrown) {
      const error = asRequestError(thrown);
      // A request that was abandoned shows nothing about the server. But clients may wait for its end.
      ended(this.#dependencies.abandon.aborted ? ABANDONED : error);
      throw error;
    }
  }

  /** Another token tries the server for all, or did so just now without success. */
  #postpone(pause: Ms): RequestResult {
    const error = this.#backoff.postpone(pause);
    return error === undefined ? STOPPING : { kind: 'failed', error };
  }

  /** Another credential may be accepted where the last one was not, and may give another token than the last one. */
  #endPause(): void {
    const { error } = this.#backoff;
    if (error?.failure !== 'configuration' && error?.code !== 'same_token') return;
    this.#dependencies.gate.retry(this.#dependencies.held.specification);
    this.#backoff.reset();
  }

  #fail(error: TokenRequestError, trigger: Trigger, took: Ms): RequestResult {
    if (error instanceof CredentialWithheld) this.#backoff.withhold(error);
    else this.#backoff.fail(error, { trigger, took, trace: this.#trace });
    return { kind: 'failed', error };
  }
}
