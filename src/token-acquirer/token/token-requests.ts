import { backoff, SHORTEST_PAUSE } from '../../core/backoff.ts';
import { errorKind } from '../../core/error-kind.ts';
import { StoreError, TokenRequestError, UsageError } from '../../core/errors.ts';
import { factsOf, type Trigger } from '../../core/events.ts';
import { type Instant, until } from '../../core/instant.ts';
import { keepBack, notBeforeOf } from '../../core/not-before.ts';
import { type RequestReason, reasonOf } from '../../core/reasons.ts';
import { LOOK_AGAIN } from '../../core/reconcile.ts';
import { lifetimeOf } from '../../core/renewal.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import { CredentialWithheld } from './credential-gate.ts';
import { Embargo } from './embargo.ts';
import type { HeldToken } from './held-token.ts';
import type { Outages } from './outages.ts';
import { ServerAccess } from './server-access.ts';
import type { ServerClocks } from './server-clocks.ts';
import type { TokenSpecification } from './specification.ts';
import { TokenExchange, type TokenExchangeDependencies } from './token-exchange.ts';
import type { TokenStatus } from './token-status.ts';

/** After the same token came again, the next try is when this much of its life is over. */
const NEAR_EXPIRY = 0.9;

export interface TokenRequestsDependencies extends TokenExchangeDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly held: HeldToken;
  readonly status: TokenStatus;
  readonly clocks: ServerClocks;
  readonly outages: Outages;
}

/** How long a client that waits for a new token waits for its `nbf`: less than its own patience of 10 s. */
const CLIENTS_WAIT: Ms = 5000;

/** How a token request ended. `refused`: whoever wanted it was not allowed to start one. */
export type RequestResult =
  | { readonly kind: 'issued' }
  | { readonly kind: 'failed'; readonly error: TokenRequestError }
  | { readonly kind: 'refused'; readonly because: 'rate_limited' | 'stopping'; readonly retryAfter: Ms };

const STOPPING: RequestResult = { kind: 'refused', because: 'stopping', retryAfter: SHORTEST_PAUSE };

const GIVEN_UP = new TokenRequestError('server_error', 'The token-acquirer is stopping.', { progress: 'unknown' });

/** Which requests may begin: all; none but those that a client waits for; none. */
type Allowed = 'all' | 'reissues' | 'none';

/** Asked before a token request starts; a time to wait where it must not. */
export type Admission = () => Promise<{ readonly retryAfter: Ms } | undefined>;

/** Token requests for one token: never two at once, never closer than 1 s, with backoff after failures. */
export class TokenRequests {
  readonly #dependencies: TokenRequestsDependencies;
  readonly #embargo: Embargo;
  readonly #access: ServerAccess;
  readonly #exchange: TokenExchange;
  #inFlight: Promise<RequestResult> | undefined;
  #lastSent = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #allowed: Allowed = 'all';
  #notBefore = Number.NEGATIVE_INFINITY;
  #lastError: TokenRequestError | undefined;

  constructor(dependencies: TokenRequestsDependencies) {
    this.#dependencies = dependencies;
    this.#embargo = new Embargo(dependencies.clock);
    this.#access = new ServerAccess(dependencies.outages, dependencies.held);
    this.#exchange = new TokenExchange(dependencies);
  }

