import { StoreError } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';

/** Limits the tasks that wait. */
export interface QueueLimit {
  readonly clock: Pick<Clock, 'wait'>;
  /** How many tasks may wait. */
  readonly waiting: number;
  /** How long each of them waits. */
  readonly patience: Ms;
}

export interface Turns {
  /** Runs the task in its turn. Throws StoreError where too many wait, or the task waited too long. */
  readonly run: <Result>(task: () => Promise<Result>) => Promise<Result>;
}

/** Runs `atOnce` tasks together; the others wait in order. Without a limit, any number waits for any time. */
export function createTurns(atOnce: number, limit?: QueueLimit): Turns {
  const queue: (() => void)[] = [];
  let running = 0;

  async function turn(): Promise<void> {
    if (running < atOnce) {
      running += 1;
      return;
    }
    if (queue.length >= (limit?.waiting ?? Number.POSITIVE_INFINITY)) throw busy();
    const over = new AbortController();
    await new Promise<void>((resolve, reject) => {
      queue.push(resolve);
      void limit?.clock.wait(limit.patience, over.signal).then(() => {
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
