import type { CredentialKey } from './credential.ts';

interface GrantFacts {
  /** The parameter `grant_type` of its token requests. */
  readonly type: string;
  /** The keys that the credential must have. A grant whose proof comes from a file of its own needs none. */
  readonly needs: readonly CredentialKey[];
  /** Whether each token request spends the refresh token of the credential. */
  readonly rotates: boolean;
  /** Why a person should choose another one. The sentence continues the name of the token. */
  readonly warning: string | undefined;
  /** The key of a token that only this grant uses. */
  readonly setting: 'assertion' | 'exchange' | undefined;
}

interface ClientAuthenticationFacts {
  /** The keys that the credential must have. */
  readonly needs: readonly CredentialKey[];
  /** The keys that the credential may have as well. */
  readonly takes: readonly CredentialKey[];
  /** The settings of an authorization server that only this client authentication uses. */
  readonly settings: readonly ('assertionFile' | 'assertionKeyId' | 'assertionAudience')[];
}

/**
 * The grants (RFC 6749 sections 4.4, 4.3 and 6, RFC 7523 section 2.1, RFC 8693). Each row is all that distinguishes a grant
 * outside of the OAuth adapter.
 */
export const GRANTS = {
  client_credentials: {
    type: 'client_credentials',
    needs: [],
    rotates: false,
    warning: undefined,
    setting: undefined,
  },
  password: {
    type: 'password',
    needs: ['username', 'password'],
    rotates: false,
    setting: undefined,
    warning:
      "uses the grant password, which RFC 9700 section 2.4 forbids. It hands the user's password to a client and defeats multi-factor authentication. Use client_credentials where the authorization server has it.",
  },
  refresh_token: {
    type: 'refresh_token',
    needs: ['refresh_token'],
    rotates: true,
    warning: undefined,
    setting: undefined,
  },
  jwt_bearer: {
    type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    needs: ['private_key'],
    rotates: false,
    warning: undefined,
    setting: 'assertion',
  },
  token_exchange: {
    type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    needs: [],
    rotates: false,
    warning: undefined,
    setting: 'exchange',
  },
} as const satisfies Readonly<Record<string, GrantFacts>>;

/**
 * The ways in which a client authenticates itself (RFC 6749 section 2.3, RFC 7523 section 2.2, RFC 8705 section 2, and
 * draft-ietf-oauth-spiffe-client-auth-02 section 3.1).
 */
export const CLIENT_AUTHENTICATIONS = {
  client_secret_basic: { needs: ['client_secret'], takes: ['client_secret_next'], settings: [] },
  client_secret_post: { needs: ['client_secret'], takes: ['client_secret_next'], settings: [] },
  private_key_jwt: {
    needs: ['private_key'],
    takes: ['certificate'],
    settings: ['assertionKeyId', 'assertionAudience'],
  },
  tls_client_auth: { needs: ['private_key', 'certificate'], takes: [], settings: [] },
  // Sends an assertion from a file outside the credential.
  workload_identity: { needs: [], takes: [], settings: ['assertionFile'] },
  jwt_spiffe: { needs: [], takes: [], settings: ['assertionFile'] },
  none: { needs: [], takes: [], settings: [] },
  // Sends no client_id either: the assertion of the grant says who asks (RFC 7521 section 4.1).
  anonymous: { needs: [], takes: [], settings: [] },
} as const satisfies Readonly<Record<string, ClientAuthenticationFacts>>;

export type Grant = keyof typeof GRANTS;
export type ClientAuthentication = keyof typeof CLIENT_AUTHENTICATIONS;

export const GRANT_NAMES = Object.keys(GRANTS) as readonly Grant[];
export const CLIENT_AUTHENTICATION_NAMES = Object.keys(CLIENT_AUTHENTICATIONS) as readonly ClientAuthentication[];

/** The keys that a credential must have for this client authentication, in addition to `client_id`. */
export type NeededKey<Method extends ClientAuthentication> = (typeof CLIENT_AUTHENTICATIONS)[Method]['needs'][number];
/** The keys that a credential may have for this client authentication. */
export type TakenKey<Method extends ClientAuthentication> = (typeof CLIENT_AUTHENTICATIONS)[Method]['takes'][number];

/**
 * Returns the keys that a credential must have for this grant and client authentication. `byFile`: the grant proves itself
 * by a file outside the credential.
 */
export function neededKeys(
  grant: Grant,
  clientAuthentication: ClientAuthentication,
  { byFile = false }: { readonly byFile?: boolean } = {},
): readonly CredentialKey[] {
  const ofGrant = byFile ? [] : GRANTS[grant].needs;
  return [...new Set<CredentialKey>(['client_id', ...CLIENT_AUTHENTICATIONS[clientAuthentication].needs, ...ofGrant])];
}

/** Returns the keys by which the client authenticates itself, whether they are required or not. */
export function proofKeys(clientAuthentication: ClientAuthentication): readonly CredentialKey[] {
  const { needs, takes } = CLIENT_AUTHENTICATIONS[clientAuthentication];
  return ['client_id', ...needs, ...takes];
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

/** Whether a second secret is sent where the server rejects the first. */
export function takesNextSecret(clientAuthentication: ClientAuthentication): boolean {
  const takes: readonly CredentialKey[] = CLIENT_AUTHENTICATIONS[clientAuthentication].takes;
  return takes.includes('client_secret_next');
}
