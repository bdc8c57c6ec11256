import { StoreError } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';

export interface TurnsOptions {
  readonly clock: Pick<Clock, 'wait'>;
  /** How many run at once. */
  readonly atOnce: number;
  /** How many more may wait for their turn. */
  readonly waiting: number;
  /** How long each of these waits. */
  readonly patience: Ms;
}

export interface Turns {
  /** Runs it when it is its turn. Throws StoreError where too many wait, or it waited too long. */
  run<Result>(task: () => Promise<Result>): Promise<Result>;
}

/** Bounds how much is asked of the API server at once, so that a flood of callers is not passed on to it. */
export function createTurns({ clock, atOnce, waiting, patience }: TurnsOptions): Turns {
  const queue: (() => void)[] = [];
  let running = 0;

  async function turn(): Promise<void> {
    if (running < atOnce) {
      running += 1;
      return;
    }
    if (queue.length >= waiting) throw busy();
    const over = new AbortController();
    await new Promise<void>((resolve, reject) => {
      queue.push(resolve);
      void clock.wait(patience, over.signal).then(() => {
        const index = queue.indexOf(resolve);
        if (index === -1) return;
        queue.splice(index, 1);
        reject(busy());
      });
    }).finally(() => over.abort());
  }

  return {
    async run(task) {
      await turn();
      try {
        return await task();
      } finally {
        const next = queue.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}

function busy(): StoreError {
  return new StoreError('Too many callers are being checked at the API server. Ask again in a moment.');
}
