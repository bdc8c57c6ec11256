import { backoff } from '../core/backoff.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { LatestToken } from './latest-token.ts';
import type { ClientToken, WaitOptions } from './token-source.ts';

export interface ReadinessParts {
  readonly held: LatestToken;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes one attempt to get a live token, and passes it to `held`. Reports its errors itself, and never rejects. */
  readonly attempt: () => Promise<void>;
}

/** Waits for a live token and, while anybody waits, tries to get one. */
export class Readiness {
  readonly #parts: ReadinessParts;
  #waiting = 0;
  #trying: AbortController | undefined;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  async ready({ signal }: WaitOptions = {}): Promise<ClientToken> {
    signal?.throwIfAborted();
    const live = this.#parts.held.live();
    if (live !== undefined) return live;
    this.#waiting += 1;
    if (this.#trying === undefined) void this.#try((this.#trying = new AbortController()).signal);
    try {
      return await this.#parts.held.next(undefined, signal);
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) {
        this.#trying?.abort();
        this.#trying = undefined;
      }
    }
  }

  async #try(signal: AbortSignal): Promise<void> {
    const { held, clock, random, attempt } = this.#parts;
    for (let failures = 1; !signal.aborted && !held.closed; failures += 1) {
      await attempt();
      const pause = backoff(
        { failure: 'transient', failures, lifetime: Number.POSITIVE_INFINITY, remaining: 0 },
        random.fraction(),
      );
      await clock.wait(pause, signal);
    }
  }
}
