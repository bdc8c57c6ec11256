/** How many calls run together, and of those how many of one kind. */
export interface TurnLimits {
  readonly together: number;
  readonly alike: number;
}

interface Waiting {
  readonly kind: string;
  readonly start: () => void;
}

/** Bounds calls that run together. The others wait in order, and a kind that has reached its own limit holds up no other kind. */
export class CallTurns {
  readonly #limits: TurnLimits;
  readonly #running = new Map<string, number>();
  readonly #waiting: Waiting[] = [];
  #together = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Resolves when it is this call's turn. Call the result once to end it. */
  async take(kind: string): Promise<() => void> {
    if (this.#isFree(kind)) this.#start(kind);
    else await new Promise<void>((start) => this.#waiting.push({ kind, start }));
    return () => this.#end(kind);
  }

  #isFree(kind: string): boolean {
    const { together, alike } = this.#limits;
    return this.#together < together && (this.#running.get(kind) ?? 0) < alike;
  }

  #start(kind: string): void {
    this.#together += 1;
    this.#running.set(kind, (this.#running.get(kind) ?? 0) + 1);
  }

  #end(kind: string): void {
    this.#together -= 1;
    const left = (this.#running.get(kind) ?? 1) - 1;
    if (left > 0) this.#running.set(kind, left);
    else this.#running.delete(kind);
    const next = this.#waiting.findIndex((other) => this.#isFree(other.kind));
    const [started] = next === -1 ? [] : this.#waiting.splice(next, 1);
    if (started === undefined) return;
    this.#start(started.kind);
    started.start();
  }
}
