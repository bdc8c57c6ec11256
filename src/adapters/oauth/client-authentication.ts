import { type ClientAuth, ClientSecretPost, modifyAssertion, None, PrivateKeyJwt, TlsClientAuth } from 'openid-client';
import type { Credential } from '../../core/credential.ts';
import {
  CLIENT_AUTHENTICATIONS,
  type ClientAuthentication,
  type NeededKey,
  type TakenKey,
} from '../../core/credential-needs.ts';
import type { EpochMs } from '../../core/token.ts';
import type { OAuthServerSettings } from '../../ports/protocols.ts';
import type { ClientCertificate } from '../http/outbound.ts';
import { readAssertion } from './assertion-file.ts';
import { basicAuthentication } from './basic-authentication.ts';
import { requiredValue, unusableCredential, valueOf } from './credential-values.ts';
import { checkKeyPair, signingKey } from './key-pair.ts';
import { audienceOf } from './signed-assertion.ts';

/** By how much clocks may differ, in seconds. */
const CLOCKS_APART = 60;

/** How the client proves itself: in the request, and on its connection. */
export interface ClientProof {
  /** Adds to the form and the headers. Those of openid-client that sign return a promise, which its types leave out. */
  readonly authentication: (...request: Parameters<ClientAuth>) => Promise<void> | void;
  readonly clientCertificate?: ClientCertificate;
}

interface Client<Method extends ClientAuthentication> {
  readonly credential: string;
  readonly settings: OAuthServerSettings;
  readonly now: EpochMs;
  readonly values: Readonly<Record<NeededKey<Method>, string> & Partial<Record<TakenKey<Method>, string>>>;
}

const METHODS: { readonly [Method in ClientAuthentication]: (client: Client<Method>) => ClientProof } = {
  client_secret_basic: ({ values }) => ({ authentication: basicAuthentication(values.client_secret) }),
  client_secret_post: ({ values }) => ({ authentication: ClientSecretPost(values.client_secret) }),
  private_key_jwt: (client) => ({ authentication: signedAssertion(client) }),
  tls_client_auth: certifiedConnection,
  workload_identity: (client) => ({ authentication: foreignAssertion(client, 'jwt-bearer') }),
  jwt_spiffe: (client) => ({ authentication: foreignAssertion(client, 'jwt-spiffe') }),
  none: () => ({ authentication: None() }),
  anonymous: () => ({ authentication: () => {} }),
};

/**
 * Makes the proof of the client for the token endpoint (RFC 6749 section 2.3, RFC 7523 section 2.2, RFC 8705 section 2).
 * Throws TokenRequestError `credential_unreadable`.
 */
export function clientProof(settings: OAuthServerSettings, credential: Credential, now: EpochMs): ClientProof {
  return proofBy(settings.clientAuthentication, settings, credential, now);
}

function proofBy<Method extends ClientAuthentication>(
  method: Method,
  settings: OAuthServerSettings,
  credential: Credential,
  now: EpochMs,
): ClientProof {
  const { needs, takes } = CLIENT_AUTHENTICATIONS[method];
  const needed = needs.map((key) => [key, requiredValue(credential, key, `the client authentication ${method}`)]);
  const taken = takes.map((key) => [key, valueOf(credential, key)]);
  const values = Object.fromEntries([...needed, ...taken]) as Client<Method>['values'];
  return METHODS[method]({ credential: credential.name, settings, now, values });
}

function signedAssertion({ credential, settings, values }: Client<'private_key_jwt'>): ClientAuth {
  const { private_key: privateKey, certificate } = values;
  const { key, thumbprint } = signingKey({ credential, privateKey, certificate });
  const { assertionKeyId: kid, assertionAudience } = settings;
  return (server, client, body, headers) => {
    const sign = PrivateKeyJwt(kid === undefined ? key : { key, kid }, {
      [modifyAssertion]: (header, payload) => {
        // To a server with a slow clock, an assertion with `nbf` would not be valid yet.
        delete payload['nbf'];
        if (thumbprint !== undefined) {
          // Entra ID finds the certificate by the thumbprint. Its documentation lists `nbf`, too.
          Object.assign(header, { typ: 'JWT', 'x5t#S256': thumbprint });
          payload['nbf'] = Number(payload['iat']) - CLOCKS_APART;
        }
        payload['aud'] = audienceOf(server, assertionAudience);
      },
    });
    return sign(server, client, body, headers);
  };
}

function certifiedConnection({ credential, values }: Client<'tls_client_auth'>): ClientProof {
  const { private_key: key, certificate: cert } = values;
  checkKeyPair({ credential, privateKey: key, certificate: cert });
  return { authentication: TlsClientAuth(), clientCertificate: { key, cert } };
}

/**
 * RFC 7523 section 2.2 with a JWT of a third party, whose issuer the authorization server trusts. SPIFFE has its own assertion
 * type (draft-ietf-oauth-spiffe-client-auth-02 section 3.1).
 */
function foreignAssertion(
  { settings, now }: Pick<Client<'workload_identity'>, 'settings' | 'now'>,
  type: 'jwt-bearer' | 'jwt-spiffe',
): ClientAuth {
  const { assertionFile, clientAuthentication } = settings;
  if (assertionFile === undefined) {
    throw unusableCredential(`No assertionFile is set for the client authentication ${clientAuthentication}.`);
  }
  const assertion = readAssertion({ path: assertionFile, setting: 'assertionFile' }, now);
  return (_server, client, body) => {
    body.set('client_id', client.client_id);
    body.set('client_assertion_type', `urn:ietf:params:oauth:client-assertion-type:${type}`);
    body.set('client_assertion', assertion);
  };
}