  /** No further request before this moment of the monotonic clock, and the failure that is why. */
  get backingOff(): { readonly notBefore: Ms; readonly error: TokenRequestError | undefined } {
    return { notBefore: this.#notBefore, error: this.#lastError };
  }

  /** No renewal before this moment: Infinity while another token tries the server for all. */
  get renewalNotBefore(): Ms {
    return this.#access.mayAsk() ? this.#notBefore : Infinity;
  }

  get inFlight(): Promise<RequestResult> | undefined {
    return this.#inFlight;
  }

  /** Ends the backoff of a failure that a person may just have mended: the credential or the configuration changed. */
  mended(): void {
    this.#embargo.shorten(0);
    if (this.#lastError?.failure !== 'configuration') return;
    this.#dependencies.gate.retry(this.#dependencies.held.specification);
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#failures = 0;
  }

  /** What the last error was due to is gone, and no request is due that would show it: the token is suspended. */
  forgetError(): void {
    this.#lastError = undefined;
    this.#dependencies.status.recovered();
    this.#dependencies.status.unset('Renewed');
  }

  /** The same for what a person has to correct. */
  forgetRejection(): void {
    if (this.#lastError?.failure === 'configuration') this.forgetError();
  }

  /** From now on only these requests begin; one that was sent goes on. */
  allowOnly(allowed: Exclude<Allowed, 'all'>): void {
    this.#allowed = allowed;
    // It is not to be lost by the stop.
    this.#embargo.shorten(0);
  }

  /** The token is due and may not ask. Returns when to look again; `look` is called where that changes. */
  waitForServer(look: () => void): Ms {
    if (this.#access.mayAsk()) return LOOK_AGAIN;
    const ownPause = this.#notBefore - this.#dependencies.clock.monotonic();
    if (ownPause > this.#access.pause) return ownPause;
    this.#tellUnavailable();
    const back = (): void => {
      this.#notBefore = Number.NEGATIVE_INFINITY;
      look();
    };
    return this.#access.wait({ look, back });
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
  acquire(trigger: Trigger, reason: RequestReason, admission?: Admission): Promise<RequestResult> {
    if (this.#inFlight === undefined) {
      this.#embargo.expect();
      this.#inFlight = this.#run(trigger, reason, admission).finally(() => {
        this.#inFlight = undefined;
      });
    }
    return this.#inFlight;
  }

  async #run(trigger: Trigger, reason: RequestReason, admission?: Admission): Promise<RequestResult> {
    const { clock, slots, held, abandon } = this.#dependencies;
    if (!this.#allows(trigger)) return STOPPING;
    const pause = trigger === 'reissue' ? await this.#access.join() : 0;
    if (pause > 0) return this.#heldOff(pause);
    const refused = await admission?.();
    if (refused !== undefined) return { kind: 'refused', because: 'rate_limited', retryAfter: refused.retryAfter };
    const gap = this.#lastSent + SHORTEST_PAUSE - clock.monotonic();
    if (gap > 0) await clock.wait(gap, abandon);
    // A rejected token is of no more use than none.
    const urgency = trigger === 'reissue' ? 0 : (held.token?.expiresAt ?? 0);
    const { authorizationServer, rotates } = held.specification;
    const release = await slots.take(authorizationServer, { urgency, rotates });
    const started = clock.monotonic();
    try {
      if (!this.#allows(trigger)) return STOPPING;
      this.#lastSent = started;
      return await this.#attempt(trigger, reason, release);
    } catch (error) {
      if (abandon.aborted) return STOPPING;
      if (error instanceof CredentialWithheld) return this.#withheld(error);
      return this.#failed(asRequestError(error), trigger, clock.monotonic() - started);
    } finally {
      release();
    }
  }

  #allows(trigger: Trigger): boolean {
    if (this.#allowed === 'none' || this.#dependencies.abandon.aborted) return false;
    return this.#allowed === 'all' || trigger === 'reissue';
  }

  /** `answered` is called when no request is under way any more, whatever the store then takes. */
  async #attempt(trigger: Trigger, reason: RequestReason, answered: () => void): Promise<RequestResult> {
    const { clock, held, status } = this.#dependencies;
    const { specification } = held;
    const ended = this.#access.begin();
    if (ended === undefined) return this.#heldOff(this.#access.pause);
    const sentAt = held.instant();
    const response = await this.#ask(specification, ended);
    if (held.isSame(response)) {
      throw new TokenRequestError('same_token', 'The authorization server gave the token that is held already.', {
        progress: 'answered',
      });
    }
    answered();
    const took = clock.monotonic() - sentAt.monotonic;
    const wait = this.#keepBack(response, specification, sentAt);
    await this.#embargo.keep(trigger === 'reissue' ? Math.min(wait, CLIENTS_WAIT) : wait);
    const token = held.hold(response, { specification, sentAt });
    await held.store();
    this.#failures = 0;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#lastError = undefined;
    status.recovered();
    status.set('Renewed', true, 'Issued', 'The last token request gave a token.');
    status.emit({
      kind: 'token-issued',
      token: factsOf(token),
      server: specification.authorizationServer,
      trigger,
      reason,
      took,
    });
    return { kind: 'issued' };
  }

  /** How long the token is kept back, because the gateway would not take it yet. */
  #keepBack(response: TokenResponse, specification: TokenSpecification, sentAt: Instant): Ms {
    const { held, clocks, status } = this.#dependencies;
    const { lifetime } = lifetimeOf(response.expiresIn, specification.defaultLifetime);
    const answeredAt = held.instant();
    const server = specification.authorizationServer;
    const skew = clocks.compare({ server, response, sentAt, answeredAt, lifetime }, status);
    const notBefore = notBeforeOf(response.accessToken.reveal());
    // A token that the configuration no longer asks for is not what clients should go on with.
    const remaining = held.superseded ? 0 : held.remaining();
    return keepBack({ notBefore, now: answeredAt.wall, skew, lifetime, remaining });
  }

  /** The same, and notes whether the server was reached. */
  async #ask(specification: TokenSpecification, ended: (error?: TokenRequestError) => void): Promise<TokenResponse> {
    try {
      const response = await this.#exchange.request(specification);
      ended();
      return response;
    } catch (thrown) {
      const error = asRequestError(thrown);
      // One that was given up says nothing of the server. But clients may wait for its end.
      ended(this.#dependencies.abandon.aborted ? GIVEN_UP : error);
      throw error;
    }
  }

  /** Another token tries the server for all, or did so just now, without success. */
  #heldOff(pause: Ms): RequestResult {
    const error = this.#tellUnavailable();
    if (error === undefined) return STOPPING;
    this.#notBefore = Math.max(this.#notBefore, this.#dependencies.clock.monotonic() + pause);
    return { kind: 'failed', error };
  }

  /** What keeps the server from being asked is also why this token is not renewed. */
  #tellUnavailable(): TokenRequestError | undefined {
    const { status } = this.#dependencies;
    const { error } = this.#access;
    if (error === undefined || this.#lastError?.code === error.code) return error;
    this.#lastError = error;
    status.failed(error.code, error.message);
    status.set('Renewed', false, reasonOf(error.code), error.message);
    return error;
  }

  /** Nothing was sent, so nothing is counted: the status says why there is no token. */
  #withheld(error: CredentialWithheld): RequestResult {
    const { clock, status } = this.#dependencies;
    this.#lastError = error;
    this.#notBefore = clock.monotonic() + error.pause;
    status.failed(error.code, error.message);
    status.set('Renewed', false, reasonOf(error.code), error.message);
    return { kind: 'failed', error };
  }

  #failed(error: TokenRequestError, trigger: Trigger, took: Ms): RequestResult {
    const { clock, status, held } = this.#dependencies;
    this.#failures += 1;
    this.#lastError = error;
    const retryIn = this.#pauseAfter(error);
    this.#notBefore = clock.monotonic() + retryIn;
    status.failed(error.code, error.message);
    status.set('Renewed', false, reasonOf(error.code), error.message);
    const server = held.specification.authorizationServer;
    const { code, message } = error;
    status.emit({ kind: 'token-request-failed', code, message, server, trigger, retryIn, took });
    return { kind: 'failed', error };
  }

