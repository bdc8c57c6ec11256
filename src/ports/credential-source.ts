import type { Redacted } from '../core/redacted.ts';
import type { Ms } from '../core/token.ts';

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

export interface Credential {
  readonly name: string;
  readonly values: Readonly<Partial<Record<CredentialKey, Redacted>>>;
  /** Changes when any value changes; says nothing of the values. */
  readonly fingerprint: string;
}

export interface CredentialSource {
  /** Reads it afresh. Throws UsageError: no such folder, an empty, binary, huge or unreadable file. */
  read(credential: string): Promise<Credential>;
  /** The interval that the user wrote into the folder, `undefined` for none. Throws UsageError where it is no duration. */
  interval(credential: string): Promise<Ms | undefined>;
  /** Calls back after a change of that folder, soon and at most once a change; the return value stops it. */
  watch(credential: string, changed: () => void): () => void;
}
