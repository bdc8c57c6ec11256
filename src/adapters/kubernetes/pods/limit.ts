/** Runs a task when it is its turn, and gives its result. */
export type Limit = <Result>(task: () => Promise<Result>) => Promise<Result>;

/** Runs so many tasks at once; the others wait, in order, however many they are. */
export function createLimit(atOnce: number): Limit {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running < atOnce) running += 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await task();
    } finally {
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