  #pauseAfter(error: TokenRequestError): Ms {
    const { random, held } = this.#dependencies;
    const { deadlines } = held;
    const remaining = deadlines === undefined ? 0 : until(deadlines.expiry, held.instant());
    if (error.code === 'same_token' && remaining > 0) return Math.max(SHORTEST_PAUSE, NEAR_EXPIRY * remaining);
    if (this.#access.isShared(error)) return Math.max(SHORTEST_PAUSE, this.#access.pause);
    const { lifetime } = this.#access;
    const { failure, retryAfter } = error;
    return backoff({ failure, failures: this.#failures, lifetime, remaining, retryAfter }, random.fraction());
  }
}

/** Makes a TokenRequestError of whatever a token request throws. */
export function asRequestError(error: unknown): TokenRequestError {
  if (error instanceof TokenRequestError) return error;
  if (error instanceof StoreError)
    return new TokenRequestError('credential_unavailable', error.message, { progress: 'not-sent' });
  if (error instanceof UsageError)
    return new TokenRequestError('credential_unreadable', error.message, { progress: 'not-sent' });
  // A fault of our own. Its message may quote anything, so only its kind is told.
  return new TokenRequestError(
    'server_error',
    `The token request failed inside the token-acquirer (${errorKind(error)}).`,
    {
      progress: 'unknown',
    },
  );
}
