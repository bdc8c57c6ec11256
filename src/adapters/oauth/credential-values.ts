import type { Credential, CredentialKey } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';

/** Makes the error for a value that a token request needs and cannot use. `message`: a sentence without any secret. */
export function unusableCredential(message: string, cause?: unknown): TokenRequestError {
  return new TokenRequestError('credential_unreadable', message, { progress: 'not-sent', cause });
}

/** Makes the error for a file that `what` needs and the folder of the credential does not have. */
export function missingValue(credential: string, key: CredentialKey, what: string): TokenRequestError {
  return unusableCredential(
    `The credential ${credential} has no file ${key}, which ${what} needs. Put the file into the folder of the credential.`,
  );
}

/** Returns `undefined` where the file is missing or empty. */
export function valueOf(credential: Credential, key: CredentialKey): string | undefined {
  const value = credential.values[key]?.reveal();
  return value === '' ? undefined : value;
}

/** Throws TokenRequestError `credential_unreadable`, which names the missing file. */
export function requiredValue(credential: Credential, key: CredentialKey, what: string): string {
  const value = valueOf(credential, key);
  if (value === undefined) throw missingValue(credential.name, key, what);
  return value;
}
