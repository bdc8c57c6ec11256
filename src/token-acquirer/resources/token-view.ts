import type { TokenView } from '../../core/access-token.ts';
import type { Conditions } from '../../core/conditions.ts';
import { TOKEN_ERRORS, type TokenErrorCode } from '../../core/errors.ts';
import { reasonOf } from '../../core/reasons.ts';
import type { Token } from '../../core/token.ts';
import type { LastError } from '../token/token-status.ts';

/** What the status of an AccessToken needs of a cycle. */
export interface ObservedCycle {
  readonly held: { readonly token: Token | undefined };
  readonly status: { readonly conditions: Conditions; readonly lastError: LastError | undefined };
}

export function tokenView({ held: { token }, status: { conditions, lastError } }: ObservedCycle): TokenView {
  return {
    conditions,
    error: lastError && errorOf(lastError),
    expiresAt: token?.expiresAt,
    renewsAt: token?.renewAt,
  };
}

function errorOf({ code, message }: LastError): TokenView['error'] {
  const known = Object.hasOwn(TOKEN_ERRORS, code) ? (code as TokenErrorCode) : undefined;
  return {
    reason: known === undefined ? 'Failed' : reasonOf(known),
    message,
    permanent: known !== undefined && TOKEN_ERRORS[known].failure === 'configuration',
  };
}
