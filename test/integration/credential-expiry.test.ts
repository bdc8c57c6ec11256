import { X509Certificate } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDirectoryCredentialSource } from '../../src/adapters/fs/directory-credential-source.ts';
import type { CredentialExpiry } from '../../src/core/credential-expiry.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { mountSecret } from '../support/secret-volume.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const NOTHING: CredentialExpiry = { at: undefined, fault: undefined };
const LATER = '2099-01-31';
const SOONER = '2026-01-31T12:00:00Z';

let authority: CertificateAuthority;
let certificate = '';
let notAfter = 0;
beforeAll(() => {
  authority = createCertificateAuthority();
  certificate = authority.issue().cert;
  notAfter = Date.parse(new X509Certificate(certificate).validTo);
});
afterAll(() => authority.remove());

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

function expiryOf(files: Readonly<Record<string, string>>, origin?: () => string): Promise<CredentialExpiry> {
  mkdirSync(join(directory.path, 'dynamics'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory.path, 'dynamics', name), text);
  return createDirectoryCredentialSource(directory.path, { origin }).expiry('dynamics');
}

describe('the end of a credential in a folder', () => {
  it.each<[what: string, files: () => Readonly<Record<string, string>>, at: () => number | undefined]>([
    ['that of expires_at', () => ({ expires_at: `${SOONER}\n` }), () => Date.parse(SOONER)],
    ['the end of the certificate', () => ({ certificate }), () => notAfter],
    ['that of expires_at, if it is sooner', () => ({ certificate, expires_at: SOONER }), () => Date.parse(SOONER)],
    ['that of the certificate, if it is sooner', () => ({ certificate, expires_at: LATER }), () => notAfter],
    [
      'that of the first certificate of a chain',
      () => ({ certificate: `${certificate}${authority.ca}` }),
      () => notAfter,
    ],
    ['unknown, if no file says it', () => ({ client_id: 'app' }), () => undefined],
    ['unknown, if the certificate is damaged', () => ({ certificate: 'damaged' }), () => undefined],
    ['unknown, if the certificate is empty', () => ({ certificate: '' }), () => undefined],
  ])('is %s', async (_what, files, at) => {
    expect(await expiryOf(files())).toEqual({ at: at(), fault: undefined });
  });

  it.each([
    ['a word', 'never'],
    ['nothing', ''],
    ['two lines', `${LATER}\n${LATER}`],
    ['a Unix time', '1801396800'],
  ])('is that of the certificate if expires_at holds %s, with an error that names the file', async (_what, text) => {
    const { at, fault } = await expiryOf({ certificate, expires_at: text });
    expect(at).toBe(notAfter);
    expect(fault).toMatch(/^The file \S+\/dynamics\/expires_at .*\.$/);
  });

  it('has an error that says where to change the file, and never quotes it', async () => {
    const mistaken = secret('client-secret');
    const { fault } = await expiryOf({ expires_at: mistaken }, () => 'Change the Secret instead.');
    expect(fault).toMatch(
      /holds no time\. Write a date such as 2027-01-31, .* into it, or remove it\. Change the Secret instead\.$/,
    );
    expect(fault).not.toContain(mistaken);
  });

  it('fails no read of the values or of the interval, whatever expires_at holds', async () => {
    await expiryOf({ client_id: 'app', interval: '10m', expires_at: '\0' });
    const source = createDirectoryCredentialSource(directory.path);
    expect((await source.read('dynamics', ['client_id'])).values.client_id?.reveal()).toBe('app');
    expect(await source.interval('dynamics')).toBe(600_000);
  });

  it('is no value of the credential, so the values are the same with another end', async () => {
    await expiryOf({ client_id: 'app' });
    const source = createDirectoryCredentialSource(directory.path);
    const before = await source.read('dynamics');
    writeFileSync(join(directory.path, 'dynamics/expires_at'), LATER);
    const after = await source.read('dynamics');
    expect([after.fingerprint, Object.keys(after.values)]).toEqual([before.fingerprint, ['client_id']]);
  });

  it('may be read by every user of the machine', async () => {
    expect((await expiryOf({ expires_at: LATER })).at).toBe(Date.parse(LATER));
  });

  it('is unknown without an error if the folder itself is missing or damaged', async () => {
    const source = createDirectoryCredentialSource(directory.path);
    expect(await source.expiry('dynamics')).toEqual(NOTHING);
    symlinkSync('nowhere', join(directory.path, 'dynamics'));
    expect(await source.expiry('dynamics')).toEqual(NOTHING);
    expect(await source.expiry('../dynamics')).toEqual(NOTHING);
  });
});

describe('the end of a credential in a Secret', () => {
  it('is in the key of its name, if many credentials share the Secret', async () => {
    mountSecret(join(directory.path, '.shared'), { 'crm.expires_at': LATER, 'dynamics.expires_at': SOONER });
    const source = createDirectoryCredentialSource(directory.path);
    expect((await source.expiry('dynamics')).at).toBe(Date.parse(SOONER));
    expect((await source.expiry('crm')).at).toBe(Date.parse(LATER));
    expect(await source.expiry('erp')).toEqual(NOTHING);
  });

  it('follows a change of the Secret, and so do watchers', async () => {
    const folder = join(directory.path, 'dynamics');
    mountSecret(folder, { client_id: 'app', expires_at: SOONER });
    const source = createDirectoryCredentialSource(directory.path, { poll: 50 });
    const changed = new Promise<void>((resolve) => {
      source.watch('dynamics', resolve);
    });
    mountSecret(folder, { client_id: 'app', expires_at: LATER });
    await changed;
    expect((await source.expiry('dynamics')).at).toBe(Date.parse(LATER));
  });
});
