import { backoff } from '../core/backoff.ts';
import { formatDuration } from '../core/duration.ts';
import { ReissueError } from '../core/errors.ts';
import type { Ms, Sha256 } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { HeldToken } from './held-token.ts';
import { type ClientToken, TokenNotYetAvailable } from './token-source.ts';

export interface ReplacementParts {
  readonly name: string;
  readonly held: HeldToken;
  readonly clock: Clock;
  readonly random: Random;
  /** Offers what the volume has now to `held`. */
  readonly look: () => void;
  /** Asks the token-acquirer; `undefined` where it stored a token and gave none. Throws ReissueError. */
  readonly reissue: ((rejected: Sha256) => Promise<ClientToken | undefined>) | undefined;
  /** How long to go on re-reading where nothing else is left. */
  readonly rereadFor: Ms;
}

/** Finds a token in place of a rejected one: held already, then re-read, then reissued. Calls for one hash are one. */
export class Replacement {
  readonly #parts: ReplacementParts;
  #pending: { readonly rejected: Sha256; readonly token: Promise<ClientToken> } | undefined;
  #patience: { readonly rejected: Sha256; readonly until: Ms } | undefined;

  constructor(parts: ReplacementParts) {
    this.#parts = parts;
  }

  replace(rejected: Sha256): Promise<ClientToken> {
    const found = this.#parts.held.liveOtherThan(rejected);
    if (found !== undefined) return Promise.resolve(found);
    if (this.#pending?.rejected === rejected) return this.#pending.token;
    const token = this.#run(rejected).finally(() => {
      if (this.#pending?.token === token) this.#pending = undefined;
    });
    this.#pending = { rejected, token };
    return token;
  }

  /** Whatever brings another token first: the volume is watched even while the token-acquirer is asked. */
  async #run(rejected: Sha256): Promise<ClientToken> {
    if (this.#parts.held.closed) return this.#parts.held.next(rejected);
    const stop = new AbortController();
    try {
      return await Promise.race([this.#parts.held.next(rejected, stop.signal), this.#seek(rejected, stop.signal)]);
    } finally {
      stop.abort();
    }
  }

  /** Rejects once there is no more to hope for; a token that it finds reaches `held`. */
  async #seek(rejected: Sha256, signal: AbortSignal): Promise<ClientToken> {
    const { held, look, reissue, rereadFor, clock } = this.#parts;
    look();
    const until = this.#patienceFor(rejected);
    if (held.liveOtherThan(rejected) === undefined && reissue !== undefined) await this.#ask(rejected, until, signal);
    if (held.liveOtherThan(rejected) === undefined) {
      // An answer without a token is worth a wait of its own: the volume is to have it.
      const left = reissue === undefined ? until - clock.monotonic() : rereadFor;
      if (left > 0) await clock.wait(left, signal);
      look();
    }
    const found = held.liveOtherThan(rejected);
    if (found === undefined) throw this.#absence();
    return found;
  }

  /** Asks until it is answered. An unreachable token-acquirer is asked again for as long as re-reading goes on. */
  async #ask(rejected: Sha256, until: Ms, signal: AbortSignal): Promise<void> {
    const { held, clock, random, look } = this.#parts;
    for (let failures = 1; ; failures += 1) {
      const failure = await this.#askOnce(rejected);
      if (failure === undefined) return;
      const left = until - clock.monotonic();
      if (failure.status !== undefined || left <= 0) throw failure;
      const pause = backoff(
        { failure: 'transient', failures, lifetime: Number.POSITIVE_INFINITY, remaining: 0 },
        random.fraction(),
      );
      await clock.wait(Math.min(left, pause), signal);
      look();
      if (signal.aborted || held.liveOtherThan(rejected) !== undefined) return;
    }
  }

  async #askOnce(rejected: Sha256): Promise<ReissueError | undefined> {
    try {
      const token = await this.#parts.reissue?.(rejected);
      if (token?.sha256 === rejected) {
        return new ReissueError('The token-acquirer gave the rejected token again.', { status: 200 });
      }
      if (token !== undefined) this.#parts.held.acceptInstead(rejected, token);
      return undefined;
    } catch (error) {
      if (error instanceof ReissueError) return error;
      throw error;
    }
  }

  /** One patience for each rejected token: when it is used up, further calls fail at once instead of waiting again. */
  #patienceFor(rejected: Sha256): Ms {
    if (this.#patience?.rejected !== rejected) {
      this.#patience = { rejected, until: this.#parts.clock.monotonic() + this.#parts.rereadFor };
    }
    return this.#patience.until;
  }

  #absence(): TokenNotYetAvailable {
    const { name, rereadFor } = this.#parts;
    return new TokenNotYetAvailable(
      `No token ${name} came within ${formatDuration(rereadFor)} in place of the one that was rejected or has expired.`,
    );
  }
}
