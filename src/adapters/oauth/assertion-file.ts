import { StoreError, TokenRequestError, UsageError } from '../../core/errors.ts';
import { readValueFile } from '../fs/value-file.ts';
import { unusableCredential } from './credential-values.ts';

/** A JWS in compact form (RFC 7515 section 3.1). */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Reads the JWT that a third party issued to this process, such as a projected ServiceAccount token. It is read for each
 * request, because the kubelet replaces it long before it expires. Throws TokenRequestError `credential_unreadable`, or
 * `credential_unavailable` for an error that may pass. Never quotes the file.
 */
export function readAssertion(path: string): string {
  const text = readFile(path);
  if (text === undefined) {
    throw unusableCredential(
      `The assertionFile ${path} does not exist. Project a ServiceAccount token into it, for the audience that the authorization server trusts.`,
    );
  }
  if (!JWT.test(text)) throw unusableCredential(`The assertionFile ${path} holds no JWT.`);
  return text;
}

function readFile(path: string): string | undefined {
  try {
    return readValueFile(path);
  } catch (error) {
    if (error instanceof UsageError) throw unusableCredential(error.message, error);
    if (error instanceof StoreError)
      throw new TokenRequestError('credential_unavailable', error.message, { progress: 'not-sent', cause: error });
    throw error;
  }
}
