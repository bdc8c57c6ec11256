import type { AccessToken, AccessTokenStatus } from '../core/access-token.ts';

/** The AccessTokens of some namespaces, as they are followed. */
export interface FollowedAccessTokens {
  /** All that there are; `undefined` before the first look at each namespace. What cannot be looked at stays as it was. */
  current(): readonly AccessToken[] | undefined;
  stop(): void;
}

/** AccessTokens, which application teams write, and the Secrets that are made for them. */
export interface AccessTokens {
  /** Calls back after each change, and after the first look. Never throws. */
  follow(namespaces: readonly string[], changed: () => void): FollowedAccessTokens;
  /** Makes the Secret, unless it exists. `taken`: it belongs to something else, and is left as it is. Throws StoreError. */
  claim(resource: AccessToken): Promise<'claimed' | 'taken'>;
  /** Replaces the status. An AccessToken that is gone is passed over. Throws StoreError. */
  report(resource: AccessToken, status: AccessTokenStatus): Promise<void>;
}
