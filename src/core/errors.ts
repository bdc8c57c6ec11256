import type { Redacted } from './redacted.ts';
import type { Ms } from './token.ts';

/**
 * `configuration`: a person must act, so retries are slow, lest an account be locked.
 * `transient`: the next try may succeed.
 */
export type Failure = 'configuration' | 'transient';

interface TokenErrorEntry {
  readonly failure: Failure;
  readonly meaning: string;
  readonly remedy: string;
}

/** What a token request can end in besides a token. The first eight are RFC 6749's (sections 5.2 and 4.1.2.1). */
export const TOKEN_ERRORS = {
  invalid_client: {
    failure: 'configuration',
    meaning: 'The authorization server did not accept the client or its authentication.',
    remedy: 'Check `client_id`, `client_secret` or `private_key`, and `clientAuthentication`.',
  },
  invalid_grant: {
    failure: 'configuration',
    meaning: 'The user name and password, or the refresh token, are wrong, expired or revoked.',
    remedy: 'Put the right ones into the credential.',
  },
  invalid_request: {
    failure: 'configuration',
    meaning:
      'The authorization server found the request malformed or incomplete, or rejected it with another HTTP 4xx.',
    remedy:
      'Check that the URL is that of the token endpoint. Check `scope`, `resource`, `audience` and `parameters` against its documentation.',
  },
  invalid_scope: {
    failure: 'configuration',
    meaning: 'The scope is unknown, or not for this client.',
    remedy: 'Correct `scope`, or have it granted to the client.',
  },
  unauthorized_client: {
    failure: 'configuration',
    meaning: 'The client may not use this grant. Keycloak says this of a wrong client secret, too.',
    remedy: 'Allow the grant for the client, or check the client secret.',
  },
  unsupported_grant_type: {
    failure: 'configuration',
    meaning: 'The authorization server does not have this grant.',
    remedy: 'Choose another `grant`.',
  },
  access_denied: {
    failure: 'configuration',
    meaning: 'The authorization server, or something before it, forbids the request.',
    remedy: "Look for a policy on the client, and for a firewall's answer.",
  },
  server_error: {
    failure: 'transient',
    meaning: 'The authorization server failed (HTTP 5xx, 408 or 425).',
    remedy: 'Wait; it is retried.',
  },
  rate_limited: {
    failure: 'transient',
    meaning: 'The authorization server wants fewer requests (HTTP 429).',
    remedy: 'Wait; its `Retry-After` or `RateLimit-Reset` is honored. Renew less often if it stays.',
  },
  unreachable: {
    failure: 'transient',
    meaning: 'No connection: DNS, network, TLS, or a missing `caFile`.',
    remedy:
      'Check the URL, the proxy, `caFile` (of the chart: `certificateAuthorities`) and the network policy. The message names what is wrong with a certificate.',
  },
  timeout: {
    failure: 'transient',
    meaning: 'No answer within 10 s.',
    remedy: 'Wait; it is retried.',
  },
  refused_address: {
    failure: 'configuration',
    meaning: 'The URL leads where no token request may go: plain http off loopback, a link-local or metadata address.',
    remedy: 'Correct the URL, or find out who changed the name service.',
  },
  proxy_denied: {
    failure: 'configuration',
    meaning: 'The proxy did not open a tunnel (HTTP 407: its user name or password; 403: the host is forbidden).',
    remedy: 'Check the user name and the password in `proxy`, and the rules of the proxy.',
  },
  invalid_response: {
    failure: 'transient',
    meaning: 'The answer is no usable token response: not JSON, too large, no bearer token, a redirect.',
    remedy: 'Check that the URL is that of the token endpoint. The message names a setting where one helps.',
  },
  credential_unreadable: {
    failure: 'configuration',
    meaning: 'The credential, or a key that is needed in it, is missing or unusable.',
    remedy: 'The message names the Secret in a cluster, else the folder, and the command that writes it.',
  },
  credential_unavailable: {
    failure: 'transient',
    meaning: 'The credential cannot be read at the moment: too many open files, or a failing disk.',
    remedy: 'Wait; it is retried. The message names the cause.',
  },
  needs_credential: {
    failure: 'configuration',
    meaning: 'A request without a usable answer may have spent the refresh token.',
    remedy:
      'Put a new `refresh_token` into the credential; or set `refreshTokenReuse` to the time that the server allows.',
  },
  state_busy: {
    failure: 'transient',
    meaning: 'The refresh token was sent less than 15 s ago, by another process or by one that was killed.',
    remedy: 'Wait; it is retried. Let only one token-acquirer use the state.',
  },
  state_unavailable: {
    failure: 'transient',
    meaning: 'The state, where rotated refresh tokens are kept, cannot be read or written.',
    remedy:
      'The message says why. Check the Secret `<release>-state` in a cluster, else the folder given with `--state`.',
  },
  same_token: {
    failure: 'transient',
    meaning: 'The authorization server gave the token that is held already.',
    remedy: 'Nothing, if it renews tokens only near their expiry. After a revocation, revoke it at the server, too.',
  },
} as const satisfies Readonly<Record<string, TokenErrorEntry>>;

