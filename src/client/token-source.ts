import type { Sha256, Token } from '../core/token.ts';
import type { TokenHeader } from '../core/token-header.ts';

/**
 * An access token as the client sees it. `accessToken` prints as redacted everywhere. Times are milliseconds since the Unix
 * epoch. `sha256` is the lower-case hexadecimal hash of the access token, and may be logged.
 */
export interface ClientToken
  extends Pick<Token, 'accessToken' | 'issuedAt' | 'expiresAt' | 'generation' | 'sha256' | 'scope'> {
  /** The header that carries the token, and the text before it; `undefined` for `Authorization` and `Bearer `. */
  readonly header?: TokenHeader | undefined;
}

/** Why there is no token to send: none was ever there, the last one expired, or the source was closed. */
export class TokenNotYetAvailable extends Error {
  override readonly name = 'TokenNotYetAvailable';
}

export interface WaitOptions {
  /** Ends the wait: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReplaceOptions {
  /**
   * Whether an earlier token, which is still valid, may stand in for a second for one that no gateway has accepted yet:
   * a gateway may take a new token later than it is issued. Only for callers that call `accepted`.
   */
  readonly standIn?: boolean | undefined;
}

/** Where an application gets the tokens of one external service. */
export interface TokenSource {
  /**
   * Returns the current token from memory, without I/O, so it suits every request. It is never past its `expiresAt`.
   * Throws TokenNotYetAvailable.
   */
  current(): ClientToken;
  /**
   * Resolves with the current token, or with the next one: it waits for it, and requests a reissue of an expired one. Keeps the
   * process alive.
   * Rejects with the signal's reason, or with TokenNotYetAvailable once the source is closed.
   */
  ready(options?: WaitOptions): Promise<ClientToken>;
  /**
   * Resolves with a token other than the rejected one: the one in memory, otherwise that of the volume, otherwise that of a
   * reissue. Calls for one hash share one reissue. Rejects with TokenNotYetAvailable or ReissueError.
   */
  replace(rejected: Sha256, options?: ReplaceOptions): Promise<ClientToken>;
  /**
   * Notes that a gateway accepted the token, so that a rejection after that means a revocation. `authorizedFetch` calls
   * it after each successful answer, so it must be quick. Optional.
   */
  accepted?(sha256: Sha256): void;
  /** Notes that a request, sent once more with this token, was rejected again. Optional. */
  replayRejected?(sha256: Sha256): void;
  /** Stops watching and ends all waits. */
  close(): void;
}
