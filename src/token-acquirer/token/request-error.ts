import { StoreError, TokenRequestError, UsageError } from '../../core/errors.ts';
import { errorPlace } from '../../core/inner-error.ts';

/** Makes a TokenRequestError of anything that a token request throws. */
export function asRequestError(error: unknown): TokenRequestError {
  if (error instanceof TokenRequestError) return error;
  if (error instanceof StoreError)
    return new TokenRequestError('credential_unavailable', error.message, { progress: 'not-sent', cause: error });
  if (error instanceof UsageError)
    return new TokenRequestError('credential_unreadable', error.message, { progress: 'not-sent', cause: error });
  // An error inside the token-acquirer. Its message may quote anything, so the sentence only names its class and place.
  const message = `The token request failed inside the token-acquirer (${errorPlace(error)}).`;
  return new TokenRequestError('server_error', message, { progress: 'unknown', cause: error });
}
