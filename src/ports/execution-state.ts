import type { Execution } from '../core/policies.ts';
import type { ConditionReason } from '../core/reasons.ts';
import type { SecretReference } from '../core/token.ts';

export type { Execution };

/** The pods of a client app: a label selector as kubectl takes it. */
export interface SelectedPods {
  readonly namespace: string;
  readonly selector: string;
}

/** The pods of a client app: those that the selector selects, and those that use its token Secret. */
export interface AppPods extends SelectedPods {
  /** The token Secret, where it is in the same namespace: no pod of another one can use it. */
  readonly secret?: string;
}

/** Without a cluster: a URL that answers, or a process. */
export type LocalApp = { readonly healthUrl: string } | { readonly pidFile: string };

/** What says whether a client app runs. */
export type ClientApp = LocalApp | AppPods;

/** Something about a client app that its owner should know. */
export interface Finding {
  readonly condition: 'ExecutionStateKnown' | 'PodsFollow' | 'SelectorMatches';
  /** False where it makes the condition false. */
  readonly healthy: boolean;
  /** Left out for the usual one. */
  readonly reason?: ConditionReason<'SelectorMatches'>;
  /** One or more sentences. */
  readonly message: string;
}

export interface ExecutionState<App extends ClientApp = ClientApp> {
  /** The latest finding; `unknown` until the first look. */
  observe(app: App): Execution;
  /** Looks from now on and calls back when the execution or the other findings may have changed; the return value stops it. */
  watch(app: App, changed: () => void): () => void;
  /** Why the state is unknown, which pods never see a new token, and which pods the selector matches or misses. */
  findings(app: App, secret: SecretReference): readonly Finding[];
}
