const SHARE_OF_CALLS = 0.2;
const AT_REST = 10;

/**
 * Bounds failed replays: each of them costs one, each call adds a fifth, and the budget holds at most ten. A successful replay is
 * free, so a thousand requests that were rejected together all succeed.
 */
export class RetryBudget {
  readonly #share: number;
  readonly #atRest: number;
  #left: number;

  constructor({ share = SHARE_OF_CALLS, atRest = AT_REST }: RetryBudgetOptions = {}) {
    this.#share = share;
    this.#atRest = atRest;
    this.#left = atRest;
  }

  get allowsReplay(): boolean {
    return this.#left >= 1;
  }

  called(): void {
    this.#left = Math.min(this.#atRest, this.#left + this.#share);
  }

  replayedInVain(): void {
    this.#left = Math.max(0, this.#left - 1);
  }
}

export interface RetryBudgetOptions {
  /** What each call adds, 0.2 by default. */
  readonly share?: number | undefined;
  /** The most that is saved up, 10 by default; 0 forbids replays. */
  readonly atRest?: number | undefined;
}
