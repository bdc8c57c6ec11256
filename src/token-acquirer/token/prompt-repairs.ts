import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

/** Between two looks, so that who changes a Secret often, and harmlessly, is not followed each time. */
const GAP: Ms = 500;

export interface PromptRepairsDependencies {
  readonly clock: Clock;
  /** How long the latest repair is to stand: longer and longer where it is undone each time. */
  readonly pause: () => Ms;
  /** Looks at what is stored, and repairs it. Never rejects. */
  readonly look: () => Promise<void>;
}

interface Work {
  readonly stopping: AbortController;
  readonly done: Promise<void>;
}

/** Has the stored copy looked at as soon as it is told that someone else may have changed it: at once the first time. */
export class PromptRepairs {
  readonly #dependencies: PromptRepairsDependencies;
  #news = false;
  #stopped = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #work: Work | undefined;

  constructor(dependencies: PromptRepairsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Someone else may have changed it. */
  told(): void {
    this.#news = true;
    if (this.#work !== undefined || this.#stopped) return;
    const stopping = new AbortController();
    this.#work = { stopping, done: this.#lookWhileTold(stopping.signal) };
  }

  /** Resolves when no look is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#work?.stopping.abort();
    await this.#work?.done;
  }

  async #lookWhileTold(stopping: AbortSignal): Promise<void> {
    const { clock, look } = this.#dependencies;
    while (this.#news) {
      const pause = this.#pause();
      if (pause > 0) await clock.wait(pause, stopping);
      if (this.#stopped) break;
      this.#news = false;
      this.#lookedAt = clock.monotonic();
      await look();
    }
    this.#work = undefined;
  }

  #pause(): Ms {
    const { clock, pause } = this.#dependencies;
    return Math.max(this.#lookedAt + GAP - clock.monotonic(), pause());
  }
}
