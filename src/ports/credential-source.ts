import type { Credential, CredentialKey } from '../core/credential.ts';
import type { CredentialExpiry } from '../core/credential-expiry.ts';
import type { Ms } from '../core/token.ts';

export interface CredentialSource {
  /**
   * Reads it afresh. Throws UsageError: no such folder, an empty, binary, huge or unreadable file, or a `needed` key that
   * is missing. Throws StoreError where it cannot be read at the moment.
   */
  read(credential: string, needed?: readonly CredentialKey[]): Promise<Credential>;
  /** The interval that the user wrote into the folder, `undefined` for none. Throws as `read` does. */
  interval(credential: string): Promise<Ms | undefined>;
  /** When the credential ends, as far as its files say. A wrong `expires_at` is no error. Throws StoreError as `read` does. */
  expiry(credential: string): Promise<CredentialExpiry>;
  /** Calls back after a change of that folder, soon and at most once a change; the return value stops it. */
  watch(credential: string, changed: () => void): () => void;
}
