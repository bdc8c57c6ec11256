import type { TokenErrorCode } from '../../src/core/errors.ts';

export interface RefusalOfKeycloak {
  readonly code: TokenErrorCode;
  readonly status: number;
}

/** What Keycloak answers to each mistake in a token request: the `error` in its body, and the HTTP status. */
export const KEYCLOAK_REFUSALS = {
  'a wrong client secret': { code: 'unauthorized_client', status: 401 },
  'a client secret that has expired': { code: 'unauthorized_client', status: 401 },
  'a client that is disabled': { code: 'invalid_client', status: 401 },
  'a client that does not exist': { code: 'invalid_client', status: 401 },
  'an assertion signed with another key': { code: 'invalid_client', status: 400 },
  'a client that may not use client_credentials': { code: 'unauthorized_client', status: 401 },
  'a client that may not use password': { code: 'unauthorized_client', status: 400 },
  'a wrong password': { code: 'invalid_grant', status: 400 },
  'a user that does not exist': { code: 'invalid_grant', status: 400 },
  'a refresh token that was used before': { code: 'invalid_grant', status: 400 },
  'a scope that does not exist': { code: 'invalid_scope', status: 400 },
} as const satisfies Readonly<Record<string, RefusalOfKeycloak>>;

export type FaultOfRequest = keyof typeof KEYCLOAK_REFUSALS;
