import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';
import { type ClientAuth, ClientSecretBasic, ClientSecretPost, None, PrivateKeyJwt } from 'openid-client';
import type { Credential, CredentialKey } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';
import { requiredValue } from './credential-values.ts';
import type { ClientAuthenticationMethod } from './settings.ts';

const SHORTEST_MODULUS = 2048;

/** The curves of RFC 7518 section 3.4, by their OpenSSL names. */
const CURVES: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
]);

type Need = (key: CredentialKey) => string;

const METHODS: Readonly<Record<ClientAuthenticationMethod, (need: Need, credential: string) => ClientAuth>> = {
  client_secret_basic: (need) => ClientSecretBasic(need('client_secret')),
  client_secret_post: (need) => ClientSecretPost(need('client_secret')),
  private_key_jwt: (need, credential) => PrivateKeyJwt(signingKey(need('private_key'), credential)),
  none: () => None(),
};

/** How the client proves itself at the token endpoint (RFC 6749 section 2.3, RFC 7523). */
export function clientAuthentication(method: ClientAuthenticationMethod, credential: Credential): ClientAuth {
  const need: Need = (key) => requiredValue(credential, key, `the client authentication ${method}`);
  return METHODS[method](need, credential.name);
}

function signingKey(pem: string, credential: string): webcrypto.CryptoKey {
  const key = parsedKey(pem);
  const algorithm = key === undefined ? undefined : algorithmOf(key);
  if (key === undefined || algorithm === undefined) {
    const message = `The private_key of the credential ${credential} cannot be used: it must be an unencrypted private key in PEM, RSA of 2048 bits or more, or EC on P-256, P-384 or P-521.`;
    throw new TokenRequestError('credential_unreadable', message, { progress: 'not-sent' });
  }
  return key.toCryptoKey(algorithm, false, ['sign']);
}

function parsedKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** Decides the `alg` of the assertion: RS256, ES256, ES384 or ES512. */
function algorithmOf(key: KeyObject): webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= SHORTEST_MODULUS) {
    return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  }
  const curve = CURVES.get(namedCurve);
  return key.asymmetricKeyType === 'ec' && curve !== undefined ? { name: 'ECDSA', namedCurve: curve } : undefined;
}
