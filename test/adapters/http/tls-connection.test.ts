import { afterAll, describe, expect, it } from 'vitest';
import { TlsSettingsError, tlsClient } from '../../../src/adapters/http/tls-connection.ts';
import { createCertificateAuthority } from '../../support/certificates.ts';

describe('the settings of TLS connections', () => {
  const [authority, other] = [createCertificateAuthority(), createCertificateAuthority()];
  const { ca } = authority;
  afterAll(() => {
    for (const one of [authority, other]) one.remove();
  });

  it('are kept once for all that trust the same CA', () => {
    const { secureContext } = tlsClient({ ca, servername: 'one.example' });
    expect(tlsClient({ ca, servername: 'other.example' }).secureContext).toBe(secureContext);
    expect(tlsClient({ ca: other.ca }).secureContext).not.toBe(secureContext);
    expect(tlsClient({}).secureContext).not.toBe(secureContext);
  });

  it('are not kept where they contain a private key', () => {
    const settings = { ca, ...authority.issue() };
    expect(tlsClient(settings).secureContext).not.toBe(tlsClient(settings).secureContext);
  });

  it('are rejected without a quotation where Node cannot use them', () => {
    const settings = { ca, cert: 'There is no certificate here.', key: authority.key };
    expect(() => tlsClient(settings)).toThrow(TlsSettingsError);
    expect(() => tlsClient(settings)).not.toThrow('no certificate here');
  });
});
