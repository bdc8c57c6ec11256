import type { CredentialKey } from './credential.ts';

const OF_GRANT = {
  client_credentials: [],
  password: ['username', 'password'],
  refresh_token: ['refresh_token'],
} as const satisfies Readonly<Record<string, readonly CredentialKey[]>>;

const OF_CLIENT_AUTHENTICATION = {
  client_secret_basic: ['client_secret'],
  client_secret_post: ['client_secret'],
  private_key_jwt: ['private_key'],
  tls_client_auth: ['private_key', 'certificate'],
  // Takes an assertion from a file outside the credential.
  workload_identity: [],
  none: [],
} as const satisfies Readonly<Record<string, readonly CredentialKey[]>>;

export type Grant = keyof typeof OF_GRANT;
export type ClientAuthentication = keyof typeof OF_CLIENT_AUTHENTICATION;

/** The keys that a credential must have for this grant and client authentication. */
export function neededKeys(grant: Grant, clientAuthentication: ClientAuthentication): readonly CredentialKey[] {
  return ['client_id', ...OF_CLIENT_AUTHENTICATION[clientAuthentication], ...OF_GRANT[grant]];
}

/** What a credential lacks. */
export interface CredentialLack {
  readonly credential: string;
  /** Its folder as this process sees it. */
  readonly folder: string;
  /** `folder`: it is missing. `all`: it has no key of a credential. `keys`: it has some. */
  readonly lacks: 'folder' | 'all' | 'keys';
  /** The keys that are needed and missing. */
  readonly keys: readonly CredentialKey[];
  /** A sentence about what exists instead, such as the other folders; may be empty. */
  readonly found: string;
}
