import type { TokenIdentity } from '../token.ts';

export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** A token of the configuration, or of an AccessToken. */
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
  /** The AccessToken that asks for it; left out for a token of the configuration. */
  readonly accessToken?: string | undefined;
  /** The pods of its client app; `undefined` where its token is always requested. */
  readonly app: { readonly namespace: string; readonly selector: string } | undefined;
}

/** A credential, with the keys that the tokens of a service need of it. */
export type ServiceNeed = Pick<ExpectedToken, 'credential' | 'neededKeys'>;
