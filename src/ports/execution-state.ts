import type { Execution } from '../core/policies.ts';

export type { Execution };

/** What says whether a client app runs, where there is no cluster. */
export type ClientApp = { readonly healthUrl: string } | { readonly pidFile: string };

export interface ExecutionState {
  /** The latest finding; `unknown` until the first look. */
  observe(app: ClientApp): Execution;
  /** Looks from now on and calls back when the finding changes; the return value stops it. */
  watch(app: ClientApp, changed: () => void): () => void;
}
