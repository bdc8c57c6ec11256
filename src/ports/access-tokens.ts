import type { AccessToken, AccessTokenStatus } from '../core/access-token.ts';
import type { VolumeData } from '../core/token-volume.ts';

/** The AccessTokens of some namespaces, as they are followed. */
export interface FollowedAccessTokens {
  /** All that there are; `undefined` before the first look at each namespace. What cannot be looked at stays as it was. */
  current(): readonly AccessToken[] | undefined;
  /** Follows these namespaces from now on. What is known of those that were followed before stays. */
  change(namespaces: readonly string[]): void;
  stop(): void;
}

/** AccessTokens, which application teams write, and the Secrets that are made for them. */
export interface AccessTokens {
  /** Calls back after each change, and after the first look. Never throws. */
  follow(namespaces: readonly string[], changed: () => void): FollowedAccessTokens;
  /** Makes the Secret, unless it exists. `taken`: it belongs to something else, and is left as it is. Throws StoreError. */
  claim(resource: AccessToken): Promise<'claimed' | 'taken'>;
  /** Returns what the Secret of an AccessToken holds; `undefined` where there is none that was made for it. Throws StoreError. */
  stored(resource: AccessToken): Promise<VolumeData | undefined>;
  /** Sets or removes our finalizer. `changed`: the AccessToken is gone or has other finalizers, and is left as it is. Throws StoreError. */
  setFinalizer(resource: AccessToken, isSet: boolean): Promise<'written' | 'changed'>;
  /** Replaces the status. An AccessToken that is gone is passed over. Throws StoreError. */
  report(resource: AccessToken, status: AccessTokenStatus): Promise<void>;
}
