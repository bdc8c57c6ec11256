import type { Credential, CredentialKey } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';

/** `what` needs a file that the credential's folder does not have. */
export function missingValue(credential: string, key: CredentialKey, what: string): TokenRequestError {
  const message = `The credential ${credential} has no file ${key}, which ${what} needs; put one there.`;
  return new TokenRequestError('credential_unreadable', message, { progress: 'not-sent' });
}

/** Throws TokenRequestError `credential_unreadable`, naming the missing file. */
export function requiredValue(credential: Credential, key: CredentialKey, what: string): string {
  const value = credential.values[key]?.reveal() ?? '';
  if (value === '') throw missingValue(credential.name, key, what);
  return value;
}
