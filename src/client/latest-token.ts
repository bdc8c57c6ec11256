import type { Instant } from '../core/instant.ts';
import type { ReissueCause } from '../core/reissue.ts';
import type { Ms, Sha256 } from '../core/token.ts';
import { isSameHeader, type TokenHeader } from '../core/token-header.ts';
import type { Clock } from '../ports/clock.ts';
import { type Holding, isOf, liveToken } from './life.ts';
import { RejectedTokens } from './rejected-tokens.ts';
import { type ClientToken, TokenNotYetAvailable } from './token-source.ts';

type Listener = () => void;

/** How long an earlier token stands in for a new one that a gateway does not take yet, before that is tried again. */
const STAND_IN: Ms = 1000;
/** Earlier tokens that are kept while the newest is not accepted. */
const EARLIER = 4;

/** A token that is to be replaced, and why. */
export interface Complaint {
  readonly hash: Sha256;
  readonly cause: ReissueCause;
}

/** The token in memory, those before it that can stand in for it, and who waits for another. */
export class LatestToken {
  readonly #name: string;
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly #listeners = new Set<Listener>();
  readonly #rejected = new RejectedTokens();
  #held: Holding | undefined;
  /** Oldest first: the older a token is, the more gateways know it. */
  #earlier: readonly Holding[] = [];
  #standInUntil: Ms | undefined;
  /** What the token-acquirer last said of a token's life. */
  #confirmed: { readonly generation: number; readonly expiry: Instant } | undefined;
  /** Of the held token: whether a gateway accepted it, and it was not given up since. */
  #settled = false;
  /** Whether one ever did; whether one rejected it before that; whether a replay with it was rejected. */
  #accepted = false;
  #doubted = false;
  #curedNothing = false;
  #closed = false;

  constructor(name: string, clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#name = name;
    this.#clock = clock;
  }

