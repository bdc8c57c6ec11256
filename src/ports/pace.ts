/** Spreads work that thousands of tokens have in one moment, so that calls are answered in between. */
export interface Pace {
  /** Returns what to wait for before the next piece of work; `undefined` where it may begin now. */
  begin(): Promise<void> | undefined;
}
