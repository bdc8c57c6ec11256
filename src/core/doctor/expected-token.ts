import type { TokenIdentity } from '../token.ts';

export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** A token of the configuration. */
export interface ExpectedToken {
  readonly identity: TokenIdentity;
  readonly key: string;
  /** All its keys in its Secret; none where it is stored nowhere. */
  readonly keys: readonly string[];
  readonly server: string;
  readonly credential: string;
  readonly neededKeys: readonly string[];
  /** The ServiceAccounts that may ask for a new one. */
  readonly clients: readonly NamespacedName[];
  /** The pods of its client app; `undefined` where its token is always requested. */
  readonly app: { readonly namespace: string; readonly selector: string } | undefined;
}
