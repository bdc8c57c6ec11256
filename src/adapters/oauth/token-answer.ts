import { bearerTokenProblem } from '../../core/bearer.ts';
import { Redacted } from '../../core/redacted.ts';
import type { EpochMs } from '../../core/token.ts';
import { isBearerType, isShownType, notBearerBecause } from '../../core/token-type.ts';
import type { TokenResponse } from '../../ports/token-endpoint.ts';
import { exchangeFailure, type Peer, peerFailure, withRefreshToken } from './failures.ts';
import { rejectionOf } from './rejection.ts';

type Body = Readonly<Record<string, unknown>>;

/** RFC 6749 appendix A.17. */
const VISIBLE = /^[\x20-\x7e]+$/;
/** Leaves room in the token document, whose reader accepts 64 KiB at most. */
const LONGEST_SCOPE = 8 * 1024;

class Unusable extends Error {}

/** Returns the JSON object of an answer; `undefined` for anything else. */
export function parseBody(text: string): Body | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Body) : undefined;
  } catch {
    // The message of the parser quotes the text.
    return undefined;
  }
}

/** Returns an own member. `null` counts as absent, because several servers send it. */
function member(body: Body, name: string): unknown {
  return Object.hasOwn(body, name) ? (body[name] ?? undefined) : undefined;
}

function accessTokenOf(body: Body): string {
  const value = member(body, 'access_token');
  if (typeof value !== 'string') throw new Unusable('has no access_token');
  const problem = bearerTokenProblem(value);
  if (problem !== undefined) throw new Unusable(`has an access_token that ${problem}`);
  return value;
}

function requireBearer(body: Body, others: readonly string[]): void {
  const value = member(body, 'token_type') ?? 'Bearer';
  if (typeof value !== 'string' || value === '') throw new Unusable('has a token_type that is not a text');
  if (isBearerType(value, others)) return;
  const because = notBearerBecause(value);
  if (because !== undefined) throw new Unusable(`has the token_type ${value}, which ${because}`);
  const named = isShownType(value) ? `the token_type "${value}"` : 'an unusual token_type';
  throw new Unusable(
    `has ${named} instead of Bearer: if this server uses it for bearer tokens, add it to bearerTokenTypes of the authorization server`,
  );
}

function refreshTokenOf(body: Body): Redacted | undefined {
  const value = member(body, 'refresh_token');
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string' || !VISIBLE.test(value)) throw new Unusable('has a malformed refresh_token');
  return new Redacted(value);
}

/** A scope is only shown, never sent, so a malformed one is treated as missing. */
function scopeOf(body: Body): string | undefined {
  const value = member(body, 'scope');
  const scope: unknown =
    Array.isArray(value) && value.every((part) => typeof part === 'string') ? value.join(' ') : value;
  const isUsable = typeof scope === 'string' && scope.length <= LONGEST_SCOPE && VISIBLE.test(scope);
  return isUsable ? scope : undefined;
}

/** Types of issued tokens that no gateway accepts as a bearer token (RFC 8693 section 3). */
const NEVER_SENT = /:token-type:(refresh_token|saml1|saml2)$/;

/**
 * Checks what a token exchange gave (RFC 8693 section 2.2.1). `token_type` is `N_A` where the server does not call it an access
 * token. A JWT or ID token that the configuration asks for is sent as a bearer token anyway.
 */
function requireExchanged(body: Body, { requestedTokenType, bearerTokenTypes }: Expected): void {
  const issued = member(body, 'issued_token_type');
  const notSent = typeof issued === 'string' ? NEVER_SENT.exec(issued)?.[1] : undefined;
  if (notSent !== undefined) throw new Unusable(`has the issued_token_type ${notSent}, which is not for a gateway`);
  const isAsked = requestedTokenType !== undefined && issued === requestedTokenType;
  if (!isAsked || member(body, 'token_type') !== 'N_A') requireBearer(body, bearerTokenTypes);
}

type Expected = Pick<AnswerContext, 'bearerTokenTypes' | 'requestedTokenType'>;

/** The members of RFC 6749 section 5.1. Throws Unusable. */
function tokenOf(body: Body, expected: Expected): TokenResponse {
  const accessToken = new Redacted(accessTokenOf(body));
  requireExchanged(body, expected);
  return {
    accessToken,
    tokenType: 'Bearer',
    scope: scopeOf(body),
    expiresIn: Object.hasOwn(body, 'expires_in') ? body['expires_in'] : undefined,
    refreshToken: refreshTokenOf(body),
  };
}

/** RFC 9110 section 6.6.1. */
function dateOf(response: Response): EpochMs | undefined {
  const date = Date.parse(response.headers.get('date') ?? '');
  return Number.isNaN(date) ? undefined : date;
}

/** Returns the refresh token of an answer that is otherwise unusable. */
function arrivedRefreshToken(response: Response, body: Body | undefined): Redacted | undefined {
  // The body of a rejection may repeat what was sent.
  const value = response.ok && body !== undefined ? member(body, 'refresh_token') : undefined;
  return typeof value === 'string' && VISIBLE.test(value) ? new Redacted(value) : undefined;
}

/**
 * Reads a token endpoint's answer leniently where servers are known to stray (null members, a scope array, no
 * token_type) and strictly where a header or a file could be harmed.
 *
 * Throws TokenRequestError for anything that is not a token. Its `refreshToken` is the one that came with the answer anyway.
 */
export async function readTokenAnswer(response: Response, context: AnswerContext): Promise<TokenResponse> {
  const body = parseBody(await response.text());
  try {
    return answerIn(response, body, context);
  } catch (error) {
    throw withRefreshToken(exchangeFailure(error, context.peer), arrivedRefreshToken(response, body));
  }
}

export interface AnswerContext {
  readonly peer: Peer;
  readonly now: EpochMs;
  /** Names other than `Bearer` that this server gives bearer tokens. */
  readonly bearerTokenTypes: readonly string[];
  /** What a token exchange asked for, where it asked for a type (RFC 8693 section 2.1). */
  readonly requestedTokenType?: string | undefined;
}

function answerIn(
  response: Response,
  body: Body | undefined,
  { peer, now, ...expected }: AnswerContext,
): TokenResponse {
  // A success that cannot be used may still have spent a refresh token.
  const progress = response.ok ? 'unknown' : 'answered';
  const unusable = (what: string): Error => peerFailure('invalid_response', peer, what, { progress });
  const isToken = response.ok && body !== undefined && member(body, 'access_token') !== undefined;
  if (!isToken) {
    const rejection = rejectionOf(response, body, { peer, now, progress: 'answered' });
    if (rejection !== undefined) throw rejection;
  }
  if (!response.ok) {
    const redirect = response.status >= 300 && response.status < 400 ? ', and redirects are not followed' : '';
    throw unusable(`answered with HTTP ${response.status}${redirect}: check that this is its token endpoint`);
  }
  if (body === undefined)
    throw unusable('gave an answer that is not a JSON object: check that this is its token endpoint');
  try {
    return { ...tokenOf(body, expected), serverDate: dateOf(response) };
  } catch (error) {
    throw unusable(`gave an answer that ${error instanceof Unusable ? error.message : 'cannot be used'}`);
  }
}
