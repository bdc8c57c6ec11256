import type { TokenView } from '../../core/access-token.ts';
import type { Conditions } from '../../core/conditions.ts';
import { TOKEN_ERRORS, type TokenErrorCode } from '../../core/errors.ts';
import { reasonOf } from '../../core/reasons.ts';
import type { Token } from '../../core/token.ts';
import type { LastError } from '../token/token-status.ts';

/** What the status of an AccessToken needs of a cycle. */
export interface ObservedCycle {
  readonly held: { readonly token: Token | undefined; readonly superseded: boolean; readonly stored: boolean };
  readonly requests: { readonly isErrorOutdated: boolean };
  readonly status: { readonly conditions: Conditions; readonly lastError: LastError | undefined };
}

export function tokenView({ held, requests, status: { conditions, lastError } }: ObservedCycle): TokenView {
  const { token, superseded: isSuperseded, stored: isStored } = held;
  return {
    conditions,
    isSuperseded,
    isStored,
    error: lastError && errorOf(lastError, requests),
    expiresAt: token?.expiresAt,
    renewsAt: token?.renewAt,
  };
}

/** After a correction, the next request shows whether the error stays. */
function errorOf({ code, message }: LastError, { isErrorOutdated }: ObservedCycle['requests']): TokenView['error'] {
  const known = Object.hasOwn(TOKEN_ERRORS, code) ? (code as TokenErrorCode) : undefined;
  return {
    reason: known === undefined ? 'Failed' : reasonOf(known),
    message,
    permanent: known !== undefined && TOKEN_ERRORS[known].failure === 'configuration' && !isErrorOutdated,
  };
}
