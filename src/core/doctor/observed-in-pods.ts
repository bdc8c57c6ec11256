import type { NamespacedName } from './expected-token.ts';

/** Something that was not found out: a part of a sentence that follows "because". */
export interface Unchecked {
  readonly because: string;
}

/** What a container has of the document of a token: its SHA-256, or no such file. */
export interface ObservedMount {
  readonly pod: NamespacedName;
  readonly container: string;
  /** `namespace/secret` and the key of the token, by which the document in the Secret is found. */
  readonly secret: string;
  readonly key: string;
  readonly file: string;
  readonly found: { readonly sha256: string } | 'missing' | Unchecked;
}

/** How far a call from a pod to the reissue endpoint comes. The steps are in their order. */
export type CallStep = 'file' | 'name' | 'connection' | 'certificate' | 'account' | 'answer' | 'accepted';

/** A call of a pod that asks what the token-acquirer knows of it, and starts no reissue. */
export interface ObservedCall {
  readonly pod: NamespacedName;
  readonly account: string;
  /** `namespace/secret/name`. */
  readonly token: string;
  readonly result: { readonly step: CallStep; readonly detail: string } | Unchecked;
}

/** What commands in the pods of client apps found. */
export interface ObservedInPods {
  readonly mounts: readonly ObservedMount[];
  readonly calls: readonly ObservedCall[];
  /** How many pods of a Secret, `namespace/secret`, were not looked at, because there are so many. */
  readonly leftOut: readonly { readonly secret: string; readonly pods: number }[];
  /** The tokens, `namespace/secret/name`, for which no pod could call. */
  readonly uncalled: readonly ({ readonly token: string } & Unchecked)[];
  /** `token-acquirer.token-acquirer.svc:443` */
  readonly endpoint: string;
}

/** What the token-acquirer found out with a token request for a credential. */
export interface ObservedTrial {
  readonly credential: string;
  /** `spending`: it would spend a refresh token, so that none was sent. */
  readonly outcome: 'accepted' | 'failed' | 'withheld' | 'spending' | 'unanswered';
  readonly message: string;
}
