import type { TokenErrorCode } from './errors.ts';
import type { EpochMs, Ms, Sha256, Token, TokenIdentity } from './token.ts';

/** What began a token request. */
export type Trigger = 'renewal' | 'reissue';

/** How a call of the reissue endpoint ended. */
export type ReissueResult =
  | 'reissued'
  | 'coalesced'
  | 'newer'
  | 'paused'
  | 'rate_limited'
  | 'failed'
  | 'store_unavailable'
  | 'stopping';

/** Something that happened to one token, worth a log line or a metric. Never holds a secret. */
export type TokenEvent =
  | { kind: 'token-adopted'; token: TokenFacts }
  | { kind: 'token-issued'; token: TokenFacts; trigger: Trigger; reason: string; took: Ms }
  | { kind: 'token-request-failed'; code: TokenErrorCode; message: string; trigger: Trigger; retryIn: Ms; took: Ms }
  | { kind: 'token-stored'; token: TokenFacts }
  | { kind: 'token-repaired'; token: TokenFacts; message: string }
  | { kind: 'token-withdrawn'; message: string }
  | { kind: 'token-rescheduled'; token: TokenFacts; message: string }
  | { kind: 'store-failed'; message: string }
  | { kind: 'stored-token-unreadable'; message: string }
  | { kind: 'suspended'; message: string }
  | { kind: 'resumed'; message: string }
  | { kind: 'execution-state-unknown'; message: string }
  | { kind: 'volume-seen'; generation: number; lag: Ms }
  | { kind: 'pods-left-behind'; message: string }
  | { kind: 'pods-not-selected'; message: string }
  | { kind: 'lifetime-not-stated'; message: string }
  | { kind: 'interval-invalid'; message: string }
  | { kind: 'clock-disagrees'; message: string }
  | { kind: 'cycle-failed'; message: string };

/** Something that happened at the reissue endpoint or to the process. */
export type ProcessEvent =
  | { kind: 'reissue'; identity: TokenIdentity; caller: string; result: ReissueResult; rejected: Sha256; took: Ms }
  | { kind: 'call-refused'; status: 400 | 401 | 403 | 413; path: string; caller: string | undefined }
  | { kind: 'configuration-loaded'; tokens: number; file: string }
  | { kind: 'configuration-refused'; message: string }
  | { kind: 'listening'; endpoint: string; url: string }
  | { kind: 'warning'; message: string }
  | { kind: 'stopping'; message: string }
  | { kind: 'stopped' };

export interface TokenFacts {
  readonly generation: number;
  readonly sha256: Sha256;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly renewAt: EpochMs;
}

/** What may be told of a token. */
export function factsOf({ generation, sha256, issuedAt, expiresAt, renewAt }: Token): TokenFacts {
  return { generation, sha256, issuedAt, expiresAt, renewAt };
}
