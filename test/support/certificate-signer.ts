// Runs in a worker thread, so that `certificates.ts` can wait for the X.509 library, which has no synchronous calls.
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import { type MessagePort, parentPort } from 'node:worker_threads';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { messageOf } from '../../src/core/errors.ts';

/** The certificate to sign: a root CA without a signer, a CA with `ca`, otherwise the certificate of a server. */
export interface SigningRequest {
  readonly commonName: string;
  /** `IP:127.0.0.1,DNS:localhost`, as openssl writes it. */
  readonly subjectAltName?: string;
  readonly ca: boolean;
  readonly rsa: boolean;
  /** The certificate and its key, PEM. */
  readonly signer?: { readonly cert: string; readonly key: string };
}

export interface SigningCall {
  readonly request: SigningRequest;
  readonly answer: MessagePort;
  /** A flag whose first element becomes 1 once the answer was sent. */
  readonly done: Int32Array;
}

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' };
const TWO_DAYS = 2 * 86_400_000;

async function sign({ commonName, subjectAltName, ca, rsa, signer }: SigningRequest) {
  const keys = await crypto.subtle.generateKey(rsa ? RSA : EC, true, ['sign', 'verify']);
  const by = signer === undefined ? undefined : new X509Certificate(signer.cert);
  const issuerKey = by?.publicKey ?? keys.publicKey;
  const signingKey = signer === undefined ? keys.privateKey : await ecKeyOf(signer.key);
  const subject = `CN=${commonName}`;
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: by?.subject ?? subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: EC,
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    notBefore: new Date(),
    notAfter: new Date(Date.now() + TWO_DAYS),
    extensions: [
      ...(ca ? [new BasicConstraintsExtension(true, undefined, true)] : []),
      ...(subjectAltName === undefined ? [] : [new SubjectAlternativeNameExtension(namesIn(subjectAltName))]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuerKey),
    ],
  });
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { cert: `${certificate.toString('pem')}\n`, key: `${key}\n` };
}

function namesIn(subjectAltName: string) {
  return subjectAltName.split(',').map((name) => {
    const [kind] = name.split(':', 1);
    return { type: kind === 'IP' ? ('ip' as const) : ('dns' as const), value: name.slice(name.indexOf(':') + 1) };
  });
}

/** Every CA has an EC key. */
function ecKeyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const [der = new ArrayBuffer(0)] = PemConverter.decode(pem);
  return crypto.subtle.importKey('pkcs8', der, EC, false, ['sign']);
}

async function reply({ request, answer, done }: SigningCall): Promise<void> {
  try {
    answer.postMessage(await sign(request));
  } catch (error) {
    answer.postMessage({ error: messageOf(error) });
  }
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
}

parentPort?.on('message', (call: SigningCall) => void reply(call));
