import { GRANTS } from '../../core/credential-needs.ts';
import type { EpochMs } from '../../core/token.ts';
import type { TokenFile } from '../../ports/protocols.ts';
import type { ProtocolRequest } from '../../ports/token-endpoint.ts';
import { readAssertion } from './assertion-file.ts';
import { missingValue, requiredValue, unusableCredential } from './credential-values.ts';
import { signingKey } from './key-pair.ts';
import type { ServerMetadata } from './server-metadata.ts';
import { signAssertion } from './signed-assertion.ts';

type Request = Pick<ProtocolRequest<'oauth'>, 'grant' | 'assertion' | 'exchange' | 'credential' | 'refreshToken'>;

/** The parameters of a grant. `undefined` values are left out. */
type Parameters = Readonly<Record<string, string | undefined>>;

/** Makes the form once the metadata of the server are known. */
export type GrantForm = (metadata: ServerMetadata) => Promise<URLSearchParams>;

/**
 * Prepares the form of a grant (RFC 6749 sections 4.3.2, 4.4.2 and 6, RFC 7523 section 2.1, RFC 8693 section 2.1). Configured
 * parameters cannot replace a credential. Throws TokenRequestError for a value or file that is missing or unusable.
 */
export function grantForm({ parameters, ...request }: ProtocolRequest<'oauth'>, now: EpochMs): GrantForm {
  const proof = grantProof(request, now);
  return async (metadata) => {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
      for (const one of typeof value === 'string' ? [value] : value) form.append(name, one);
    }
    for (const [name, value] of Object.entries(await proof(metadata))) if (value !== undefined) form.set(name, value);
    form.set('grant_type', GRANTS[request.grant].type);
    return form;
  };
}

/** Returns what the grant sends in addition to what is configured. Throws as `grantForm`. */
export function grantProof(request: Request, now: EpochMs): (metadata: ServerMetadata) => Promise<Parameters> {
  if (request.grant === 'jwt_bearer') return bearerProof(request, now);
  const known = knownProof(request, now);
  return () => Promise.resolve(known);
}

function knownProof(request: Request, now: EpochMs): Parameters {
  const { grant, credential, refreshToken } = request;
  if (grant === 'password') {
    return {
      username: requiredValue(credential, 'username', 'the grant password'),
      password: requiredValue(credential, 'password', 'the grant password'),
    };
  }
  if (grant === 'refresh_token') {
    if (refreshToken === undefined) throw missingValue(credential.name, 'refresh_token', 'the grant refresh_token');
    return { refresh_token: refreshToken.reveal() };
  }
  return grant === 'token_exchange' ? exchangeProof(request, now) : {};
}

function exchangeProof({ exchange }: Request, now: EpochMs): Parameters {
  if (exchange === undefined) throw unusableCredential('No exchange is set for the grant token_exchange.');
  const { subject, actor, requestedTokenType } = exchange;
  return {
    subject_token: tokenIn(subject, 'subjectTokenFile', now),
    subject_token_type: subject.type,
    actor_token: actor && tokenIn(actor, 'actorTokenFile', now),
    actor_token_type: actor?.type,
    requested_token_type: requestedTokenType,
  };
}

function tokenIn({ file, type }: TokenFile, setting: string, now: EpochMs): string {
  return readAssertion({ path: file, setting, isOpaque: !/:(?:jwt|id_token)$/.test(type) }, now);
}

function bearerProof({ assertion, credential }: Request, now: EpochMs): ReturnType<typeof grantProof> {
  if (assertion === undefined) throw unusableCredential('No assertion is set for the grant jwt_bearer.');
  if ('file' in assertion) {
    const text = readAssertion({ path: assertion.file, setting: 'assertion.file' }, now);
    return () => Promise.resolve({ assertion: text });
  }
  const clientId = requiredValue(credential, 'client_id', 'every token request');
  const privateKey = requiredValue(credential, 'private_key', 'the grant jwt_bearer');
  // Without the certificate: the servers that have this grant want RS256, not PS256.
  const { key } = signingKey({ credential: credential.name, privateKey, certificate: undefined });
  return async (metadata) => ({
    assertion: await signAssertion({ demand: assertion, key, clientId, metadata, now }),
  });
}
