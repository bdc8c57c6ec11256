import { backoff } from '../core/backoff.ts';
import { formatDuration } from '../core/duration.ts';
import { ReissueError } from '../core/errors.ts';
import type { Ms, Sha256 } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { ClockDoubt } from './clock-doubt.ts';
import type { Complaint, LatestToken } from './latest-token.ts';
import { SHORTEST_PAUSE } from './reissue-gate.ts';
import { type ClientToken, type ReplaceOptions, TokenNotYetAvailable } from './token-source.ts';

/** The longest `Retry-After` that a call waits for. */
const LONGEST_WAIT: Ms = 2000;
/** A timer may fire a little early. */
const MARGIN: Ms = 10;

export interface ReplacementParts {
  readonly name: string;
  readonly held: LatestToken;
  readonly clock: Clock;
  readonly random: Random;
  readonly doubt: ClockDoubt;
  /** Offers what the volume has now to `held`. */
  readonly look: () => void;
  /** Asks the token-acquirer; `undefined` where it stored a token and gave none. Throws ReissueError. */
  readonly reissue: ((complaint: Complaint) => Promise<ClientToken | undefined>) | undefined;
  /** How long to go on re-reading where nothing else is left. */
  readonly rereadFor: Ms;
}

/** Finds a token in place of a rejected one: held already, then re-read, then reissued. Calls for one hash are one. */
export class Replacement {
  readonly #parts: ReplacementParts;
  #pending: { readonly complaint: Complaint; readonly token: Promise<ClientToken> } | undefined;
  /** The rejected token for which a `Retry-After` was waited for: once is enough. */
  #waited: Sha256 | undefined;
  #patience: { readonly rejected: Sha256; readonly until: Ms } | undefined;

  constructor(parts: ReplacementParts) {
    this.#parts = parts;
  }

  replace(rejected: Sha256, { standIn = false }: ReplaceOptions = {}): Promise<ClientToken> {
    const { held } = this.#parts;
    const found = held.reject(rejected, standIn);
    return found === undefined ? this.#once(held.complaintOf(rejected)) : Promise.resolve(found);
  }

  /** A token in place of the one that has expired by this machine's clock, which may be the same one. */
  renew(expired: Sha256): Promise<ClientToken> {
    const { held } = this.#parts;
    const found = held.live();
    if (found !== undefined) return Promise.resolve(found);
    return this.#once(held.hasRejected(expired) ? held.complaintOf(expired) : { hash: expired, cause: 'expired' });
  }

  #once(complaint: Complaint): Promise<ClientToken> {
    if (this.#pending !== undefined && isSame(this.#pending.complaint, complaint)) return this.#pending.token;
    const token = this.#run(complaint).finally(() => {
      if (this.#pending?.token === token) this.#pending = undefined;
    });
    this.#pending = { complaint, token };
    return token;
  }

  #found({ hash, cause }: Complaint): ClientToken | undefined {
    const { held } = this.#parts;
    return cause === 'expired' ? held.live() : held.liveOtherThan(hash);
  }

  /** Whatever brings another token first: the volume is watched even while the token-acquirer is asked. */
  async #run(complaint: Complaint): Promise<ClientToken> {
    const { held } = this.#parts;
    const rejected = complaint.cause === 'expired' ? undefined : complaint.hash;
    if (held.closed) return held.next(rejected);
    const stop = new AbortController();
    try {
      return await Promise.race([held.next(rejected, stop.signal), this.#seek(complaint, stop.signal)]);
    } finally {
      stop.abort();
    }
  }

  /** Rejects once there is no more to hope for; a token that it finds reaches `held`. */
  async #seek(complaint: Complaint, signal: AbortSignal): Promise<ClientToken> {
    const { look, reissue, rereadFor, clock } = this.#parts;
    look();
    const until = this.#patienceFor(complaint.hash);
    if (this.#found(complaint) === undefined && reissue !== undefined) await this.#ask(complaint, until, signal);
    if (this.#found(complaint) === undefined) {
      // An answer without a token starts another wait, because the volume will have the token.
      const left = reissue === undefined ? until - clock.monotonic() : rereadFor;
      if (left > 0) await clock.wait(left, signal);
      look();
    }
    const found = this.#found(complaint);
    if (found === undefined) throw this.#absence();
    return found;
  }

  /** Asks until it is answered. An unreachable token-acquirer is asked again for as long as re-reading goes on. */
  async #ask(complaint: Complaint, until: Ms, signal: AbortSignal): Promise<void> {
    const { clock, look } = this.#parts;
    for (let failures = 1; ; failures += 1) {
      const failure = await this.#askOnce(complaint);
      if (failure === undefined) return;
      const pause = this.#pauseAfter(failure, complaint, { failures, left: until - clock.monotonic() });
      if (pause === undefined) throw failure;
      await clock.wait(pause, signal);
      look();
      if (signal.aborted || this.#found(complaint) !== undefined) return;
    }
  }

  async #askOnce(complaint: Complaint): Promise<ReissueError | undefined> {
    try {
      const token = await this.#parts.reissue?.(complaint);
      if (token !== undefined) await this.#keep(token, complaint);
      return undefined;
    } catch (error) {
      if (error instanceof ReissueError) return error;
      throw error;
    }
  }

  async #keep(token: ClientToken, { hash, cause }: Complaint): Promise<void> {
    const { held, reissue } = this.#parts;
    if (cause === 'expired' && !held.hasRejected(token.sha256)) return held.offer(token);
    // The token-acquirer holds another one than was asked about, which was rejected, too: it does not know yet.
    const knows = token.sha256 === hash || !held.hasRejected(token.sha256);
    const other = knows ? token : await reissue?.({ hash: token.sha256, cause: 'never_accepted' });
    if (other === undefined) return;
    if (other.sha256 === hash || held.hasRejected(other.sha256)) {
      throw new ReissueError('The token-acquirer gave the rejected token again.', { status: 200 });
    }
    held.acceptInstead(hash, other);
  }

  /** How long to wait before the token-acquirer is asked again; `undefined` where its answer is final. */
  #pauseAfter(
    { status, retryAfter }: ReissueError,
    { hash }: Complaint,
    { failures, left }: { readonly failures: number; readonly left: Ms },
  ): Ms | undefined {
    if (status !== undefined) {
      if (retryAfter === undefined || retryAfter > LONGEST_WAIT || this.#waited === hash) return undefined;
      this.#waited = hash;
      return Math.max(retryAfter, SHORTEST_PAUSE) + MARGIN;
    }
    if (left <= 0) return undefined;
    const { random } = this.#parts;
    const lifetime = Number.POSITIVE_INFINITY;
    return Math.min(left, backoff({ failure: 'transient', failures, lifetime, remaining: 0 }, random.fraction()));
  }

  /** One patience for each rejected token: when it is used up, further calls fail immediately instead of waiting again. */
  #patienceFor(rejected: Sha256): Ms {
    if (this.#patience?.rejected !== rejected) {
      this.#patience = { rejected, until: this.#parts.clock.monotonic() + this.#parts.rereadFor };
    }
    return this.#patience.until;
  }

  #absence(): TokenNotYetAvailable {
    const { name, rereadFor, doubt } = this.#parts;
    const within = formatDuration(rereadFor);
    return new TokenNotYetAvailable(
      `No token ${name} came within ${within} in place of the one that was rejected or has expired.${doubt.hint}`,
    );
  }
}

/** Whether one answer serves both. */
function isSame(one: Complaint, other: Complaint): boolean {
  return one.hash === other.hash && (one.cause === 'expired') === (other.cause === 'expired');
}
