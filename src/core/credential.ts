import type { Redacted } from './redacted.ts';

/** The keys that a credential folder may hold besides `interval`. */
export const CREDENTIAL_KEYS = [
  'client_id',
  'client_secret',
  'username',
  'password',
  'private_key',
  'refresh_token',
  'certificate',
] as const;

export type CredentialKey = (typeof CREDENTIAL_KEYS)[number];

/** The folder's key that rewrites the renewal interval. */
export const INTERVAL_KEY = 'interval';

export interface Credential {
  readonly name: string;
  readonly values: Readonly<Partial<Record<CredentialKey, Redacted>>>;
  /** Changes when any value changes; says nothing of the values. */
  readonly fingerprint: string;
}
