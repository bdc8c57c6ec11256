import type { Rejection } from '../access-token.ts';
import type { EpochMs } from '../token.ts';
import type { NamespacedName } from './expected-token.ts';

/** An AccessToken, and what this configuration makes of it. */
export interface ObservedAccessToken extends NamespacedName {
  readonly service: string;
  readonly secret: string;
  /** When its spec was last written. */
  readonly changedAt: EpochMs;
  /** Whether a token-acquirer has reported anything about it, even about an earlier spec. */
  readonly isKnown: boolean;
  /** Whether a service of the configuration names its namespace. */
  readonly isServed: boolean;
  /** Why the configuration gives it no token. */
  readonly rejection?: Rejection | undefined;
  /** Its condition `Ready`, where it is about the current spec; `undefined`: nobody has reported anything about that. */
  readonly ready?: ObservedReady | undefined;
}

export interface ObservedReady {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** Whether a person must act. */
  readonly isStalled: boolean;
}

export interface ObservedAccessTokens {
  /** The versions of their API that the cluster knows. */
  readonly versions: readonly string[] | 'missing' | 'unreadable';
  /** The version that this program uses. */
  readonly version: string;
  /** The namespaces whose AccessTokens the configuration serves. */
  readonly namespaces: readonly string[];
  readonly items: readonly ObservedAccessToken[];
}
