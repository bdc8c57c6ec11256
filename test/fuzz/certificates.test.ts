import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKeyPair, signingKey } from '../../src/adapters/oauth/key-pair.ts';
import { CaFileError, caReader } from '../../src/adapters/tls/ca-file.ts';
import { readBundle } from '../../src/core/certificate-bundle.ts';
import { TokenRequestError } from '../../src/core/errors.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { accepted, CANARY, expectLinear, expectLinearIn, fuzz } from '../support/fuzz.ts';
import { damaged, hostileText } from '../support/hostile.ts';

const authority = createCertificateAuthority();
const { cert, key } = authority.issue();
authority.remove();

const PIECES = [
  '-----BEGIN CERTIFICATE-----',
  '-----END CERTIFICATE-----',
  '-----BEGIN PRIVATE KEY-----',
  '-----BEGIN X509 CERTIFICATE-----',
  '-----',
  '-',
  'BEGIN ',
  'END ',
  'CERTIFICATE',
  'MIIB',
  '\n',
  '\r\n',
  ' ',
  '=',
];
const pieces = fc.array(fc.oneof(fc.constantFrom(...PIECES, authority.ca, cert), hostileText), { maxLength: 8 });
const texts = fc.oneof(
  pieces.map((all) => all.join('')),
  damaged(`# ${CANARY}\n${authority.ca}\n${cert}`),
);

describe('a bundle of certificates', () => {
  it('is certificates only, or a CaFileError', () => {
    fuzz(texts, (text) => {
      const found = accepted(() => caReader()(text), CaFileError);
      if (found === undefined) return;
      expect(found).toMatch(/^(?:-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n)+$/);
      // What was read is read again as the same.
      expect(caReader()(found)).toBe(found);
    });
  });

  it('is read in linear time', () => {
    expectLinear((text) => readBundle(text, (pem) => pem), PIECES);
    const block = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const ofSize = (size: number): string => block.repeat(size / block.length);
    expectLinearIn(ofSize, (text) => readBundle(text, (pem) => pem), 512 * 1024);
  });
});

describe('a key pair', () => {
  const keys = fc.oneof(
    damaged(key),
    pieces.map((all) => all.join('')),
    fc.constantFrom(key, cert, `{"private_key":"${CANARY}"}`),
  );
  const certificates = fc.oneof(damaged(cert), texts, fc.constantFrom(undefined, cert, authority.ca));

  it('signs, or is a TokenRequestError that quotes nothing of it', () => {
    fuzz(fc.tuple(keys, certificates), ([privateKey, certificate]) => {
      const files = { credential: 'dynamics', privateKey, certificate };
      const signing = accepted(() => signingKey(files), TokenRequestError);
      if (signing !== undefined) expect(signing.key.usages).toEqual(['sign']);
      accepted(() => checkKeyPair(files), TokenRequestError);
    });
  });

  it('is read in linear time', () => {
    const pair = (privateKey: string): void => checkKeyPair({ credential: 'a', privateKey, certificate: cert });
    expectLinear(pair, [...PIECES, 'PUBLIC KEY-----', 'ENCRYPTED', '\\n', '{']);
    expectLinear(
      (privateKey) => signingKey({ credential: 'a', privateKey, certificate: undefined }),
      [...PIECES, '\\n'],
    );
  });
});
