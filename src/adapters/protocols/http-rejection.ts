import { clockSkew } from '../../core/clock-skew.ts';
import type { TokenRequestError } from '../../core/errors.ts';
import { askedPause } from '../../core/retry-after.ts';
import type { EpochMs } from '../../core/token.ts';
import type { RejectedAnswer, Rejection } from '../../ports/http-protocol.ts';
import { type Peer, peerFailure } from '../oauth/failures.ts';
import { MAY_REJECT } from './http-answer.ts';

const CHECK_URL = 'Check url of this authorization server.';

/** The statuses that mean the same in every protocol. */
const BY_STATUS: ReadonlyMap<number, Rejection> = new Map<number, Rejection>([
  [404, { code: 'invalid_request', what: 'has nothing at this URL', remedy: CHECK_URL }],
  [405, { code: 'invalid_request', what: 'does not accept this request at this URL', remedy: CHECK_URL }],
  [407, { code: 'proxy_denied', what: 'was not reached, because a proxy in between requires authentication' }],
  [408, { code: 'server_error', what: 'did not wait for the request' }],
  [410, { code: 'invalid_request', what: 'no longer has anything at this URL', remedy: CHECK_URL }],
  [425, { code: 'server_error', what: 'asks to repeat the request' }],
  [429, { code: 'rate_limited', what: 'asks for fewer requests' }],
]);

export const CHECK_REVOCATION = 'Check how this authorization server is asked to revoke a token.';

/** Returns what a rejected revocation means, where that differs from a rejected token request. */
export function rejectedRevocation({ status }: RejectedAnswer): Rejection | undefined {
  if (status !== 401) return undefined;
  const remedy = `The token may have ended already. Otherwise it stays valid. ${CHECK_REVOCATION}`;
  return { code: 'invalid_request', what: 'does not accept the token', remedy };
}

export interface RejectionContext {
  readonly peer: Peer;
  readonly sentAt: EpochMs;
  readonly now: EpochMs;
  /** A sentence about what to check. */
  readonly check: string;
  readonly meaning: ((answer: RejectedAnswer) => Rejection | undefined) | undefined;
}

/** Returns the error for an answer that is no success. Quotes nothing of its body, which may repeat what was sent. */
export function httpRejection(
  { status, headers }: Response,
  { peer, sentAt, now, check, meaning }: RejectionContext,
): TokenRequestError {
  const pause = askedPause(status, (name) => headers.get(name), now);
  const usual = usualRejection(status, check);
  const clockAhead = skewOf(headers.get('date'), sentAt, now);
  const { code, what, remedy } = meaning?.({ status, pause, clockAhead, usual }) ?? usual;
  return peerFailure(code, peer, `${what} (${code}, HTTP ${status})`, {
    progress: 'answered',
    retryAfter: pause,
    remedy,
  });
}

function usualRejection(status: number, check: string): Rejection {
  const known = BY_STATUS.get(status);
  if (known !== undefined) return known;
  if (status >= 500) return { code: 'server_error', what: 'returned a server error' };
  if (status < 400) {
    const remedy = `${CHECK_URL} ${MAY_REJECT} ${check}`;
    return { code: 'access_denied', what: 'answered with a redirect, which is not followed', remedy };
  }
  if (status === 401) return { code: 'invalid_client', what: 'does not accept the credential', remedy: check };
  if (status === 423) {
    return { code: 'access_denied', what: 'has locked the account', remedy: `Unlock it. ${check}` };
  }
  if (status === 402 || status === 403 || status === 451) {
    const remedy = `Look for a policy on the account. ${check} The answer may also come from a firewall in between.`;
    return { code: 'access_denied', what: 'denied the token', remedy };
  }
  return {
    code: 'invalid_request',
    what: 'rejected the request',
    remedy: `Check the settings of this authorization server. ${check}`,
  };
}

function skewOf(date: string | null, sentAt: EpochMs, answeredAt: EpochMs): number {
  const serverDate = Date.parse(date ?? '');
  return Number.isNaN(serverDate) ? 0 : clockSkew({ sentAt, answeredAt, serverDate });
}
