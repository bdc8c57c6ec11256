export interface Stop {
  /** Aborts on SIGTERM and SIGINT, and when a parent that keeps a channel to this process is gone. */
  readonly signal: AbortSignal;
  /** Lets the process end. Until then it lives on, though all of its timers are unreferenced. */
  release(): void;
}

/** Listens for what should end this process. */
export function listenForStop(): Stop {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, abort);
  process.on('disconnect', abort);
  // The parent may have gone before anyone listened.
  if (process.send !== undefined && !process.connected) abort();
  const alive = setInterval(() => undefined, 2 ** 30);
  return {
    signal: stop.signal,
    release() {
      clearInterval(alive);
      process.off('disconnect', abort);
      // A listener for messages or their end would keep the channel open, and the process with it.
      if (process.connected) process.disconnect();
    },
  };
}
