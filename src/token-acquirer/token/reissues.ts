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
import type { TraceContext } from '../../core/trace-context.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ReissueOutcome } from '../../ports/reissuer.ts';
import { type Manner, OWNER, StandIn } from './stand-in.ts';
import type { TokenCycle } from './token-cycle.ts';
import type { Admission, RequestResult } from './token-requests.ts';

/** A client whose clock calls the token expired gets it only where it can still send it. */
const WORTH_SENDING: Ms = 1000;
/** When to ask again for a token that only the leader may request. */
const LEADER_AGAIN: Ms = 5000;

/** Why a client calls. */
export interface Asking {
  readonly cause?: ReissueCause | undefined;
  /** Only to try the chain: the call is no sign that the client app runs, and no token was rejected. */
  readonly test?: boolean;
  /** False for a call that is no sign that the client app runs. Left out: it is one. */
  readonly isClient?: boolean;
  /** Left out: this replica renews the token. */
  readonly manner?: Manner;
  /** Of the call. It becomes that of the token request, if the call starts one. */
  readonly trace?: TraceContext | undefined;
}

/** The answer to a client that reported a rejected token. */
export type Reissue =
  | Given
  | { readonly result: 'paused' | 'rate_limited' | 'stopping' | 'leader_unavailable'; readonly retryAfter: Ms }
  | { readonly result: 'failed'; readonly error: TokenRequestError | undefined; readonly retryAfter: Ms };

interface Given {
  readonly result: ReissueOutcome;
  readonly token: Token;
  readonly stored: boolean;
  /** How long it can still be used. */
  readonly remaining: Ms;
}

/** An answer, and what the client reported. */
export type Answered = Reissue & {
  /** The whole hash where the client gave its first digits, and the token was the current one. */
  readonly rejected: Sha256;
  /** Whether the rejected token was the current one. */
  readonly current: boolean;
};

/** Reissues of one token: one token request however many clients report it, and none for a token that is not current. */
export class Reissues {
  readonly #cycle: TokenCycle;
  readonly #clock: Clock;
  readonly #standIn: StandIn;
  #cooldown: Cooldown = NO_COOLDOWN;

  constructor(cycle: TokenCycle, clock: Clock) {
    this.#cycle = cycle;
    this.#clock = clock;
    this.#standIn = new StandIn(cycle);
  }

  /** Has what is stored in memory while `act` runs, where another replica renews the token. */
  async reading<Result>({ standsIn }: Manner, act: () => Promise<Result>): Promise<Result> {
    if (standsIn) {
      return this.#standIn.during(async () => {
        await this.#standIn.consult();
        return act();
      });
    }
    await this.#cycle.adopted;
    return act();
  }

  /**
   * Answers once a valid token other than the rejected one is held, or once it is clear that none is to be had. `rejected`: the
   * hash, or its first digits.
   */
  reissue(rejected: string, admission: Admission, asking: Asking = {}): Promise<Answered> {
    const { manner = OWNER, test, isClient } = asking;
    return this.reading(manner, async () => {
      if (test !== true && isClient !== false) this.#cycle.called();
      const held = this.#cycle.held.token?.sha256;
      const current = held?.startsWith(rejected) === true;
      const hash = current ? held : rejected;
      return { ...(await this.#replace(hash, admission, asking)), rejected: hash, current };
    });
  }

  async #replace(rejected: Sha256, admission: Admission, asking: Asking): Promise<Reissue> {
    const { manner = OWNER } = asking;
    for (;;) {
      const decision = this.#decide(rejected, asking);
      if (decision.kind === 'newer') return this.#answer('newer');
      if (decision.kind === 'pause') return { result: 'paused', retryAfter: decision.pause };
      if (!manner.mayRequest) return { result: 'leader_unavailable', retryAfter: LEADER_AGAIN };
      const { inFlight } = this.#cycle.requests;
      if (inFlight === undefined) return this.#start(rejected, admission, asking);
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

  async #start(rejected: Sha256, admission: Admission, asking: Asking): Promise<Reissue> {
    const { test = false, manner = OWNER, trace } = asking;
    // A server that just failed, or that rejects this credential, gets no request: its pause holds for reissues, too.
    if (this.#pause() > 0) return this.#failed();
    const result: RequestResult = await this.#cycle.requests.acquire('reissue', 'TokenRejected', { admission, trace });
    if (result.kind === 'denied') return { result: result.because, retryAfter: result.retryAfter };
    if (result.kind === 'failed') return this.#failed();
    const { held } = this.#cycle;
    if (manner.standsIn && !held.stored) {
      // Another replica may have stored a token in the meantime. Then that one counts, and this one is dropped.
      await this.#standIn.consult();
      if (held.stored && held.isLive() && held.token?.sha256 !== rejected) return this.#answer('newer');
    }
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
    return token === undefined ? this.#failed() : { result, token, stored, remaining: this.#cycle.held.remaining() };
  }
}
