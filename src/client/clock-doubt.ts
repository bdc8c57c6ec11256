import { formatDuration } from '../core/duration.ts';
import type { EpochMs, Ms } from '../core/token.ts';

/** Clocks of a cluster are closer than this; an answer that takes its 10 s makes them look no further apart. */
const CLOCKS_APART: Ms = 20_000;
/** A token from the future harms nobody until its clock is far off. */
const FUTURE: Ms = 5 * 60_000;

interface Times {
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  /** What is left of the token's life, as the token-acquirer states it. */
  readonly expiresIn?: Ms | undefined;
}

/** Why this machine's clock seems to be wrong, as far as tokens show; reported when the doubt arises. */
export class ClockDoubt {
  readonly #report: (doubt: Error) => void;
  #sentence: string | undefined;
  /** Whether a token of the volume was the reason. */
  #byVolume = false;

  constructor(report: (doubt: Error) => void) {
    this.#report = report;
  }

  /** Follows a message with a space before it; empty where nothing speaks against the clock. */
  get hint(): string {
    return this.#sentence === undefined ? '' : ` ${this.#sentence}`;
  }

  /** Compares the clock with an answer that the token-acquirer just gave. */
  compare({ expiresAt, expiresIn = 0 }: Times, now: EpochMs): void {
    // How far this clock is ahead of the one that set expires_at. Of an old token-acquirer only the least is known.
    const ahead = now + expiresIn - expiresAt;
    this.#set(ahead >= CLOCKS_APART ? sentence(ahead, 'ahead of') : this.#behind(ahead, expiresIn));
  }

  /** Compares the clock with a token that came into the volume. A later one that is not from the future ends the doubt. */
  look({ issuedAt }: Times, now: EpochMs): void {
    if (issuedAt - now >= FUTURE) {
      this.#set(sentence(issuedAt - now, 'behind'));
      this.#byVolume = true;
    } else if (this.#byVolume && issuedAt <= now) this.#set(undefined);
  }

  #behind(ahead: Ms, expiresIn: Ms): string | undefined {
    return expiresIn > 0 && -ahead >= CLOCKS_APART ? sentence(-ahead, 'behind') : undefined;
  }

  #set(doubt: string | undefined): void {
    const first = doubt !== undefined && this.#sentence === undefined;
    this.#sentence = doubt;
    this.#byVolume = false;
    if (first) this.#report(new Error(doubt));
  }
}

function sentence(apart: Ms, relation: 'ahead of' | 'behind'): string {
  return `The clock of this machine is about ${formatDuration(apart)} ${relation} the token-acquirer's. Check both clocks.`;
}
