/** Returns the task so that it never runs twice together: calls while it runs lead to one more run after it. */
export function oneAtATime(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    const run = (): Promise<void> => {
      next = undefined;
      running = task();
      return running;
    };
    next ??= running.then(run, run);
    return next;
  };
}
