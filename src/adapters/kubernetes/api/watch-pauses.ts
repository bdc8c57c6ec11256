import { doubled } from '../../../core/doubling.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';

export interface WatchPausesOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Spreads retries; without it they come at their latest. */
  readonly random?: Random | undefined;
}

/** A watch that lasted as long was a good one. */
const SETTLED: Ms = 5000;
const FIRST_PAUSE: Ms = 100;
const SECOND_PAUSE: Ms = 1000;
const LONGEST_PAUSE: Ms = 30_000;

/** How long to wait between one watch and the next: not at all after a good one, ever longer after failures. */
export class WatchPauses {
  readonly #options: WatchPausesOptions;
  #failures = 0;
  #openedAt: Ms | undefined;

  constructor(options: WatchPausesOptions) {
    this.#options = options;
  }

  /** A watch is being begun. */
  begun(): void {
    this.#openedAt = undefined;
  }

  opened(): void {
    this.#openedAt = this.#options.clock.monotonic();
  }

  /** It ended, or could not be opened. Gives the pause before the next. */
  ended(): Ms {
    const lasted = this.#openedAt === undefined ? 0 : this.#options.clock.monotonic() - this.#openedAt;
    this.#failures = lasted >= SETTLED ? 0 : this.#failures + 1;
    if (this.#failures === 0) return 0;
    return this.spread(this.#failures === 1 ? FIRST_PAUSE : doubled(SECOND_PAUSE, LONGEST_PAUSE, this.#failures - 1));
  }

  /** Somewhere in the latter half of it. */
  spread(longest: Ms): Ms {
    return longest * (0.5 + 0.5 * (this.#options.random?.fraction() ?? 1));
  }
}
