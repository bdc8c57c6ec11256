// First: the library of certificates keeps its registry in it.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { EpochMs, Ms } from '../../core/token.ts';
import type { KeyPair } from '../listener.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const TEN_YEARS: Ms = 3650 * 86_400_000;
/** For clocks that are behind. */
const EARLIER: Ms = 3_600_000;

export interface ExampleCertificates {
  /** PEM; its key is deleted once the others are signed. */
  readonly ca: string;
  /** One for each of the names, by name. */
  readonly servers: ReadonlyMap<string, KeyPair>;
}

/** Makes a CA that is used once, and signs a serving certificate for each DNS name. Only for the example. */
export async function createCertificates(names: readonly string[], now: EpochMs): Promise<ExampleCertificates> {
  const validity = { notBefore: new Date(now - EARLIER), notAfter: new Date(now + TEN_YEARS) };
  const keys = await newKeys();
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=token-acquirer example CA',
    keys,
    signingAlgorithm: ALGORITHM,
    serialNumber: serial(),
    ...validity,
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  const servers = new Map<string, KeyPair>();
  for (const name of names)
    servers.set(name, await serverCertificate(name, { ca, signingKey: keys.privateKey, validity }));
  return { ca: ca.toString('pem'), servers };
}

interface Issue {
  readonly ca: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
}

async function serverCertificate(name: string, { ca, signingKey, validity }: Issue): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    serialNumber: serial(),
    ...validity,
    extensions: [
      new SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: certificate.toString('pem'), key: PemConverter.encode(key, 'PRIVATE KEY') };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** Positive, and far from any other (RFC 5280 section 4.1.2.2). */
function serial(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
