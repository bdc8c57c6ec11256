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
  /** Ends the wait of all that wait now: their tasks fail with this error. */
  readonly dismiss: (error: unknown) => void;
}

interface Waiting {
  readonly start: () => void;
  readonly fail: (error: unknown) => void;
}

/** Runs `atOnce` tasks together; the others wait in order. Without a limit, any number waits for any time. */
export function createTurns(atOnce: number, limit?: QueueLimit): Turns {
  const queue: Waiting[] = [];
  let running = 0;

  async function turn(): Promise<void> {
    if (running < atOnce) {
      running += 1;
      return;
    }
    if (queue.length >= (limit?.waiting ?? Number.POSITIVE_INFINITY)) throw busy();
    const over = new AbortController();
    await new Promise<void>((start, fail) => {
      const waiting = { start, fail };
      queue.push(waiting);
      void limit?.clock.wait(limit.patience, over.signal).then(() => {
        const index = queue.indexOf(waiting);
        if (index === -1) return;
        queue.splice(index, 1);
        fail(busy());
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
        else next.start();
      }
    },
    dismiss(error) {
      for (const { fail } of queue.splice(0)) fail(error);
    },
  };
}

function busy(): StoreError {
  return new StoreError('Too many callers are being checked at the API server. Ask again in a moment.');
}
