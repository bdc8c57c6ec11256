import type { Progress, TokenRequestError } from '../../core/errors.ts';
import { askedPause } from '../../core/retry-after.ts';
import type { EpochMs } from '../../core/token.ts';
import { ENTRA_ERRORS, entraCodeOf } from './entra-errors.ts';
import { errorNames, isShowable } from './error-names.ts';
import { type Peer, peerFailure } from './failures.ts';
import { type Rejection, type RejectionCode, rejectionIn } from './rejection-sentences.ts';

type Body = Readonly<Record<string, unknown>>;

/**
 * By the `error` of RFC 6749 sections 5.2 and 4.1.2.1, RFC 8628 section 3.5, RFC 8707 section 2, OpenID Connect Core
 * section 3.1.2.6; `invalid_resource` is Entra ID's.
 */
const CODES: ReadonlyMap<string, RejectionCode> = new Map<string, RejectionCode>([
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

/** A server that names one of these has judged the credential, whatever its status is. Another request may lock it. */
const JUDGMENTS: ReadonlySet<RejectionCode> = new Set([
  'invalid_client',
  'invalid_grant',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
  'access_denied',
] as const);

/** Statuses below 500 after which the same request may succeed. */
const PASSING: ReadonlyMap<number, RejectionCode> = new Map<number, RejectionCode>([
  [408, 'server_error'],
  [425, 'server_error'],
  [429, 'rate_limited'],
]);

/** For the other statuses below 500. Those that are missing here are `invalid_request`. */
const NEAREST: ReadonlyMap<number, RejectionCode> = new Map<number, RejectionCode>([
  [401, 'invalid_client'],
  [402, 'access_denied'],
  [403, 'access_denied'],
  [407, 'proxy_denied'],
  [423, 'access_denied'],
  [451, 'access_denied'],
]);

interface Verdict {
  readonly code: RejectionCode;
  /** Whether the answer names the error, or only its status shows it. */
  readonly named: boolean;
}

function verdictOf({ status }: Response, named: RejectionCode | undefined, isError: boolean): Verdict | undefined {
  if (named !== undefined && JUDGMENTS.has(named)) return { code: named, named: true };
  if (status >= 500) return { code: 'server_error', named: false };
  const passing = PASSING.get(status);
  if (passing !== undefined) return { code: passing, named: false };
  // Some servers answer a wrong password with 4xx and a name such as server_error, so only the status counts here.
  const lasting = named === 'invalid_request';
  if (status >= 400) {
    return { code: lasting ? named : (NEAREST.get(status) ?? 'invalid_request'), named: lasting };
  }
  // Some servers reject with 200 and an OAuth error.
  if (status >= 200 && status < 300 && isError) return { code: named ?? 'invalid_request', named: named !== undefined };
  return undefined;
}

export interface RejectionContext {
  readonly peer: Peer;
  readonly now: EpochMs;
  readonly progress: Progress;
}

/** Returns the error for an answer that rejects the request; `undefined` for a token or anything else. */
export function rejectionOf(
  response: Response,
  body: Body | undefined,
  { peer, now, progress }: RejectionContext,
): TokenRequestError | undefined {
  // The body of a 407 comes from a proxy.
  const names = response.status === 407 ? [] : errorNames(body, response.headers);
  const known = names.map(codeNamed).filter((code) => code !== undefined);
  const named = known.find((code) => JUDGMENTS.has(code)) ?? known[0];
  const verdict = verdictOf(response, named, body !== undefined && hasError(body));
  if (verdict === undefined) return undefined;
  const { code } = verdict;
  const { status, headers } = response;
  const entra = entraCodeOf(body);
  const own = entra === undefined ? nameToShow(names, code, peer) : `AADSTS${entra}`;
  const { what, remedy } = wordsFor(entra) ?? rejectionIn(code, { status, named: verdict.named }, peer.sent);
  const inBrackets = [code, own, `HTTP ${status}`].filter((part) => part !== undefined).join(', ');
  const retryAfter = askedPause(status, (name) => headers.get(name), now);
  // Keycloak answers a wrong secret with 401 `unauthorized_client`. With 400 it means a grant that the client may not use.
  const rejectsClient = code === 'invalid_client' || (code === 'unauthorized_client' && status === 401);
  return peerFailure(code, peer, `${what} (${inBrackets})`, { progress, retryAfter, remedy, rejectsClient });
}

function codeNamed(name: string): RejectionCode | undefined {
  return CODES.get(name.toLowerCase().replaceAll(/[ -]/g, '_'));
}

function hasError(body: Body): boolean {
  const error = Object.hasOwn(body, 'error') ? body['error'] : undefined;
  return typeof error === 'string' ? error !== '' : typeof error === 'object' && error !== null;
}

/** Returns the first name of the error that adds something to the code. */
function nameToShow(names: readonly string[], code: RejectionCode, { sent }: Peer): string | undefined {
  return names.find((name) => name !== code && isShowable(name, sent?.request));
}

function wordsFor(entra: number | undefined): Rejection | undefined {
  const what = ENTRA_ERRORS.get(entra ?? 0);
  return what === undefined ? undefined : { what };
}
