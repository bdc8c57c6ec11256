import type { Ms } from './token.ts';

/** What a token request can end in besides a token. The standard ones are RFC 6749 section 5.2. */
export type TokenErrorCode =
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_request'
  | 'invalid_scope'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'access_denied'
  | 'rate_limited'
  | 'server_error'
  | 'unreachable'
  | 'timeout'
  | 'refused_address'
  | 'invalid_response'
  | 'credential_unreadable'
  | 'needs_credential'
  | 'state_unavailable'
  | 'same_token';

/**
 * `configuration`: a person must act, so retries are slow, lest an account be locked.
 * `transient`: the next try may succeed.
 */
export type Failure = 'configuration' | 'transient';

const CONFIGURATION: ReadonlySet<TokenErrorCode> = new Set<TokenErrorCode>([
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
  'access_denied',
  'refused_address',
  'credential_unreadable',
  'needs_credential',
]);

export function failureOf(code: TokenErrorCode): Failure {
  return CONFIGURATION.has(code) ? 'configuration' : 'transient';
}

/**
 * Where the request had got to when it failed: decides whether a rotating refresh token may be sent again.
 * `answered`: the server said that it gave nothing. `unknown`: it may have acted on the request.
 */
export type Progress = 'not-sent' | 'unknown' | 'answered';

/** A token request that gave no token. The message is a sentence without any secret. */
export class TokenRequestError extends Error {
  override readonly name = 'TokenRequestError';
  readonly code: TokenErrorCode;
  readonly progress: Progress;
  /** From `Retry-After` (RFC 9110 section 10.2.3), counted from the answer. */
  readonly retryAfter: Ms | undefined;

  constructor(code: TokenErrorCode, message: string, details: { progress: Progress; retryAfter?: Ms | undefined }) {
    super(message);
    this.code = code;
    this.progress = details.progress;
    this.retryAfter = details.retryAfter;
  }

  get failure(): Failure {
    return failureOf(this.code);
  }
}

/** A fault in what the user gave: an argument, a file, a setting. The message says what, where and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The token store could not be read or written. `permanent`: trying again will not help until someone acts. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly permanent: boolean;

  constructor(message: string, options?: { permanent?: boolean }) {
    super(message);
    this.permanent = options?.permanent ?? false;
  }
}

/** Why the client side had no reissue. */
export class ReissueError extends Error {
  override readonly name = 'ReissueError';
  /** HTTP status of the answer, `undefined` where there was none. */
  readonly status: number | undefined;
  /** Where the token-acquirer named a time: how long to wait before the next call. */
  readonly retryAfter: Ms | undefined;

  constructor(message: string, details: { status?: number | undefined; retryAfter?: Ms | undefined } = {}) {
    super(message);
    this.status = details.status;
    this.retryAfter = details.retryAfter;
  }
}

/** The message of anything thrown, for a sentence of our own. Never of a library's error that may quote its input. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  // An object need not have a text at all, and `String` throws then.
  return typeof error === 'object' && error !== null ? 'something that is not an error' : String(error);
}

/** The `code` of a Node system error (`ENOENT`, `EACCES`, …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
