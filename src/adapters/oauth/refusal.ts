import { parseChallenges } from '../../core/bearer.ts';
import type { Progress, TokenErrorCode, TokenRequestError } from '../../core/errors.ts';
import { askedPause } from '../../core/retry-after.ts';
import type { EpochMs } from '../../core/token.ts';
import { ENTRA_ERRORS, entraCodeOf } from './entra-errors.ts';
import { type Peer, peerFailure } from './failures.ts';

type RefusalCode = Exclude<
  TokenErrorCode,
  | 'unreachable'
  | 'timeout'
  | 'refused_address'
  | 'proxy_denied'
  | 'invalid_response'
  | 'credential_unreadable'
  | 'credential_unavailable'
  | 'needs_credential'
  | 'state_unavailable'
  | 'state_busy'
  | 'same_token'
>;

const SENTENCES: Readonly<Record<RefusalCode, string>> = {
  invalid_client: 'does not accept the client: check client_id, its secret or key, and clientAuthentication',
  invalid_grant: 'does not accept the user name and password, or the refresh token',
  invalid_request: 'does not accept the request: check the parameters of this token',
  invalid_scope: 'does not grant this scope',
  unauthorized_client: 'does not accept the client, or does not allow it this grant; check its secret, then its rights',
  unsupported_grant_type: 'does not support this grant',
  access_denied: 'denied the token',
  rate_limited: 'asks for fewer requests',
  server_error: 'is out of order',
};

/**
 * By the `error` of RFC 6749 sections 5.2 and 4.1.2.1, RFC 8628 section 3.5, RFC 8707 section 2, OpenID Connect Core
 * section 3.1.2.6; `invalid_resource` is Entra ID's.
 */
const CODES: ReadonlyMap<string, RefusalCode> = new Map<string, RefusalCode>([
  ['invalid_client', 'invalid_client'],
  ['invalid_grant', 'invalid_grant'],
  ['invalid_request', 'invalid_request'],
  ['invalid_target', 'invalid_request'],
  ['invalid_resource', 'invalid_request'],
  ['invalid_scope', 'invalid_scope'],
  ['unauthorized_client', 'unauthorized_client'],
  ['unsupported_grant_type', 'unsupported_grant_type'],
  ['access_denied', 'access_denied'],
  ['interaction_required', 'access_denied'],
  ['login_required', 'access_denied'],
  ['consent_required', 'access_denied'],
  ['slow_down', 'rate_limited'],
  ['server_error', 'server_error'],
  ['temporarily_unavailable', 'server_error'],
]);

const NEAREST: ReadonlyMap<number, RefusalCode> = new Map<number, RefusalCode>([
  [400, 'invalid_request'],
  [401, 'invalid_client'],
  [403, 'access_denied'],
]);

function namedError(body: Readonly<Record<string, unknown>> | undefined, headers: Headers): RefusalCode | undefined {
  const inBody = body !== undefined && Object.hasOwn(body, 'error') ? body['error'] : undefined;
  if (typeof inBody === 'string') return CODES.get(inBody);
  // With a wrong Basic secret the error may come in the challenge alone.
  const challenges = parseChallenges(headers.get('www-authenticate') ?? '');
  const inChallenges = challenges.map(({ parameters }) => parameters.get('error'));
  return inChallenges.map((error) => CODES.get(error ?? '')).find((code) => code !== undefined);
}

function codeOf(response: Response, body: Readonly<Record<string, unknown>> | undefined): RefusalCode | undefined {
  const { status, headers } = response;
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'server_error';
  // Some servers refuse with 200 and an OAuth error.
  if (status >= 400 || status === 200) return namedError(body, headers) ?? NEAREST.get(status);
  return undefined;
}

export interface RefusalContext {
  readonly peer: Peer;
  readonly now: EpochMs;
  readonly progress: Progress;
}

/** The refusal that an answer is; `undefined` where it is none, but a token or something else. */
export function refusalOf(
  response: Response,
  body: Readonly<Record<string, unknown>> | undefined,
  { peer, now, progress }: RefusalContext,
): TokenRequestError | undefined {
  const code = codeOf(response, body);
  if (code === undefined) return undefined;
  const retryAfter = askedPause(response.status, (name) => response.headers.get(name), now);
  const entra = entraCodeOf(body);
  const what = ENTRA_ERRORS.get(entra ?? 0) ?? SENTENCES[code];
  const named = [code, ...(entra === undefined ? [] : [`AADSTS${entra}`]), `HTTP ${response.status}`].join(', ');
  return peerFailure(code, peer, `${what} (${named})`, { progress, retryAfter });
}
