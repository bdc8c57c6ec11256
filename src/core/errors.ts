import { innerError } from './inner-error.ts';
import type { Redacted } from './redacted.ts';
import type { Ms } from './token.ts';

/**
 * `configuration`: a person must act, so retries are slow and lock no account.
 * `transient`: the next try may succeed.
 */
export type Failure = 'configuration' | 'transient';

/** Where token-acquirer runs: in a cluster with Secrets, or with the directories that its options name. */
export type Place = 'cluster' | 'directory';

interface TokenErrorEntry {
  readonly failure: Failure;
  /** What happened. */
  readonly meaning: string;
  /** What to do about it, where that depends on the place for each. */
  readonly remedy: string | Readonly<Record<Place, string>>;
}

/** The results of a token request that gave no token. The first seven are codes of RFC 6749 (sections 5.2 and 4.1.2.1). */
export const TOKEN_ERRORS = {
  invalid_client: {
    failure: 'configuration',
    meaning: 'The authorization server did not accept the client or its authentication.',
    remedy: {
      cluster:
        'Correct the client keys in the Secret of the credential with `token-acquirer credentials set`. Then check `clientAuthentication`.',
      directory:
        'Correct `client_id`, `client_secret` or `private_key` in the folder of the credential. Then check `clientAuthentication`.',
    },
  },
  invalid_grant: {
    failure: 'configuration',
    meaning: 'The user name and password, or the refresh token, are wrong, expired or revoked.',
    remedy: {
      cluster: 'Put valid ones into the Secret of the credential with `token-acquirer credentials set`.',
      directory: 'Put valid ones into the folder of the credential with `token-acquirer credentials set`.',
    },
  },
  invalid_request: {
    failure: 'configuration',
    meaning: 'The authorization server found the request malformed or incomplete, or answered with another HTTP 4xx.',
    remedy:
      'Check the URL of the token endpoint. Compare `scope`, `resource`, `audience` and `parameters` with the documentation of the server.',
  },
  invalid_scope: {
    failure: 'configuration',
    meaning: 'The scope is unknown, or the client may not have it.',
    remedy: 'Correct `scope`, or have the scope granted to the client.',
  },
  unauthorized_client: {
    failure: 'configuration',
    meaning: 'The client may not use this grant. Keycloak also answers a wrong client secret with this code.',
    remedy: 'Allow the grant for the client at the authorization server, or correct the client secret.',
  },
  unsupported_grant_type: {
    failure: 'configuration',
    meaning: 'The authorization server does not support this grant.',
    remedy: 'Choose another `grant`.',
  },
  access_denied: {
    failure: 'configuration',
    meaning: 'The authorization server, or a firewall in front of it, denied the request.',
    remedy: 'Look for a policy on the client, a locked account, or a rule of the firewall.',
  },
  server_error: {
    failure: 'transient',
    meaning: 'The authorization server failed (HTTP 5xx, 408 or 425).',
    remedy: 'Wait: token-acquirer retries. If the error stays, ask the operators of the authorization server.',
  },
  rate_limited: {
    failure: 'transient',
    meaning: 'The authorization server asks for fewer requests (HTTP 429).',
    remedy:
      'Wait: token-acquirer honors `Retry-After` and `RateLimit-Reset`. If the error stays, renew less often with `renewal`.',
  },
  unreachable: {
    failure: 'transient',
    meaning: 'No connection: DNS, network, TLS, or a missing CA file. The message names the cause.',
    remedy: {
      cluster:
        'Check the URL, `proxy`, `certificateAuthorities` and `networkPolicy` of the chart, and DNS from the pod of token-acquirer.',
      directory: 'Check the URL, `proxy` and `caFile` of the authorization server, and DNS on this machine.',
    },
  },
  timeout: {
    failure: 'transient',
    meaning: 'The authorization server did not answer within 10 s.',
    remedy: 'Wait: token-acquirer retries. If the error stays, look for a firewall that drops packets.',
  },
  refused_address: {
    failure: 'configuration',
    meaning: 'No token request may go to this URL: plain http off loopback, a link-local or a metadata address.',
    remedy: 'Correct the URL. If the URL is right, find out who changed the name in DNS.',
  },
  proxy_denied: {
    failure: 'configuration',
    meaning: 'The proxy did not open a tunnel: HTTP 407 for its user name or password, HTTP 403 for a forbidden host.',
    remedy: 'Check the user name and the password in `proxy`, and the rules of the proxy.',
  },
  invalid_response: {
    failure: 'transient',
    meaning: 'The answer has no usable token: it is not JSON, too large, a redirect, or has no bearer token.',
    remedy: 'Check the URL of the token endpoint. The message names a setting where one helps.',
  },
  credential_unreadable: {
    failure: 'configuration',
    meaning: 'The credential, or a key that is needed in it, is missing or unusable.',
    remedy: {
      cluster: 'Create or correct the Secret that the message names, with the command in the message.',
      directory: 'Create or correct the folder that the message names, with the command in the message.',
    },
  },
  credential_unavailable: {
    failure: 'transient',
    meaning: 'The credential cannot be read at the moment: too many open files, or a failing disk.',
    remedy: 'Wait: token-acquirer retries. The message names the cause.',
  },
  needs_credential: {
    failure: 'configuration',
    meaning: 'A request without a usable answer may have spent the refresh token.',
    remedy: {
      cluster:
        'Put a new `refresh_token` into the Secret of the credential, or set `refreshTokenReuse` to the time that the server allows.',
      directory:
        'Put a new `refresh_token` into the folder of the credential, or set `refreshTokenReuse` to the time that the server allows.',
    },
  },
  chain_elsewhere: {
    failure: 'transient',
    meaning: 'Another shard used the refresh token last and has not given it up yet.',
    remedy: {
      cluster:
        'Wait: it is given up once that shard has loaded the same configuration, or its Lease has ended. The message names the Lease and the pod.',
      directory: 'Wait: token-acquirer retries.',
    },
  },
  state_busy: {
    failure: 'transient',
    meaning: 'The refresh token was sent less than 15 s ago, by another process or by one that was killed.',
    remedy: {
      cluster: 'Wait: token-acquirer retries. Let only one release use a state.',
      directory: 'Wait: token-acquirer retries. Start one process only for each `--state` directory.',
    },
  },
  state_unavailable: {
    failure: 'transient',
    meaning: 'The state with the rotated refresh tokens cannot be read or written. The message names the cause.',
    remedy: {
      cluster: 'Check the Secret `token-acquirer-state` and the RBAC of token-acquirer for it.',
      directory: 'Check the folder given with `--state`: its owner, its permissions and the free space.',
    },
  },
  same_token: {
    failure: 'transient',
    meaning: 'The authorization server returned the token that is already held.',
    remedy:
      'Nothing, if the server renews tokens only near their expiry. After a revocation, revoke the token at the server, too.',
  },
} as const satisfies Readonly<Record<string, TokenErrorEntry>>;

