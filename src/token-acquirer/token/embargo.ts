import { OVER } from '../../core/over.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

/** Keeps a new token back until it is due, or until someone needs it sooner. */
export class Embargo {
  readonly #clock: Pick<Clock, 'wait'>;
  #end: AbortController | undefined;
  /** The longest time that the next embargo lasts, because it was shortened before it began. */
  #longest: Ms = Infinity;

  constructor(clock: Pick<Clock, 'wait'>) {
    this.#clock = clock;
  }

  /** A token is requested that nobody waits for yet. */
  expect(): void {
    this.#longest = Infinity;
  }

  /** Resolves after this time, or when it is shortened. */
  async keep(wanted: Ms): Promise<void> {
    const duration = Math.min(wanted, this.#longest);
    if (duration <= 0) return;
    const end = new AbortController();
    this.#end = end;
    await this.#clock.wait(duration, end.signal);
    this.#end = undefined;
    // Ends the waits that would have shortened it.
    end.abort(OVER);
  }

  /** Ends it after this time at the latest, also where the token is still to come. */
  shorten(to: Ms): void {
    this.#longest = Math.min(this.#longest, to);
    const end = this.#end;
    if (end === undefined) return;
    if (to <= 0) end.abort(OVER);
    else void this.#clock.wait(to, end.signal).then(() => end.abort(OVER));
  }
}
