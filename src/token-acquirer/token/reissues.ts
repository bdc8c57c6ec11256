import type { TokenRequestError } from '../../core/errors.ts';
import {
  afterReissue,
  afterTest,
  type Cooldown,
  decideReissue,
  NO_COOLDOWN,
  type ReissueCause,
  type ReissueDecision,
} from '../../core/reissue.ts';
import type { Ms, Sha256, Token } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ReissueOutcome } from '../../ports/reissuer.ts';
import type { TokenCycle } from './token-cycle.ts';
import type { Admission, RequestResult } from './token-requests.ts';

/** A client whose clock calls the token expired gets it only where it can still send it. */
const WORTH_SENDING: Ms = 1000;

/** Why a client calls. */
export interface Asking {
  readonly cause?: ReissueCause | undefined;
  /** Only to try the chain: the call is no sign that the client app runs, and no token was rejected. */
  readonly test?: boolean;
  /** False for a call that is no sign that the client app runs. Left out: it is one. */
  readonly isClient?: boolean;
}

/** The answer to a client that reported a rejected token. */
export type Reissue =
  | { readonly result: ReissueOutcome; readonly token: Token; readonly stored: boolean }
  | { readonly result: 'paused' | 'rate_limited' | 'stopping'; readonly retryAfter: Ms }
  | { readonly result: 'failed'; readonly error: TokenRequestError | undefined; readonly retryAfter: Ms };

/** Reissues of one token: one token request however many clients report it, and none for a token that is not current. */
export class Reissues {
  readonly #cycle: TokenCycle;
  readonly #clock: Clock;
  #cooldown: Cooldown = NO_COOLDOWN;

  constructor(cycle: TokenCycle, clock: Clock) {
    this.#cycle = cycle;
    this.#clock = clock;
  }

  /** Answers once a valid token other than the rejected one is held, or once it is clear that none is to be had. */
  async reissue(rejected: Sha256, admission: Admission, asking: Asking = {}): Promise<Reissue> {
    await this.#cycle.adopted;
    if (asking.test !== true && asking.isClient !== false) this.#cycle.called();
    for (;;) {
      const decision = this.#decide(rejected, asking);
      if (decision.kind === 'newer') return this.#answer('newer');
      if (decision.kind === 'pause') return { result: 'paused', retryAfter: decision.pause };
      const { inFlight } = this.#cycle.requests;
      if (inFlight === undefined) return this.#start(admission, asking);
      this.#cycle.requests.hurry();
      const joined = await inFlight;
      if (joined.kind === 'issued') return this.#answer('coalesced');
      if (joined.kind === 'failed') return this.#failed();
      // The call that began it was not allowed to; this one has its own limit.
    }
  }

  #decide(rejected: Sha256, { cause, test = false }: Asking): ReissueDecision {
    const { held } = this.#cycle;
    const decision = decideReissue({
      rejected,
      cause,
      test,
      token: held.token,
      live: cause === 'expired' ? held.remaining() >= WORTH_SENDING : held.isLive(),
      now: this.#clock.monotonic(),
      cooldown: this.#cooldown,
    });
    if (decision.kind !== 'newer') this.#cooldown = decision.cooldown;
    return decision;
  }

  async #start(admission: Admission, { test = false }: Asking): Promise<Reissue> {
    // A server that just failed, or that rejects this credential, gets no request: its pause holds for reissues, too.
    if (this.#pause() > 0) return this.#failed();
    const result: RequestResult = await this.#cycle.requests.acquire('reissue', 'TokenRejected', admission);
    if (result.kind === 'denied') return { result: result.because, retryAfter: result.retryAfter };
    if (result.kind === 'failed') return this.#failed();
    const { held } = this.#cycle;
    // The cycle writes it as soon as the store is back, and revokes the one before. While suspended it removes the token
    // when that expires.
    if (!held.stored || held.specification.revokePrevious || test) this.#cycle.wake();
    const answer = this.#answer('reissued');
    const after = test ? afterTest : afterReissue;
    if ('token' in answer) this.#cooldown = after(this.#cooldown, answer.token.sha256, this.#clock.monotonic());
    return answer;
  }

  #pause(): Ms {
    return Math.max(0, this.#cycle.requests.backingOff.notBefore - this.#clock.monotonic());
  }

  #failed(): Reissue {
    return { result: 'failed', error: this.#cycle.requests.backingOff.error, retryAfter: this.#pause() };
  }

  #answer(result: ReissueOutcome): Reissue {
    const { token, stored } = this.#cycle.held;
    return token === undefined ? this.#failed() : { result, token, stored };
  }
}