export type TokenErrorCode = keyof typeof TOKEN_ERRORS;

export function failureOf(code: TokenErrorCode): Failure {
  return TOKEN_ERRORS[code].failure;
}

/**
 * Where the request had got to when it failed: decides whether a rotating refresh token may be sent again.
 * `answered`: the server said that it gave nothing. `unknown`: it may have acted on the request.
 */
export type Progress = 'not-sent' | 'unknown' | 'answered';

export interface TokenRequestErrorDetails {
  readonly progress: Progress;
  readonly retryAfter?: Ms | undefined;
  readonly refreshToken?: Redacted | undefined;
}

/** A token request that gave no token. The message is a sentence without any secret. */
export class TokenRequestError extends Error {
  override readonly name = 'TokenRequestError';
  readonly code: TokenErrorCode;
  readonly progress: Progress;
  /** The pause that the answer asks for, counted from the answer (`askedPause`). */
  readonly retryAfter: Ms | undefined;
  /** The successor of the refresh token that was sent, where the answer had one although it could not be used. */
  readonly refreshToken: Redacted | undefined;

  constructor(code: TokenErrorCode, message: string, details: TokenRequestErrorDetails) {
    super(message);
    this.code = code;
    this.progress = details.progress;
    this.retryAfter = details.retryAfter;
    this.refreshToken = details.refreshToken;
  }

  get failure(): Failure {
    return failureOf(this.code);
  }
}

/** A fault in what the user gave: an argument, a file, a setting. The message says what, where and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * A store could not be read or written. `permanent`: trying again will not help until someone acts. `missing`: what the
 * store is in does not exist, so nothing is stored.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly permanent: boolean;
  readonly missing: boolean;

  constructor(message: string, options?: { permanent?: boolean; missing?: boolean }) {
    super(message);
    this.missing = options?.missing ?? false;
    this.permanent = options?.permanent ?? this.missing;
  }
}

/** Why the client side had no reissue. */
export class ReissueError extends Error {
  override readonly name = 'ReissueError';
  /** HTTP status of the answer, `undefined` where there was none. */
  readonly status: number | undefined;
  /** Where the token-acquirer named a time: how long to wait before the next call. */
  readonly retryAfter: Ms | undefined;
  /** The `code` of the answer's problem+json, of lower-case letters and `_`. */
  readonly code: string | undefined;
  /** A file or token of the caller cannot be used, so nothing was sent. */
  readonly unsendable: boolean;

  constructor(message: string, { status, retryAfter, code, unsendable = false }: ReissueErrorDetails = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.code = code;
    this.unsendable = unsendable;
  }
}

interface ReissueErrorDetails {
  readonly status?: number | undefined;
  readonly retryAfter?: Ms | undefined;
  readonly code?: string | undefined;
  readonly unsendable?: boolean;
}

/** Whether it is an error, of whatever realm: to a program in a realm of its own, as under Jest, those of Node are no `Error`. */
function isError(error: unknown): error is Error {
  return error instanceof Error || Object.prototype.toString.call(error) === '[object Error]';
}

/** The message of anything thrown, for a sentence of our own. Never of a library's error that may quote its input. */
export function messageOf(error: unknown): string {
  if (isError(error)) return error.message;
  // An object need not have a text at all, and `String` throws then.
  return typeof error === 'object' && error !== null ? 'something that is not an error' : String(error);
}

/** The `code` of a Node system error (`ENOENT`, `EACCES`, …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  const code = isError(error) && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
