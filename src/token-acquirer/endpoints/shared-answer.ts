import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

/** How many times as long as it took an answer is given again: so making it takes at most a tenth of the time. */
const REUSE = 9;

/**
 * An answer that all callers share: those that come while it is made, and those that come soon after. A flood of calls
 * cannot keep the process busy with it, nor hold many copies of it in memory.
 */
export function sharedAnswer<T>(clock: Pick<Clock, 'monotonic'>, make: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let until: Ms = Infinity;
  return () => {
    const began = clock.monotonic();
    if (answer !== undefined && began < until) return answer;
    const made = make();
    answer = made;
    until = Infinity;
    const ended = (): void => {
      if (answer === made) until = clock.monotonic() + REUSE * (clock.monotonic() - began);
    };
    made.then(ended, () => {
      if (answer === made) answer = undefined;
    });
    return made;
  };
}