  /** The last token, expired or not. */
  get last(): ClientToken | undefined {
    return this.#held?.token;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The token that may be sent now: the newest, or for a second one that stands in for it. */
  live(): ClientToken | undefined {
    const standIn = this.#standInUntil === undefined ? undefined : this.#standIn();
    return standIn ?? liveToken(this.#held, this.#clock);
  }

  /** A live token that was not rejected, other than this one. */
  liveOtherThan(rejected: Sha256): ClientToken | undefined {
    const token = this.live();
    return token === undefined || token.sha256 === rejected || this.hasRejected(token.sha256) ? undefined : token;
  }

  /** Whether a gateway rejected the token, and no earlier one stands in for it. */
  hasRejected(hash: Sha256): boolean {
    return this.#rejected.has(hash);
  }

  /** Takes the token if it is better: any live one than a rejected one, a live one than an expired one, else the newer. */
  offer(token: ClientToken): void {
    if (isOf(this.#held, token.sha256)) this.#carryIn(token.header);
    if (this.#rejected.has(token.sha256) || !this.#isBetter(token)) return;
    this.#take(token);
  }

  /**
   * Takes what the token-acquirer gave in place of a rejected token, even where its generation is lower, and keeps the
   * volume from bringing the rejected one back.
   */
  acceptInstead(rejected: Sha256, token: ClientToken): void {
    if (!isOf(this.#held, rejected) && !this.#isBetter(token)) return;
    this.#rejected.add(rejected);
    this.#take(token);
  }

  /** The token-acquirer said when the token of this generation expires: believed whatever the token's own times are. */
  confirm(generation: number, expiry: Instant): void {
    this.#confirmed = { generation, expiry };
    if (this.#held?.token.generation !== generation) return;
    this.#held = { token: this.#held.token, expiry };
    this.#tell();
  }

  /** A gateway accepted the token. Called for each answer, so the usual case is one comparison. */
  accepted(hash: Sha256): void {
    if (this.#settled || !isOf(this.#held, hash)) return;
    this.#settled = true;
    this.#accepted = true;
    this.#doubted = false;
    this.#standInUntil = undefined;
    this.#earlier = [];
    this.#rejected.delete(hash);
  }

  /** A gateway rejected the token: another one to send now, if there is one. `standIn`: it may be an earlier one. */
  reject(rejected: Sha256, standIn: boolean): ClientToken | undefined {
    if (this.#earlier.some((earlier) => isOf(earlier, rejected))) this.#rejectEarlier(rejected);
    const found = this.liveOtherThan(rejected);
    if (found !== undefined || !isOf(this.#held, rejected)) return found;
    this.#doubted = true;
    if (standIn) this.#standInUntil = this.#clock.monotonic() + STAND_IN;
    const earlier = this.#standIn();
    if (earlier === undefined) this.#giveUp();
    return earlier;
  }

  /** A replay with the token was rejected, too: it is no cure, though other calls may have had it accepted. */
  replayRejected(hash: Sha256): void {
    if (isOf(this.#held, hash)) this.#curedNothing = true;
  }

  /** Returns what to report to the token-acquirer: the held token, if that was rejected as well. */
  complaintOf(rejected: Sha256): Complaint {
    const hash =
      this.#held !== undefined && this.hasRejected(this.#held.token.sha256) ? this.#held.token.sha256 : rejected;
    const revoked = isOf(this.#held, hash) && this.#accepted && !this.#curedNothing;
    return { hash, cause: revoked ? 'revoked' : 'never_accepted' };
  }

  /** The first live token other than `rejected`, now or later. Rejects with the signal's reason, or once closed. */
  next(rejected: Sha256 | undefined, signal?: AbortSignal): Promise<ClientToken> {
    return new Promise((resolve, reject) => {
      const look: Listener = () => {
        const found = rejected === undefined ? this.live() : this.liveOtherThan(rejected);
        if (found !== undefined) finish(() => resolve(found));
        else if (this.#closed)
          finish(() => reject(new TokenNotYetAvailable(`The source of token ${this.#name} is closed.`)));
      };
      const abort = (): void => finish(() => reject(signal?.reason as Error));
      const finish = (settle: () => void): void => {
        this.#listeners.delete(look);
        signal?.removeEventListener('abort', abort);
        clearInterval(awake);
        settle();
      };
      // All other timers let the process end; one that awaits a token must not end for lack of anything else to do.
      const awake = setInterval(() => {}, 60_000);
      signal?.addEventListener('abort', abort, { once: true });
      this.#listeners.add(look);
      if (signal?.aborted === true) abort();
      else look();
    });
  }

  close(): void {
    this.#closed = true;
    this.#tell();
  }

  /** The oldest live token before the held one, while its second lasts. */
  #standIn(): ClientToken | undefined {
    if (this.#standInUntil !== undefined && this.#clock.monotonic() < this.#standInUntil) {
      for (const earlier of this.#earlier) {
        const token = liveToken(earlier, this.#clock);
        if (token !== undefined) return token;
      }
    }
    this.#standInUntil = undefined;
    return undefined;
  }

  /** An earlier token can stand in no more; the held one is given up, too, if that was its only hope. */
  #rejectEarlier(rejected: Sha256): void {
    this.#rejected.add(rejected);
    this.#earlier = this.#earlier.filter((earlier) => !isOf(earlier, rejected));
    if (this.#doubted) this.#giveUp();
  }

  #giveUp(): void {
    if (this.#held !== undefined) this.#rejected.add(this.#held.token.sha256);
    this.#settled = false;
    this.#earlier = [];
    this.#standInUntil = undefined;
  }

  #isBetter(token: ClientToken): boolean {
    const held = this.#held?.token;
    if (held === undefined) return true;
    if (held.sha256 === token.sha256) return false;
    const live = liveToken(this.#holdingOf(token), this.#clock) !== undefined;
    if (live && this.#rejected.has(held.sha256)) return true;
    if (live !== (liveToken(this.#held, this.#clock) !== undefined)) return live;
    // A clock that was set back makes a newer token look older; its generation still rises.
    if (token.generation !== held.generation) return token.generation > held.generation;
    return token.issuedAt > held.issuedAt;
  }

  /** The configuration may have come to name another header for the same token. */
  #carryIn(header: TokenHeader | undefined): void {
    if (this.#held === undefined || isSameHeader(this.#held.token.header, header)) return;
    this.#held = { ...this.#held, token: { ...this.#held.token, header } };
  }

  #holdingOf(token: ClientToken): Holding {
    const confirmed = this.#confirmed;
    return { token, expiry: confirmed?.generation === token.generation ? confirmed.expiry : undefined };
  }

  #take(token: ClientToken): void {
    const before = this.#held === undefined ? this.#earlier : [...this.#earlier, this.#held];
    const usable = before.filter((one) => !this.#rejected.has(one.token.sha256) && liveToken(one, this.#clock));
    this.#earlier = usable.slice(0, EARLIER);
    this.#held = this.#holdingOf(token);
    this.#standInUntil = undefined;
    this.#settled = false;
    this.#accepted = false;
    this.#doubted = false;
    this.#curedNothing = false;
    this.#tell();
  }

  #tell(): void {
    for (const listen of Array.from(this.#listeners)) listen();
  }
}
