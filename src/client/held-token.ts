import { type EpochMs, isLive, type Sha256 } from '../core/token.ts';
import { type ClientToken, TokenNotYetAvailable } from './token-source.ts';

type Listener = () => void;

/** The token in memory, and who waits for another. */
export class HeldToken {
  readonly #name: string;
  readonly #now: () => EpochMs;
  readonly #listeners = new Set<Listener>();
  #token: ClientToken | undefined;
  #refused: Sha256 | undefined;
  #closed = false;

  constructor(name: string, now: () => EpochMs) {
    this.#name = name;
    this.#now = now;
  }

  /** The last token, expired or not. */
  get last(): ClientToken | undefined {
    return this.#token;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The token, if it may be sent now. */
  live(): ClientToken | undefined {
    const token = this.#token;
    return token !== undefined && isLive(token, this.#now()) ? token : undefined;
  }

  /** A live token other than the rejected one. */
  liveOtherThan(rejected: Sha256): ClientToken | undefined {
    const token = this.live();
    return token?.sha256 === rejected ? undefined : token;
  }

  /** Takes the token if it is better: a live one than an expired one, else the one issued later. */
  offer(token: ClientToken): void {
    if (token.sha256 === this.#refused || !this.#isBetter(token)) return;
    this.#take(token);
  }

  /**
   * Takes what the token-acquirer gave in place of a rejected token, even where its clock says that it is older, and
   * keeps the volume from bringing the rejected one back.
   */
  acceptInstead(rejected: Sha256, token: ClientToken): void {
    if (this.#token !== undefined && this.#token.sha256 !== rejected && !this.#isBetter(token)) return;
    this.#refused = rejected;
    this.#take(token);
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

  #isBetter(token: ClientToken): boolean {
    const held = this.#token;
    if (held === undefined) return true;
    if (held.sha256 === token.sha256) return false;
    const live = isLive(token, this.#now());
    if (live !== isLive(held, this.#now())) return live;
    if (token.issuedAt !== held.issuedAt) return token.issuedAt > held.issuedAt;
    return token.generation > held.generation;
  }

  #take(token: ClientToken): void {
    this.#token = token;
    this.#tell();
  }

  #tell(): void {
    for (const listen of Array.from(this.#listeners)) listen();
  }
}
