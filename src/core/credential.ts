import type { Redacted } from './redacted.ts';

/** The keys that a credential folder may hold besides `interval`. */
export const CREDENTIAL_KEYS = [
  'client_id',
  'client_secret',
  'client_secret_next',
  'username',
  'password',
  'private_key',
  'refresh_token',
  'certificate',
] as const;

export type CredentialKey = (typeof CREDENTIAL_KEYS)[number];

/** The folder's key that rewrites the renewal interval. */
export const INTERVAL_KEY = 'interval';

/** The folder's key that says when the secret ends at the authorization server. It is never sent. */
export const EXPIRY_KEY = 'expires_at';

/** The keys that a person sets together: those of the credential, and when it ends. */
export const SET_KEYS = [...CREDENTIAL_KEYS, EXPIRY_KEY] as const;

/**
 * The folder of one Secret with many credentials, next to the folders of single ones. Its files are named
 * `<credential>.<key>`, because the keys of a Secret cannot name folders.
 */
export const SHARED_FOLDER = '.shared';

/** The name that a key of this credential has in a shared Secret. */
export function sharedKey(credential: string, key: string): string {
  return `${credential}.${key}`;
}

export interface Credential {
  readonly name: string;
  readonly values: Readonly<Partial<Record<CredentialKey, Redacted>>>;
  /** Changes when any value changes; says nothing of the values. */
  readonly fingerprint: string;
}
