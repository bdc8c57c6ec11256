import { formatDuration } from '../core/duration.ts';
import { ReissueError } from '../core/errors.ts';
import type { Ms } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';

/** After a failure that names no time: enough that a burst of rejected requests does not become a burst of calls. */
export const SHORTEST_PAUSE: Ms = 500;
/** A `Retry-After` beyond it is more likely a mistake than a wish. */
const LONGEST_PAUSE: Ms = 10 * 60_000;

/** Holds calls to the token-acquirer back until the time that its last rejection named. */
export class ReissueGate {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #opensAt: Ms = 0;
  #last: ReissueError | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Makes the call, or fails with the last rejection until its time has come. */
  async pass<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    const left = this.#opensAt - this.#clock.monotonic();
    if (this.#last !== undefined && left > 0) throw this.#refusal(this.#last, left);
    try {
      const answer = await call();
      this.#last = undefined;
      return answer;
    } catch (error) {
      if (error instanceof ReissueError) this.#close(error);
      throw error;
    }
  }

  #close(error: ReissueError): void {
    const pause = Math.min(Math.max(error.retryAfter ?? 0, SHORTEST_PAUSE), LONGEST_PAUSE);
    this.#opensAt = this.#clock.monotonic() + pause;
    this.#last = error;
  }

  #refusal(last: ReissueError, left: Ms): ReissueError {
    const message = `${last.message} The next call is made after ${formatDuration(left)}.`;
    const { status, code, unsendable } = last;
    return new ReissueError(message, { status, retryAfter: left, code, unsendable });
  }
}