export type TokenErrorCode = keyof typeof TOKEN_ERRORS;

/** What to do about an error, in whole sentences. */
export function remedyOf(code: TokenErrorCode, place: Place): string {
  const { remedy } = TOKEN_ERRORS[code];
  return typeof remedy === 'string' ? remedy : remedy[place];
}

/** Where the reference explains the error, relative to the folder of the project. */
export function referenceOf(code: TokenErrorCode): string {
  return `docs/reference/errors.md#${code}`;
}

export function failureOf(code: TokenErrorCode): Failure {
  return TOKEN_ERRORS[code].failure;
}

/**
 * How far the request got before it failed. It decides whether a rotating refresh token may be sent again.
 * `answered`: the server answered that it gave nothing. `unknown`: it may have acted on the request.
 */
export type Progress = 'not-sent' | 'unknown' | 'answered';

export interface TokenRequestErrorDetails {
  readonly progress: Progress;
  readonly retryAfter?: Ms | undefined;
  readonly refreshToken?: Redacted | undefined;
  readonly rejectsClient?: boolean;
  /** The error inside, of which only the class and the frames are kept. */
  readonly cause?: unknown;
}

/** A token request that gave no token. The message is a sentence without any secret. */
export class TokenRequestError extends Error {
  override readonly name = 'TokenRequestError';
  readonly code: TokenErrorCode;
  readonly progress: Progress;
  /** The pause that the answer asks for, counted from the answer (`askedPause`). */
  readonly retryAfter: Ms | undefined;
  /** The successor of the refresh token that was sent, if an otherwise unusable answer had one. */
  readonly refreshToken: Redacted | undefined;
  /** Whether the server rejected the proof of the client, and not what the client asked for. */
  readonly rejectsClient: boolean;

  constructor(code: TokenErrorCode, message: string, details: TokenRequestErrorDetails) {
    super(message, causeOption(details));
    this.code = code;
    this.progress = details.progress;
    this.retryAfter = details.retryAfter;
    this.refreshToken = details.refreshToken;
    this.rejectsClient = details.rejectsClient ?? false;
  }

  get failure(): Failure {
    return failureOf(this.code);
  }
}

/** An error in an argument, a file or a setting. The message states what is wrong, where, and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, causeOption(options));
  }
}

/**
 * A store could not be read or written. `permanent`: no retry helps until somebody acts. `missing`: the Secret or
 * directory of the store does not exist, so nothing is stored.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly permanent: boolean;
  readonly missing: boolean;

  constructor(message: string, options: StoreErrorOptions = {}) {
    super(message, causeOption(options));
    this.missing = options.missing ?? false;
    this.permanent = options.permanent ?? this.missing;
  }
}

interface StoreErrorOptions {
  readonly permanent?: boolean;
  readonly missing?: boolean;
  readonly cause?: unknown;
}

function causeOption({ cause }: { readonly cause?: unknown }): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause: innerError(cause) };
}

/** A reissue call that gave no token, as the caller sees it. */
export class ReissueError extends Error {
  override readonly name = 'ReissueError';
  /** HTTP status of the answer; `undefined` if there was none. */
  readonly status: number | undefined;
  /** How long to wait before the next call, if the token-acquirer named a time. */
  readonly retryAfter: Ms | undefined;
  /** The `code` of the answer's problem+json, of lower-case letters and `_`. */
  readonly code: string | undefined;
  /** Nothing was sent, because a file or the token of the caller cannot be used. */
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

/** Returns whether it is an error of any realm. In the realm of Jest, an error of Node is no `Error`. */
function isError(error: unknown): error is Error {
  return error instanceof Error || Object.prototype.toString.call(error) === '[object Error]';
}

/** Returns the message of anything thrown. Not for errors of libraries, which may quote their input. */
export function messageOf(error: unknown): string {
  if (isError(error)) return error.message;
  // An object need not have a text at all, and `String` throws then.
  return typeof error === 'object' && error !== null ? 'something that is not an error' : String(error);
}

/** Returns the `code` of a Node system error (`ENOENT`, `EACCES`, …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  const code = isError(error) && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
