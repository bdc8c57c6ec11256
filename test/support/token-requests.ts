import { createHash } from 'node:crypto';
import type { Credential, CredentialKey } from '../../src/core/credential.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ProtocolRequest, TokenEndpoint, TokenRequest } from '../../src/ports/token-endpoint.ts';
import { failure } from './failure.ts';

export type CredentialValues = Partial<Record<CredentialKey, string>>;

/** Makes the credential `dynamics` with these values. */
export function buildCredential(values: CredentialValues): Credential {
  const redacted = Object.entries(values).map(([key, value]) => [key, new Redacted(value)]);
  const fingerprint = createHash('sha256').update(JSON.stringify(values)).digest('hex');
  return { name: 'dynamics', values: Object.fromEntries(redacted) as Credential['values'], fingerprint };
}

/** Makes a request to the authorization server `corporate` for client_credentials, with the fields of the test. */
export function buildTokenRequest(
  values: CredentialValues,
  parts: Partial<ProtocolRequest<'oauth'>> = {},
): ProtocolRequest<'oauth'> {
  return {
    authorizationServer: 'corporate',
    protocol: 'oauth',
    grant: 'client_credentials',
    parameters: {},
    credential: buildCredential(values),
    ...parts,
  };
}

/** Returns the error of a request that must fail. */
export async function refusedRequest(
  endpoint: TokenEndpoint,
  request: TokenRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<TokenRequestError> {
  const error = await failure(endpoint.request(request, signal));
  if (error instanceof TokenRequestError) return error;
  throw new Error(`The request was to end in a TokenRequestError, and ended in a ${typeof error}.`);
}
