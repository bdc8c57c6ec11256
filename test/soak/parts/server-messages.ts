import type { KeyPair } from '../../../src/demo/listener.ts';
import type { User } from '../../../src/demo/password-grant.ts';
import type { RegisteredClient } from '../../../src/demo/provider-configuration.ts';

export interface ServerInstructions {
  readonly clients: readonly RegisteredClient[];
  readonly users: readonly User[];
  /** Of access tokens, in seconds. */
  readonly lifetime: number;
  /** For which a used refresh token is accepted again, in seconds. */
  readonly grace: number;
  /** Where a cluster reaches it: the address of this machine, and what token requests are encrypted with. */
  readonly outside?: { readonly host: string; readonly tls: KeyPair };
}

export interface ServerReady {
  /** Where calls go. No disturbance concerns it. */
  readonly gateway: string;
  /** What the token-acquirer knows. */
  readonly tokenEndpoint: string;
}

/**
 * `down`: connections are refused. `hangs`: no answer. `slow`: the answer comes after a second. `unavailable`: 503.
 * `limited`: 429 with a `Retry-After` of 2 s. `loses`: the request is carried out, and its answer gets lost.
 */
export type ServerMood = 'normal' | 'down' | 'hangs' | 'slow' | 'unavailable' | 'limited' | 'loses';

export type ServerAsk =
  | { readonly what: 'mood'; readonly mood: ServerMood }
  /** Ends the newest access token of the client. */
  | { readonly what: 'revoke'; readonly client: string }
  | { readonly what: 'secret'; readonly client: string; readonly secret: string }
  /** A refresh token as a person would get one, once. */
  | { readonly what: 'refresh-token'; readonly client: string; readonly username: string }
  /** The access tokens that the client got lately. */
  | { readonly what: 'tokens'; readonly client: string }
  | { readonly what: 'counts' };

/** An access token, without the token. Times are those of the machine's clock. */
export interface IssuedToken {
  readonly sha256: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly revokedAt?: number;
}

export interface ServerCounts {
  readonly tokenRequests: number;
  readonly issued: number;
  readonly revoked: number;
  /** Requests of a client that came while another one of the same client was in flight. */
  readonly overlaps: number;
  readonly mostInFlight: number;
  /** Refresh tokens that came again within the grace, and after it. */
  readonly graced: number;
  readonly replayed: number;
  /** Answers by their status. */
  readonly answers: Readonly<Record<string, number>>;
}
