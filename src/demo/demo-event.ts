import type { Trigger } from '../core/events.ts';
import { type EpochMs, type Ms, type Sha256, sha256 } from '../core/token.ts';

/** The first eight digits of a token's SHA-256: enough to distinguish tokens, and useless as a token. */
export type HashPrefix = string;

const PREFIX = 8;

/** How token requests are answered. `rejecting`: the client secrets are wrong, as after a rotation that nobody followed. */
export type AuthorizationServerState = 'normal' | 'down' | 'failing' | 'rejecting' | 'slow';

/** `rejecting`: every token, whatever the authorization server thinks of it. */
export type GatewayState = 'normal' | 'rejecting';

/** What the demo itself did to the parts. */
export type Deed =
  | { readonly kind: 'revocation'; readonly app: string; readonly hash: HashPrefix }
  | { readonly kind: 'interval'; readonly app: string; readonly interval: string | undefined }
  | { readonly kind: 'authorization-server'; readonly state: AuthorizationServerState }
  | { readonly kind: 'gateway'; readonly state: GatewayState };

/** What the token-acquirer's log says of a token. */
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

/** Something that one part of the demo was seen to do. Never holds a secret. */
export type Happening =
  | { readonly kind: 'listening'; readonly who: string; readonly what: string; readonly url: string }
  | { readonly kind: 'started'; readonly who: string }
  | { readonly kind: 'stopped'; readonly who: string }
  /** What the demo itself does to the parts, as a sentence. */
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
  /** What the gateway thought of a request's token. */
  | { readonly kind: 'verdict'; readonly hash: HashPrefix | undefined; readonly status: number }
  /** How a call ended, seen by the app that made it. */
  | {
      readonly kind: 'call';
      readonly app: string;
      readonly ok: boolean;
      readonly outcome: string;
      /** Two where it was sent again after a token error. */
      readonly requests?: number;
      /** Of the token that the app had in memory at the end. */
      readonly hash?: HashPrefix;
    }
  /** Anything else worth a line. */
  | { readonly kind: 'notice'; readonly who: string; readonly message: string };

export type DemoEvent = Happening & { readonly at: EpochMs };

export type KindOf<Kind extends Happening['kind']> = Extract<DemoEvent, { kind: Kind }>;
