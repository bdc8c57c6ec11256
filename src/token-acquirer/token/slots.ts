import { rotationsTogether } from '../../core/rotation-pace.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

export interface Turn {
  /** The lowest goes first. */
  readonly urgency: number;
  /** Whether the request spends a refresh token, which is lost if the process is killed before the answer. */
  readonly rotates: boolean;
}

interface Waiting extends Turn {
  readonly start: () => void;
}

interface Queue {
  taken: number;
  rotating: number;
  /** In the order of their urgency. */
  readonly waiting: Waiting[];
}

/**
 * Bounds how many token requests are in flight together at each authorization server, so that a server that hangs delays
 * only its own tokens. The token that expires soonest goes first. Rotating refresh tokens have a lower bound while the
 * process may be in a crash loop.
 */
export class Slots {
  readonly #limit: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #startedAt: Ms;
  readonly #queues = new Map<string, Queue>();
  /** Servers for which a mark of an earlier process was found, and no exchange has succeeded since. */
  readonly #suspects = new Set<string>();

  constructor(limit: number, clock: Pick<Clock, 'monotonic'>) {
    this.#limit = limit;
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
  }

  /** Resolves when it is this one's turn. Call the result to give the slot back. */
  async take(server: string, turn: Turn): Promise<() => void> {
    const queue = this.#queues.get(server) ?? { taken: 0, rotating: 0, waiting: [] };
    this.#queues.set(server, queue);
    await new Promise<void>((start) => {
      const after = queue.waiting.findIndex((other) => other.urgency > turn.urgency);
      queue.waiting.splice(after === -1 ? queue.waiting.length : after, 0, { ...turn, start });
      this.#startNext(server, queue);
    });
    let given = false;
    return () => {
      if (!given) this.#release(server, queue, turn);
      given = true;
    };
  }

  /** A refresh token was found that an earlier process, or another one, marked as in use. */
  foundMark(server: string): void {
    this.#suspects.add(server);
  }

  /** An exchange of a refresh token succeeded. */
  noteExchange(server: string): void {
    this.#suspects.delete(server);
  }

  #release(server: string, queue: Queue, { rotates }: Turn): void {
    queue.taken -= 1;
    if (rotates) queue.rotating -= 1;
    this.#startNext(server, queue);
    if (queue.taken === 0 && this.#queues.get(server) === queue) this.#queues.delete(server);
  }

  #startNext(server: string, queue: Queue): void {
    while (queue.taken < this.#limit) {
      const free = queue.rotating < this.#rotationsAt(server);
      const next = queue.waiting.findIndex(({ rotates }) => free || !rotates);
      const [waiting] = next === -1 ? [] : queue.waiting.splice(next, 1);
      if (waiting === undefined) return;
      queue.taken += 1;
      if (waiting.rotates) queue.rotating += 1;
      waiting.start();
    }
  }

  #rotationsAt(server: string): number {
    const uptime = this.#clock.monotonic() - this.#startedAt;
    return rotationsTogether({ uptime, suspect: this.#suspects.has(server) });
  }
}
