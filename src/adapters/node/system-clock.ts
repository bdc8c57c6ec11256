import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

/** The longest that one timer of Node can run; beyond, it fires after 1 ms. */
const LONGEST_TIMER: Ms = 2 ** 31 - 1;

/** The machine's own time. */
export function createSystemClock(): Clock {
  return { now: () => Date.now(), monotonic: () => performance.now(), wait };
}

async function wait(delay: Ms, signal?: AbortSignal): Promise<void> {
  let left = Math.max(0, delay);
  do {
    const part = Math.min(left, LONGEST_TIMER);
    await waitOnce(part, signal);
    left -= part;
  } while (left > 0 && signal?.aborted !== true);
}

function waitOnce(delay: Ms, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delay).unref();
    signal?.addEventListener('abort', done, { once: true });
  });
}
