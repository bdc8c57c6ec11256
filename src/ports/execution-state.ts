import type { Execution } from '../core/policies.ts';
import type { SecretReference } from '../core/token.ts';

export type { Execution };

/** The pods of a client app: a label selector as kubectl takes it. */
export interface SelectedPods {
  readonly namespace: string;
  readonly selector: string;
}

/** Without a cluster: a URL that answers, or a process. */
export type LocalApp = { readonly healthUrl: string } | { readonly pidFile: string };

/** What says whether a client app runs. */
export type ClientApp = LocalApp | SelectedPods;

export interface ExecutionState<App extends ClientApp = ClientApp> {
  /** The latest finding; `unknown` until the first look. */
  observe(app: App): Execution;
  /** Looks from now on and calls back when the finding changes; the return value stops it. */
  watch(app: App, changed: () => void): () => void;
  /** What is to be told of the client app beside: why its state is unknown, which pods can never see a new token. */
  warnings(app: App, secret: SecretReference): readonly string[];
}
