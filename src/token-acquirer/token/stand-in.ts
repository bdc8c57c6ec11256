import type { TokenCycle } from './token-cycle.ts';

/** How a replica answers for a token. */
export interface Manner {
  /** Another replica should renew it: the store is read first, and nothing is kept. */
  readonly standsIn: boolean;
  /** Whether a token may be requested. */
  readonly mayRequest: boolean;
}

export const OWNER: Manner = { standsIn: false, mayRequest: true };

/** The memory of a replica that answers for a token without renewing it: what is stored, for as long as calls are being answered. */
export class StandIn {
  readonly #cycle: TokenCycle;
  #answering = 0;
  #consulting: Promise<void> | undefined;

  constructor(cycle: TokenCycle) {
    this.#cycle = cycle;
  }

  /** Does something as a stand-in. What was read for it is forgotten after the last of those that go on together. */
  async during<Result>(act: () => Promise<Result>): Promise<Result> {
    this.#answering += 1;
    try {
      return await act();
    } finally {
      this.#answering -= 1;
      if (this.#answering === 0) this.#cycle.forgetUnowned();
    }
  }

  /** Reads what is stored, once for all calls that wait for it. A request that is under way brings the next token by itself. */
  async consult(): Promise<void> {
    if (this.#cycle.requests.inFlight !== undefined) return;
    this.#consulting ??= this.#cycle.consult().finally(() => {
      this.#consulting = undefined;
    });
    await this.#consulting;
  }
}
