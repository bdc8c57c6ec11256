import type { Trigger } from '../core/events.ts';
import { type EpochMs, type Ms, type Sha256, sha256 } from '../core/token.ts';

/** The first eight digits of a token's SHA-256: enough to distinguish tokens, and useless as a token. */
export type HashPrefix = string;

const PREFIX = 8;

/** How token requests are answered. `rejecting`: the client secrets are wrong, as after a rotation of which token-acquirer got no news. */
export type AuthorizationServerState = 'normal' | 'down' | 'failing' | 'rejecting' | 'slow';

/** `rejecting`: every token, whatever the authorization server thinks of it. */
export type GatewayState = 'normal' | 'rejecting';

/** An act of the demo itself. */
export type Deed =
  | { readonly kind: 'revocation'; readonly app: string; readonly hash: HashPrefix }
  | { readonly kind: 'interval'; readonly app: string; readonly interval: string | undefined }
  | { readonly kind: 'authorization-server'; readonly state: AuthorizationServerState }
  | { readonly kind: 'gateway'; readonly state: GatewayState };

/** A token as in the log of token-acquirer. */
export interface DemoToken {
  readonly hash: HashPrefix;
  readonly generation: number;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly renewAt: EpochMs;
}

export function hashPrefix(token: string): HashPrefix {
  return prefixOf(sha256(token));
}

export function prefixOf(hash: Sha256): HashPrefix {
  return hash.slice(0, PREFIX);
}

/** An observed event of one part of the demo. It never holds a secret. */
export type Happening =
  | { readonly kind: 'listening'; readonly who: string; readonly what: string; readonly url: string }
  | { readonly kind: 'started'; readonly who: string }
  | { readonly kind: 'stopped'; readonly who: string }
  /** An act of the demo, as a sentence. */
  | { readonly kind: 'act'; readonly text: string; readonly deed?: Deed }
  /** A token request, seen before the authorization server. */
  | { readonly kind: 'token-requested'; readonly app: string; readonly letThrough: boolean }
  | { readonly kind: 'issued'; readonly app: string; readonly token: DemoToken; readonly trigger: Trigger }
  | { readonly kind: 'stored'; readonly app: string; readonly token: DemoToken }
  | { readonly kind: 'rescheduled'; readonly app: string; readonly token: DemoToken }
  | { readonly kind: 'request-failed'; readonly app: string; readonly message: string; readonly retryIn: Ms }
  | { readonly kind: 'suspended'; readonly app: string }
  | { readonly kind: 'resumed'; readonly app: string }
  | { readonly kind: 'reissue'; readonly app: string; readonly result: string }
  /** The gateway's verdict on the token of a request. */
  | { readonly kind: 'verdict'; readonly hash: HashPrefix | undefined; readonly status: number }
  /** The end of a call, as the app saw it. */
  | {
      readonly kind: 'call';
      readonly app: string;
      readonly ok: boolean;
      readonly outcome: string;
      /** Two if the client retried after a token error. */
      readonly requests?: number;
      /** Of the token that the app had in memory at the end. */
      readonly hash?: HashPrefix;
    }
  /** Anything else worth a line. */
  | { readonly kind: 'notice'; readonly who: string; readonly message: string };

export type DemoEvent = Happening & { readonly at: EpochMs };

export type KindOf<Kind extends Happening['kind']> = Extract<DemoEvent, { kind: Kind }>;
