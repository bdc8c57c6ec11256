import { backoff, SHORTEST_PAUSE } from '../../core/backoff.ts';
import type { TokenRequestError } from '../../core/errors.ts';
import type { TokenEvent } from '../../core/events.ts';
import { until } from '../../core/instant.ts';
import { reasonOf } from '../../core/reasons.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { CredentialWithheld } from './credential-gate.ts';
import type { HeldToken } from './held-token.ts';
import type { ServerAccess } from './server-access.ts';
import type { TokenStatus } from './token-status.ts';

/** After the same token came again, the next request begins when this part of its remaining lifetime is over. */
const NEAR_EXPIRY = 0.9;

export interface RequestBackoffDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly held: HeldToken;
  readonly status: TokenStatus;
}

type FailedRequest = Pick<TokenEvent & { readonly kind: 'token-request-failed' }, 'trigger' | 'trace' | 'took'>;

/** When the next token request of one token may begin, and the error that delays it, which the status shows. */
export class RequestBackoff {
  readonly #dependencies: RequestBackoffDependencies;
  readonly #access: ServerAccess;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  #lastError: TokenRequestError | undefined;

  constructor(access: ServerAccess, dependencies: RequestBackoffDependencies) {
    this.#access = access;
    this.#dependencies = dependencies;
  }

  /** A moment of the monotonic clock. */
  get notBefore(): Ms {
    return this.#notBefore;
  }

  /** The error of the last request, or the reason for which none began. */
  get error(): TokenRequestError | undefined {
    return this.#lastError;
  }

  /** A request gave a token. */
  succeed(): void {
    const { status } = this.#dependencies;
    this.reset();
    this.#lastError = undefined;
    status.recovered();
    status.set('Renewed', true, 'Issued', 'The last token request gave a token.');
  }

  /** A request failed. */
  fail(error: TokenRequestError, request: FailedRequest): void {
    const { clock, status, held } = this.#dependencies;
    this.#failures += 1;
    const retryIn = this.#pauseAfter(error);
    this.#notBefore = clock.monotonic() + retryIn;
    this.#show(error);
    const server = held.specification.authorizationServer;
    const { code, message } = error;
    status.emit({ kind: 'token-request-failed', code, message, server, retryIn, ...request });
  }

  /** The gate kept the credential back. Nothing was sent, so nothing is counted. */
  withhold(error: CredentialWithheld): void {
    this.#notBefore = this.#dependencies.clock.monotonic() + error.pause;
    this.#show(error);
  }

  /** Another token tries the server for all. Returns why; `undefined` where the server is available again. */
  postpone(pause: Ms): TokenRequestError | undefined {
    const error = this.#showUnavailable();
    if (error !== undefined) this.#notBefore = Math.max(this.#notBefore, this.#dependencies.clock.monotonic() + pause);
    return error;
  }

  /** Ends the pause, and begins counting again. */
  reset(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#failures = 0;
  }

  /** Forgets an error whose cause is gone while no request is due that would show it: the token is suspended. */
  forgetError(): void {
    this.#lastError = undefined;
    this.#dependencies.status.recovered();
    this.#dependencies.status.unset('Renewed');
  }

  /** The token is due and may not request. Returns when to look again; `look` is called where that changes. */
  waitForServer(look: () => void): Ms {
    const ownPause = this.#notBefore - this.#dependencies.clock.monotonic();
    // The server may have come back, or the next try for all may have fallen due, since it was decided to wait.
    if (this.#access.mayAsk()) return Math.max(0, ownPause);
    if (ownPause > this.#access.pause) return ownPause;
    this.#showUnavailable();
    const back = (): void => {
      this.#notBefore = Number.NEGATIVE_INFINITY;
      look();
    };
    return this.#access.wait({ look, back });
  }

  /** The error that makes the server unavailable is also the reason why this token is not renewed. */
  #showUnavailable(): TokenRequestError | undefined {
    const { error } = this.#access;
    if (error !== undefined && this.#lastError?.code !== error.code) this.#show(error);
    return error;
  }

  #show(error: TokenRequestError): void {
    const { status } = this.#dependencies;
    this.#lastError = error;
    status.failed(error.code, error.message);
    status.set('Renewed', false, reasonOf(error.code), error.message);
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
