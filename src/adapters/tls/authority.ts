// First, because the X.509 library decorates its classes while it loads.
import 'reflect-metadata';
import { createPrivateKey, KeyObject, X509Certificate as ParsedCertificate, type webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { AuthorityFacts, CertificateTimes } from '../../core/certificate-plan.ts';
import { Redacted } from '../../core/redacted.ts';
import type { EpochMs } from '../../core/token.ts';
import type { AuthorityEntry } from './authority-document.ts';
import { NAME_CONSTRAINTS, nameConstraints } from './name-constraints.ts';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A CA that was read and can sign. */
export interface Authority extends AuthorityEntry, AuthorityFacts {
  readonly parsed: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

/** A certificate with the key that belongs to it, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Creates a CA: self-signed, ECDSA P-256, path length 0. It can only sign certificates, only those of TLS servers, and only
 * for these DNS names.
 */
export async function makeAuthority(
  dnsNames: readonly string[],
  times: Pick<AuthorityFacts, 'notBefore' | 'notAfter'>,
): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const keyId = await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      // Each has a different name, because some libraries find a CA by its name only.
      name: [{ CN: [`token-acquirer CA ${keyId.keyId.slice(0, 16)}`] }],
      keys,
      signingAlgorithm: ECDSA,
      ...datesOf(times),
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new Extension(NAME_CONSTRAINTS, true, nameConstraints(dnsNames)),
        keyId,
      ],
    },
    crypto,
  );
  return factsOf(certificate, new Redacted(pemOf(keys.privateKey)), { dnsNames, signingKey: keys.privateKey });
}

/** The CA of an entry, `undefined` where it is no CA that `makeAuthority` made, or not with this key. */
export async function readAuthority(
  { certificate, privateKey }: AuthorityEntry,
  dnsNames: readonly string[],
): Promise<Authority | undefined> {
  try {
    const key = createPrivateKey(privateKey.reveal());
    const parsed = new X509Certificate(certificate);
    const isOurs = isConstrained(parsed) && new ParsedCertificate(certificate).checkPrivateKey(key);
    if (!isOurs || !(await parsed.verify({ signatureOnly: true }, crypto))) return undefined;
    const der = key.export({ type: 'pkcs8', format: 'der' });
    const signingKey = await crypto.subtle.importKey('pkcs8', Uint8Array.from(der), ECDSA, false, ['sign']);
    return factsOf(parsed, privateKey, { dnsNames, signingKey });
  } catch {
    // What the libraries say might quote what they read.
    return undefined;
  }
}

/** A certificate for a TLS server of these names, with a new key. */
export async function issueCertificate(
  authority: Authority,
  dnsNames: readonly string[],
  times: Pick<CertificateTimes, 'notBefore' | 'notAfter'>,
): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create(
    {
      // No subject: the names say who it is (RFC 5280 section 4.2.1.6: critical then), and may be longer than a CN.
      issuer: authority.parsed.subjectName,
      publicKey: keys.publicKey,
      signingKey: authority.signingKey,
      signingAlgorithm: ECDSA,
      ...datesOf(times),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          dnsNames.map((value) => ({ type: 'dns' as const, value })),
          true,
        ),
        await AuthorityKeyIdentifierExtension.create(authority.parsed.publicKey, false, crypto),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return { cert: `${certificate.toString('pem')}\n`, key: pemOf(keys.privateKey) };
}

function factsOf(
  parsed: X509Certificate,
  privateKey: Redacted,
  { dnsNames, signingKey }: { dnsNames: readonly string[]; signingKey: webcrypto.CryptoKey },
): Authority {
  const constraints = Buffer.from(parsed.getExtension(NAME_CONSTRAINTS)?.value ?? new ArrayBuffer(0));
  return {
    certificate: `${parsed.toString('pem')}\n`,
    privateKey,
    notBefore: parsed.notBefore.getTime(),
    notAfter: parsed.notAfter.getTime(),
    suits: constraints.equals(nameConstraints(dnsNames)),
    parsed,
    signingKey,
  };
}

function isConstrained(certificate: X509Certificate): boolean {
  const basic = certificate.getExtension(BasicConstraintsExtension);
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages;
  const isBound = certificate.getExtension(NAME_CONSTRAINTS)?.critical === true;
  return basic?.ca === true && basic.pathLength === 0 && usages === KeyUsageFlags.keyCertSign && isBound;
}

function datesOf({ notBefore, notAfter }: { readonly notBefore: EpochMs; readonly notAfter: EpochMs }) {
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}

function pemOf(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
