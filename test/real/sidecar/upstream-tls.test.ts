import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.ts';
import type { SidecarPlace } from './place.ts';
import { sidecarPlaces } from './places.ts';

let authority: CertificateAuthority;
let other: CertificateAuthority;
beforeAll(() => {
  authority = createCertificateAuthority();
  other = createCertificateAuthority();
});
afterAll(() => {
  authority.remove();
  other.remove();
});

async function post({ url }: SidecarPlace): Promise<number> {
  const response = await fetch(`${url}/orders`, { method: 'POST', body: 'y'.repeat(60_000) });
  await response.arrayBuffer();
  return response.status;
}

describe('the Envoy sidecar, to a service with TLS', () => {
  const open = sidecarPlaces();

  it('recovers a call where a private CA signed the certificate', async () => {
    const place = await open({ certificate: authority.issue(), caFile: authority.caFile });
    place.revoke();
    expect(await post(place)).toBe(200);
    expect(place.service.executed).toHaveLength(1);
  });

  it('sends nothing where another CA signed the certificate', async () => {
    const place = await open({ certificate: other.issue(), caFile: authority.caFile });
    expect(await post(place)).toBe(503);
    expect(place.service.seen).toEqual([]);
  });

  it('sends nothing where the certificate has another name', async () => {
    const certificate = authority.issue('DNS:elsewhere.example');
    const place = await open({ certificate, caFile: authority.caFile });
    expect(await post(place)).toBe(503);
    expect(place.service.seen).toEqual([]);
  });

  it('sends nothing where the service speaks no TLS', async () => {
    const place = await open({ tlsExpected: true, caFile: authority.caFile });
    expect(await post(place)).toBe(503);
    expect(place.service.seen).toEqual([]);
  });
});

describe('the Envoy sidecar, to a reissue endpoint with TLS', () => {
  const open = sidecarPlaces();

  it('recovers a call where a private CA signed the certificate', async () => {
    const place = await open();
    place.revoke();
    expect(await post(place)).toBe(200);
  });

  it('sends its caller token to no endpoint whose certificate another CA signed', async () => {
    const place = await open({ reissueAuthority: other });
    place.revoke();
    expect(await post(place)).toBe(401);
    expect(place.acquirer.reissues).toEqual([]);
  });
});
