import { errorKind } from '../../core/error-kind.ts';
import { type Progress, TokenRequestError } from '../../core/errors.ts';
import type { Redacted } from '../../core/redacted.ts';
import type { Ms } from '../../core/token.ts';
import { OutboundError } from '../http/outbound-error.ts';
import type { Sent } from './rejection-sentences.ts';

/** The authorization server as messages name it. */
export interface Peer {
  /** In the configuration. */
  readonly name: string;
  /** Host and port that were called. */
  readonly host: string;
  /** The request that it received; `undefined` where only its metadata is requested. */
  readonly sent?: Sent | undefined;
}

export interface FailureDetails {
  readonly progress: Progress;
  readonly retryAfter?: Ms | undefined;
  /** Further sentences about what to do. */
  readonly remedy?: string | undefined;
  readonly rejectsClient?: boolean;
  readonly cause?: unknown;
}

/** Makes an error whose message begins with "The authorization server corporate at login.example.com", then `what`. */
export function peerFailure(
  code: TokenRequestError['code'],
  { name, host }: Peer,
  what: string,
  { remedy, ...details }: FailureDetails,
): TokenRequestError {
  const message = `The authorization server ${name} at ${host} ${what}.${remedy === undefined ? '' : ` ${remedy}`}`;
  return new TokenRequestError(code, message, details);
}

/** Returns the error with the refresh token of the same answer, so that the token is not lost with the answer. */
export function withRefreshToken(error: TokenRequestError, refreshToken: Redacted | undefined): TokenRequestError {
  if (refreshToken === undefined) return error;
  const { code, message, progress, retryAfter } = error;
  return new TokenRequestError(code, message, { progress, retryAfter, refreshToken, cause: error });
}

export function cancellation({ name }: Peer, progress: Progress): TokenRequestError {
  return new TokenRequestError('unreachable', `The request to the authorization server ${name} was cancelled.`, {
    progress,
  });
}

/**
 * Makes a TokenRequestError of anything that an HTTP exchange threw. Only our own errors are quoted, because those of
 * libraries carry bodies and headers.
 */
export function exchangeFailure(error: unknown, peer: Peer, progress?: Progress): TokenRequestError {
  if (error instanceof TokenRequestError) return error;
  if (!(error instanceof OutboundError)) {
    return peerFailure('invalid_response', peer, `could not be understood (${errorKind(error)})`, {
      progress: progress ?? 'unknown',
      cause: error,
    });
  }
  const reached = progress ?? error.progress;
  if (error.code === 'cancelled') return cancellation(peer, reached);
  const message = `The authorization server ${peer.name} gave no usable answer. ${error.message}`;
  return new TokenRequestError(error.code, message, { progress: reached, cause: error });
}
