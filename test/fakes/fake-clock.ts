import type { EpochMs, Ms } from '../../src/core/token.ts';
import type { Clock } from '../../src/ports/clock.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks, wakes the waiting callers in the order of their times, and lets promises settle after each. */
  advance(duration: Ms): Promise<void>;
  /** Moves only the wall clock, forwards or back: an adjusted clock, or a machine that was suspended. */
  jumpWall(duration: Ms): void;
  /** Lets promises settle without moving time. */
  settle(): Promise<void>;
  /** The number of current waits. */
  waiting(): number;
}

interface Waiter {
  readonly due: Ms;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it. `wait` uses the monotonic clock. */
export function createFakeClock({ now = Date.UTC(2026, 0, 1) }: { now?: EpochMs } = {}): FakeClock {
  let wall = now;
  let monotonic = 0;
  const waiters = new Set<Waiter>();

  function moveTo(time: Ms): void {
    wall += time - monotonic;
    monotonic = time;
  }

  function nextDue(until: Ms): Waiter | undefined {
    let first: Waiter | undefined;
    for (const waiter of waiters) {
      if (waiter.due <= until && (first === undefined || waiter.due < first.due)) first = waiter;
    }
    return first;
  }

  function wait(delay: Ms, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        waiters.delete(waiter);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const waiter: Waiter = { due: monotonic + Math.max(0, delay), wake };
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      signal?.addEventListener('abort', wake, { once: true });
      waiters.add(waiter);
    });
  }

  async function advance(duration: Ms): Promise<void> {
    const until = monotonic + duration;
    await settle();
    for (let waiter = nextDue(until); waiter !== undefined; waiter = nextDue(until)) {
      moveTo(Math.max(monotonic, waiter.due));
      waiter.wake();
      await settle();
    }
    moveTo(until);
    await settle();
  }

  return {
    now: () => wall,
    monotonic: () => monotonic,
    wait,
    advance,
    jumpWall: (duration) => {
      wall += duration;
    },
    settle,
    waiting: () => waiters.size,
  };
}

/** Waits for two turns of the event loop: all microtasks, and the callbacks that they queued with setImmediate. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
