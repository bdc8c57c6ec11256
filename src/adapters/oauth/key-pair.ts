import { createPrivateKey, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import { unusableCredential } from './credential-values.ts';

const SHORTEST_MODULUS = 2048;

/** The curves of RFC 7518 section 3.4, by their OpenSSL names. */
const CURVES: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
]);

/** By the curves of Web Cryptography. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['P-256', 'ES256'],
  ['P-384', 'ES384'],
  ['P-521', 'ES512'],
]);

/** The key pair of a credential, in PEM; `certificate` is undefined where its folder has none. */
export interface KeyPairFiles {
  readonly credential: string;
  readonly privateKey: string;
  readonly certificate: string | undefined;
}

export interface SigningKey {
  readonly key: webcrypto.CryptoKey;
  /** Of the certificate's DER (RFC 7515 section 4.1.8, `x5t#S256`); `undefined` without a certificate. */
  readonly thumbprint: string | undefined;
}

/**
 * Makes the key that signs assertions: RS256, with a certificate PS256, or ES256, ES384, ES512. Throws TokenRequestError
 * `credential_unreadable` for anything else, and for a certificate of another key.
 */
export function signingKey(files: KeyPairFiles): SigningKey {
  const key = parsedKey(files.privateKey);
  const algorithm = key === undefined ? undefined : algorithmOf(key, files.certificate !== undefined);
  if (key === undefined || algorithm === undefined) {
    throw unusableCredential(
      `The private_key of the credential ${files.credential} cannot be used: it must be an unencrypted private key in PEM, RSA of 2048 bits or more, or EC on P-256, P-384 or P-521.${hintAbout(files.privateKey)}`,
    );
  }
  const thumbprint = files.certificate === undefined ? undefined : thumbprintOf(certificateFor(key, files));
  return { key: key.toCryptoKey(algorithm, false, ['sign']), thumbprint };
}

/** Throws TokenRequestError `credential_unreadable` where the two are no key pair that a TLS client can present. */
export function checkKeyPair(files: KeyPairFiles): void {
  const key = parsedKey(files.privateKey);
  if (key !== undefined) certificateFor(key, files);
  else {
    throw unusableCredential(
      `The private_key of the credential ${files.credential} cannot be used: it must be an unencrypted private key in PEM.`,
    );
  }
}

/** Returns the algorithm of JOSE (RFC 7518 section 3.1) for a signing key. */
export function signatureAlgorithm({ algorithm }: SigningKey['key']): string {
  if (algorithm.name === 'RSA-PSS') return 'PS256';
  const { namedCurve } = algorithm as Partial<webcrypto.EcKeyAlgorithm>;
  return namedCurve === undefined ? 'RS256' : (ALGORITHMS.get(namedCurve) ?? 'ES256');
}

/** Returns what such a file often is instead of a private key, in a sentence. Quotes nothing of it. */
function hintAbout(text: string): string {
  const start = text.trimStart();
  if (start.startsWith('{'))
    return ' It is JSON, as a Google service account has it: take only the value of private_key in it, with real line breaks.';
  if (/\\n/.test(text)) return ' It has the two characters \\n in place of line breaks: write real line breaks.';
  if (/-----BEGIN [A-Z ]*PUBLIC KEY-----/.test(start)) return ' It is a public key.';
  if (start.startsWith('-----BEGIN CERTIFICATE-----')) return ' It is a certificate.';
  if (/ENCRYPTED/.test(start)) return ' It is encrypted: decrypt it with openssl pkey.';
  return '';
}

function parsedKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** With a certificate RSA signs with PSS, which Entra ID requires. Without one it signs as every other server accepts. */
function algorithmOf(
  key: KeyObject,
  certified: boolean,
): webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= SHORTEST_MODULUS) {
    return { name: certified ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  }
  const curve = CURVES.get(namedCurve);
  return key.asymmetricKeyType === 'ec' && curve !== undefined ? { name: 'ECDSA', namedCurve: curve } : undefined;
}

/** Returns the first certificate of the file, which belongs to the client. The others are its chain. */
function certificateFor(key: KeyObject, { credential, certificate = '' }: KeyPairFiles): X509Certificate {
  const parsed = parsedCertificate(certificate);
  if (parsed === undefined) {
    throw unusableCredential(
      `The certificate of the credential ${credential} cannot be used: it must be an X.509 certificate in PEM.`,
    );
  }
  if (parsed.checkPrivateKey(key)) return parsed;
  throw unusableCredential(
    `The certificate of the credential ${credential} does not belong to its private_key. Put both files of one key pair into the credential.`,
  );
}

function parsedCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function thumbprintOf({ fingerprint256 }: X509Certificate): string {
  return Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
}
