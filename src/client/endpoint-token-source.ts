import { backoff } from '../core/backoff.ts';
import { type Instant, instantOf, isPast, later } from '../core/instant.ts';
import { DEFAULT_RENEWAL, renewalTime } from '../core/renewal.ts';
import type { EpochMs, Ms, Sha256 } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Reissuer } from '../ports/reissuer.ts';
import { answeredToken } from './answered-token.ts';
import { ClockDoubt } from './clock-doubt.ts';
import { type Complaint, LatestToken } from './latest-token.ts';
import { Readiness } from './readiness.ts';
import { ReissueGate } from './reissue-gate.ts';
import { Replacement } from './replacement.ts';
import {
  type ClientToken,
  type ReplaceOptions,
  TokenNotYetAvailable,
  type TokenSource,
  type WaitOptions,
} from './token-source.ts';

/** A timer may sleep through a suspension of the machine, so the wall clock is looked at this often. */
const LONGEST_SLEEP: Ms = 30_000;
/** How much of the time between renewal and expiry the clients' calls are spread over. */
const SPREAD = 0.1;

/** An answer, as far as the next call depends on it. */
interface Dated {
  readonly generation: number;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly expiresIn?: Ms | undefined;
}

export interface EndpointTokenSourceParts {
  readonly name: string;
  readonly reissuer: Reissuer;
  readonly clock: Clock;
  readonly random: Random;
  readonly rereadFor: Ms;
  readonly onFault: (fault: Error) => void;
}

/** Opens a source of tokens that are only kept in memory, for `delivery: endpoint`. Gets the first token immediately, and renews it. */
export function openEndpointTokenSource(parts: EndpointTokenSourceParts): TokenSource {
  const source = new EndpointTokenSource(parts);
  source.open();
  return source;
}

class EndpointTokenSource implements TokenSource {
  readonly #parts: EndpointTokenSourceParts;
  readonly #held: LatestToken;
  readonly #doubt: ClockDoubt;
  readonly #getting: ReissueGate;
  readonly #reissuing: ReissueGate;
  readonly #replacement: Replacement;
  readonly #readiness: Readiness;
  readonly #closing = new AbortController();
  #renewal: Instant = { wall: 0, monotonic: 0 };
  /** Between renewal and expiry. */
  #slack: Ms = 0;
  #pending: Promise<void> | undefined;

  constructor(parts: EndpointTokenSourceParts) {
    const { name, clock, random, rereadFor } = parts;
    this.#parts = parts;
    this.#held = new LatestToken(name, clock);
    this.#doubt = new ClockDoubt((doubt) => parts.onFault(doubt));
    this.#getting = new ReissueGate(clock);
    this.#reissuing = new ReissueGate(clock);
    this.#replacement = new Replacement({
      name,
      held: this.#held,
      clock,
      random,
      doubt: this.#doubt,
      rereadFor,
      look: () => {},
      reissue: (complaint) => this.#reissue(complaint),
    });
    this.#readiness = new Readiness({ held: this.#held, clock, random, attempt: () => this.#get() });
  }

  open(): void {
    void this.#keep();
  }

  current(): ClientToken {
    const token = this.#held.live();
    if (token !== undefined) return token;
    const { name } = this.#parts;
    const why = this.#held.closed ? 'its source is closed' : 'await ready()';
    throw new TokenNotYetAvailable(
      `The token-acquirer has given no valid token ${name} yet: ${why}.${this.#doubt.hint}`,
    );
  }

  ready(options?: WaitOptions): Promise<ClientToken> {
    return this.#readiness.ready(options);
  }

  replace(rejected: Sha256, options?: ReplaceOptions): Promise<ClientToken> {
    return this.#replacement.replace(rejected, options);
  }

  accepted(sha256: Sha256): void {
    this.#held.accepted(sha256);
  }

  replayRejected(sha256: Sha256): void {
    this.#held.replayRejected(sha256);
  }

  close(): void {
    this.#closing.abort();
    this.#held.close();
  }

  async #keep(): Promise<void> {
    const { clock, random } = this.#parts;
    for (let failures = 0; !this.#held.closed; ) {
      await this.#get();
      failures = this.#isFresh() ? 0 : failures + 1;
      if (failures === 0) await this.#sleepUntilRenewal(random.fraction());
      else await clock.wait(this.#pauseAfter(failures), this.#closing.signal);
    }
  }

  #isFresh(): boolean {
    return this.#held.live() !== undefined && !isPast(this.#renewal, instantOf(this.#parts.clock));
  }

  /** The renewal may move in the meantime: a reissue brings its own token. */
  async #sleepUntilRenewal(fraction: number): Promise<void> {
    const { clock } = this.#parts;
    const left = (): Ms => {
      const { wall, monotonic } = this.#renewal;
      const until = Math.min(wall - clock.now(), monotonic - clock.monotonic());
      return until + fraction * SPREAD * this.#slack;
    };
    while (!this.#held.closed && left() > 0) {
      await clock.wait(Math.min(left(), LONGEST_SLEEP), this.#closing.signal);
    }
  }

  #pauseAfter(failures: number): Ms {
    const { clock, random } = this.#parts;
    const last = this.#held.last;
    const lifetime = last === undefined ? Number.POSITIVE_INFINITY : last.expiresAt - last.issuedAt;
    const remaining = (last?.expiresAt ?? 0) - clock.now();
    return backoff({ failure: 'transient', failures, lifetime, remaining }, random.fraction());
  }

  /** Gets the current token. Concurrent requests share one call. */
  #get(): Promise<void> {
    this.#pending ??= this.#getOnce().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #getOnce(): Promise<void> {
    const { reissuer, name, clock } = this.#parts;
    const asked = instantOf(clock);
    try {
      const token = await this.#getting.pass(() => this.#told(() => reissuer.current(name)));
      this.#confirm(token, asked);
      this.#held.offer(token);
      if (this.#held.last?.sha256 === token.sha256) this.#schedule(token, token.renewAt, asked);
    } catch {
      // Already reported. Waiting callers continue to wait.
    }
  }

  async #reissue({ hash, cause }: Complaint): Promise<ClientToken | undefined> {
    const { reissuer, name, random, clock } = this.#parts;
    const asked = instantOf(clock);
    const answer = await this.#reissuing.pass(() => this.#told(() => reissuer.reissue(name, hash, { cause })));
    this.#confirm(answer, asked);
    const token = answeredToken(answer, this.#held.last?.scope ?? '');
    if (token === undefined) await this.#get();
    else {
      const renewAt = renewalTime(token.issuedAt, token.expiresAt, DEFAULT_RENEWAL, random.fraction());
      this.#schedule(answer, renewAt, asked);
    }
    return token;
  }

  #confirm(answer: Dated, asked: Instant): void {
    this.#doubt.compare(answer, asked.wall);
    if (answer.expiresIn !== undefined) this.#held.confirm(answer.generation, later(asked, answer.expiresIn));
  }

  /** `renewAt` is of the token-acquirer's clock, so it counts from the expiry where the answer says when that is. */
  #schedule({ expiresAt, expiresIn }: Dated, renewAt: EpochMs, asked: Instant): void {
    this.#slack = expiresAt - renewAt;
    this.#renewal =
      expiresIn === undefined
        ? { wall: renewAt, monotonic: Number.POSITIVE_INFINITY }
        : later(asked, expiresIn - this.#slack);
  }

  async #told<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof Error) this.#parts.onFault(error);
      throw error;
    }
  }
}
