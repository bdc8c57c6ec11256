interface Queue {
  taken: number;
  readonly waiting: { readonly urgency: number; readonly start: () => void }[];
}

/**
 * Bounds how many token requests are in flight at once at each authorization server, so that one that hangs holds up
 * none of another's tokens; the one whose token expires soonest goes first.
 */
export class Slots {
  readonly #limit: number;
  readonly #queues = new Map<string, Queue>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when it is this one's turn. `urgency`: the lower, the sooner. Call the result to give the slot back. */
  async take(server: string, urgency: number): Promise<() => void> {
    const queue = this.#queues.get(server) ?? { taken: 0, waiting: [] };
    this.#queues.set(server, queue);
    if (queue.taken < this.#limit) queue.taken += 1;
    else {
      await new Promise<void>((start) => {
        const after = queue.waiting.findIndex((other) => other.urgency > urgency);
        queue.waiting.splice(after === -1 ? queue.waiting.length : after, 0, { urgency, start });
      });
    }
    let given = false;
    return () => {
      if (!given) this.#release(server, queue);
      given = true;
    };
  }

  #release(server: string, queue: Queue): void {
    const next = queue.waiting.shift();
    if (next !== undefined) return next.start();
    queue.taken -= 1;
    if (queue.taken === 0) this.#queues.delete(server);
  }
}
