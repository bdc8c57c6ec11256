import type { Pace } from '../../ports/pace.ts';

/** How many pieces of work begin in one round of the event loop. 50 turns of cycles take about 10 ms. */
const TOGETHER = 50;

/** Has the event loop look at its connections between portions of the work. Who waits begins in order. */
export function createEventLoopPace(together = TOGETHER): Pace {
  let free = together;
  let isArmed = false;
  const waiting: (() => void)[] = [];

  function arm(): void {
    if (isArmed) return;
    isArmed = true;
    setImmediate(next);
  }

  function next(): void {
    isArmed = false;
    const portion = waiting.splice(0, together);
    free = together - portion.length;
    for (const begin of portion) begin();
    if (portion.length > 0) arm();
  }

  return {
    begin() {
      arm();
      if (free > 0) {
        free -= 1;
        return undefined;
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}
