import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BundleError, readBundle } from '../../src/core/certificate-bundle.ts';

const pem = (body: string, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
const A = pem('QUFB\nQUFB');
const B = pem('QkJC');
const KEY = pem('c2VjcmV0', 'EC PRIVATE KEY');

/** Accepts every certificate except one. */
function canonical(text: string): string {
  if (text.includes('YmFk')) throw new Error('the library quotes what it read');
  return text;
}

const read = (text: string): string => readBundle(text, canonical);

describe('a bundle of certificates', () => {
  it.each<[what: string, text: string, certificates: string]>([
    ['one certificate', A, A],
    ['two', A + B, A + B],
    ['remarks', `# Issuer: A\nsubject=/CN=a\n=========\n${A}\nCertificate:\n    Data:\n${B}\n# End of file\n`, A + B],
    [
      'line ends of Windows, blanks and a byte order mark',
      `\uFEFF${A.replaceAll('\n', '\r\n')}\r\n  ${B.replaceAll('\n', '  \n  ')}`,
      A + B,
    ],
    ['no line end at its end', `${A}${B.trimEnd()}`, A + B],
    ['no line break between certificates', A.trimEnd() + B, A + B],
    ["OpenSSL's old name for a certificate", pem('QkJC', 'X509 CERTIFICATE'), B],
  ])('can have %s', (_what, text, certificates) => {
    expect(read(text)).toBe(certificates);
  });

  it.each<[what: string, text: string, message: string]>([
    ['nothing', '', 'holds no certificate in PEM'],
    ['another text', 'not yet', 'holds no certificate in PEM'],
    ['bytes', '\u0030\u0082\u0003', 'holds no certificate in PEM'],
    [
      'a certificate that is damaged',
      `${A}${pem('YmFk')}${B}`,
      'is damaged: certificate 2, which begins in line 5, cannot be read',
    ],
    ['half of a certificate', A + B.slice(0, 40), 'breaks off: certificate 2, which begins in line 5, has no end'],
    [
      'a certificate without an end before another',
      `${A.slice(0, 36)}\n${B}`,
      'breaks off: certificate 1, which begins in line 1, has no end',
    ],
    [
      'an end of another kind',
      A.replace('END CERTIFICATE', 'END X509 CERTIFICATE'),
      'breaks off: certificate 1, which begins in line 1, has no end',
    ],
    [
      'an end without a beginning',
      `${A}QkJC\n-----END CERTIFICATE-----\n`,
      'has the end of a block in line 6, but not its beginning',
    ],
    ['a beginning that is damaged', `${A}${B.replace('-----BEGIN', '----BEGIN')}`, 'has a damaged line 5'],
    [
      'an end that is damaged',
      A.replace('END CERTIFICATE-----', 'END CERTIFICATE---'),
      'breaks off: certificate 1, which begins in line 1, has no end',
    ],
    ['a beginning that breaks off', `${A}-----BEGIN CERTIFI`, 'has a damaged line 5'],
    [
      'a private key',
      `${A}\n${KEY}`,
      'holds a private key in line 6. Remove that block: a CA file holds certificates only',
    ],
    [
      'a private key first',
      `${pem('c2VjcmV0', 'PRIVATE KEY')}${A}`,
      'holds a private key in line 1. Remove that block: a CA file holds certificates only',
    ],
    [
      'an encrypted key',
      pem('c2VjcmV0', 'ENCRYPTED PRIVATE KEY'),
      'holds a private key in line 1. Remove that block: a CA file holds certificates only',
    ],
    [
      'a list of revocations',
      `${A}${pem('QUFB', 'X509 CRL')}`,
      'holds a block "X509 CRL" in line 5. Remove that block: a CA file holds certificates only',
    ],
    [
      "OpenSSL's own kind of certificate",
      pem('QUFB', 'TRUSTED CERTIFICATE'),
      'holds a block "TRUSTED CERTIFICATE" in line 1. Remove that block: a CA file holds certificates only',
    ],
  ])('cannot be or have %s', (_what, text, message) => {
    expect(() => read(text)).toThrow(new BundleError(message));
  });

  it('is read whole or not at all, wherever it breaks off', () => {
    const whole = `${A}${B}`;
    for (let length = A.length + 10; length < whole.trimEnd().length; length += 1) {
      expect(() => read(whole.slice(0, length))).toThrow(BundleError);
    }
  });

  it('is never quoted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(A, B, KEY, 'c2VjcmV0', '-----', 'BEGIN', 'END', '\n', 'PRIVATE KEY', '----')),
        (parts) => {
          try {
            read(parts.join(''));
          } catch (error) {
            expect(error).toBeInstanceOf(BundleError);
            expect(String(error)).not.toContain('c2VjcmV0');
          }
        },
      ),
    );
  });
});
