import type { AppLogs, FollowedLog, LogListener, LogState } from '../../src/ports/app-log.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** Logs of client apps that a test writes. */
export class FakeAppLogs implements AppLogs {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #following = new Map<LogListener, FollowedLog>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** The logs that are followed. */
  get followed(): readonly FollowedLog[] {
    return [...this.#following.values()];
  }

  follow(log: FollowedLog, listener: LogListener): () => void {
    this.#following.set(listener, log);
    return () => this.#following.delete(listener);
  }

  /** Writes a line to each log. */
  write(text: string, at = this.#clock.now()): void {
    for (const listener of this.#following.keys()) {
      listener.counted(1, 0);
      if (listener.needles.length > 0 && !listener.needles.some((needle) => text.includes(needle))) continue;
      listener.line({ at, text, pod: 'billing-app-1', container: 'app' });
    }
  }

  /** Reports this of each log. */
  report(state: LogState): void {
    for (const listener of this.#following.keys()) listener.changed(state);
  }
}
