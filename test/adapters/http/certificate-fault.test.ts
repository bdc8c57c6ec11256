import type { DetailedPeerCertificate } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alertSentence, certificateError } from '../../../src/adapters/http/certificate-fault.ts';

/** A certificate as Node shows it, with these parts only. */
function presented(parts: object): { host: string; certificate: DetailedPeerCertificate } {
  return { host: 'login.example.com', certificate: parts as DetailedPeerCertificate };
}

const NONE = { place: 'caFile', isConfigured: false };

const LATER = 'Jan  1 00:00:00 2099 GMT';
const EARLIER = 'Jan  1 00:00:00 2020 GMT';

describe('the sentence on a rejected certificate', () => {
  it.each([
    ['CERT_HAS_EXPIRED', 'expired'],
    ['CERT_NOT_YET_VALID', 'not-yet-valid'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'other-name'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'untrusted'],
    ['UNABLE_TO_GET_ISSUER_CERT', 'untrusted'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'untrusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'untrusted'],
    ['CERT_REVOKED', 'rejected'],
    ['INVALID_PURPOSE', 'rejected'],
    ['UNSPECIFIED', 'rejected'],
  ])('classifies %s as %s, also without the certificate', (code, problem) => {
    const error = certificateError(code, { host: 'login.example.com', certificate: undefined });
    expect(error).toMatchObject({ name: 'CertificateError', code, problem });
    expect(error.explain(NONE)).toMatch(/^The certificate of login\.example\.com.*[a-z]\. [A-Z].*\.$/);
    // Node returns an empty object if no certificate exists.
    expect(certificateError(code, presented({})).problem).toBe(problem);
  });

  it('names the certificate of the chain that has expired', () => {
    const root = { subject: { CN: 'Root' }, valid_from: EARLIER, valid_to: EARLIER, issuerCertificate: {} };
    root.issuerCertificate = root;
    const chain = presented({ valid_from: EARLIER, valid_to: LATER, issuerCertificate: root });
    expect(certificateError('CERT_HAS_EXPIRED', chain).message).toBe(
      'The CA "Root" above the certificate of login.example.com expired at 2020-01-01T00:00:00Z.',
    );
    const none = presented({ valid_from: EARLIER, valid_to: LATER });
    expect(certificateError('CERT_HAS_EXPIRED', none).message).toMatch(/, or of a CA above it, has expired\.$/);
  });

  it.each<[names: object, shown: string]>([
    [{ CN: 'Corp CA 1', O: 'Corp' }, 'issued by "Corp CA 1",'],
    [{ O: 'Corp' }, 'issued by "Corp",'],
    [{ CN: ['First', 'Second'] }, 'issued by "First",'],
    [{ CN: 'evil\u001b[2J' }, 'issued by a CA,'],
    [{ CN: 'x'.repeat(65) }, 'issued by a CA,'],
    [{}, 'issued by a CA,'],
  ])('names an issuer %j as %s', (issuer, shown) => {
    expect(certificateError('UNABLE_TO_VERIFY_LEAF_SIGNATURE', presented({ issuer })).message).toContain(shown);
  });

  it.each([
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'The certificate of login.example.com was issued by "Corp CA", and not by a CA in the ConfigMap corporate-ca. Put the certificate of that CA there.',
    ],
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'The certificate of login.example.com is self-signed, and it is not in the ConfigMap corporate-ca. Put it there,',
    ],
    ['CERT_HAS_EXPIRED', 'The certificate of login.example.com, or of a CA above it, has expired. Renew it'],
  ])('names the configured CAs for %s', (code, sentences) => {
    const error = certificateError(code, presented({ issuer: { CN: 'Corp CA' } }));
    const explanation = error.explain({ place: 'the ConfigMap corporate-ca', isConfigured: true });
    expect(explanation.slice(0, sentences.length)).toBe(sentences);
    expect(explanation).not.toContain('caFile');
  });

  it.each([
    ['DNS:a.example.com', ': it is for a.example.com.'],
    ['DNS:a, DNS:*.b, IP Address:10.0.0.1', ': it is for a, *.b, 10.0.0.1.'],
    ['DNS:a, DNS:b, DNS:c, DNS:d, DNS:e', ': it is for a, b, c and 2 more.'],
    ['DNS:"evil\\u001b", URI:spiffe://x', '.'],
    ['', '.'],
  ])('shows the names %s as "for another name%s"', (subjectaltname, shown) => {
    const error = certificateError('ERR_TLS_CERT_ALTNAME_INVALID', presented({ subjectaltname }));
    expect(error.message).toBe(`The certificate of login.example.com is for another name${shown}`);
  });

  it('contains no control characters', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('\u001b[31m', 'a\nb', 'DNS:\r'));
    fc.assert(
      fc.property(text, text, (name, subjectaltname) => {
        const parts = { issuer: { CN: name }, subject: { CN: name }, subjectaltname, valid_to: EARLIER };
        for (const code of ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED']) {
          expect(certificateError(code, presented(parts)).explain(NONE)).toMatch(/^[\x20-\x7e]+$/);
        }
      }),
    );
  });
});

describe('a TLS alert', () => {
  it.each([
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  ])('with %s is about the certificate of the client', (code) => {
    expect(alertSentence(code, 'login.example.com')).toMatch(/^login\.example\.com wants a certificate of the client/);
  });

  it.each(['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ECONNRESET', 'CERT_HAS_EXPIRED'])(
    'with %s has no sentence',
    (code) => {
      expect(alertSentence(code, 'login.example.com')).toBeUndefined();
    },
  );
});
