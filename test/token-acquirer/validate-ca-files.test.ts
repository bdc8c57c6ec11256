import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inspectCaFile } from '../../src/adapters/tls/ca-file.ts';
import { messageOf } from '../../src/core/errors.ts';
import { fileOrigins } from '../../src/core/file-origin.ts';
import { validateCommand } from '../../src/token-acquirer/cli/validate-command.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { FakeCredentialSource } from '../fakes/fake-credential-source.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CONFIGURATION = `authorizationServers:
  corporate: { issuer: "https://login.example.com", clientAuthentication: none, caFile: corporate.crt }
  other: { issuer: "https://other.example.com", clientAuthentication: none }
tokens:
  - name: dynamics
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    secret: { namespace: billing, name: billing-tokens }
endpoint: { certificateFile: tls.crt, privateKeyFile: tls.key, caFile: endpoint.crt }
`;

let authority: CertificateAuthority;
let directory: ReturnType<typeof temporaryDirectory>;
beforeAll(() => {
  authority = createCertificateAuthority();
  registerSecret(authority.key);
});
afterAll(() => authority.remove());
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

/** Returns the output of `validate`, or its error message. */
async function validate(
  files: Readonly<Record<string, string>>,
  values: Record<string, string> | undefined,
  { now = Date.now(), origins = '' }: { now?: number; origins?: string } = {},
) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory.path, name), text);
  const configuration = parseConfiguration(CONFIGURATION, join(directory.path, 'config.yaml'));
  const credentials = values === undefined ? undefined : new FakeCredentialSource({ dynamics: values });
  let printed = '';
  const output = { out: (text: string) => void (printed += text), error: () => undefined };
  try {
    const originOf = fileOrigins(origins, 'identity');
    const caFileFault = (path: string) => inspectCaFile(path)(now);
    await validateCommand(configuration, { credentials, caFileFault, originOf, output });
    return printed;
  } catch (error) {
    return messageOf(error);
  }
}

const at = (name: string): string => join(directory.path, name);

describe('the check of CA files by validate', () => {
  it('accepts valid ones', async () => {
    const files = { 'corporate.crt': authority.ca, 'endpoint.crt': `${authority.ca}${authority.ca}` };
    expect(await validate(files, { client_id: secret('id') })).toMatch(/^The configuration is valid: 1 token/);
  });

  it.each([true, false])('names each damaged one (with credentials: %s)', async (withCredentials) => {
    const files = {
      'corporate.crt': `${authority.ca}-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n`,
      'endpoint.crt': `${authority.ca}${authority.key}`,
    };
    const message = await validate(files, withCredentials ? { client_id: secret('id') } : undefined);
    const lines = authority.ca.split('\n').length;
    expect(message.split('\n')).toEqual([
      'CA files have errors:',
      `  authorizationServers.corporate.caFile: The CA file ${at('corporate.crt')} is damaged: certificate 2, which begins in line ${lines}, cannot be read.`,
      `  endpoint.caFile: The CA file ${at('endpoint.crt')} holds a private key in line ${lines}. Remove that block: a CA file holds certificates only.`,
    ]);
  });

  it('rejects one whose certificates have expired, as a connection would', async () => {
    const files = { 'corporate.crt': authority.ca, 'endpoint.crt': authority.ca };
    const nextWeek = Date.now() + 7 * 86_400_000;
    expect(await validate(files, undefined, { now: nextWeek })).toMatch(
      /corporate\.crt has no certificate that is still valid: the last one expired at \S+Z\.\n/,
    );
  });

  it('names missing ones if the credentials are checked, too', async () => {
    const message = await validate({ 'endpoint.crt': authority.ca }, {});
    expect(message).toMatch(
      /^The credentials have errors:\n.*has no file client_id\. Add it with token-acquirer credentials set\.\nCA files have errors:\n/,
    );
    expect(message).toContain(`The CA file ${at('corporate.crt')} cannot be read (ENOENT).`);
    expect(await validate({ 'endpoint.crt': authority.ca }, undefined)).toMatch(/^The configuration is valid/);
  });

  it('names the ConfigMap of a copied one', async () => {
    const origins = `${at('corporate.crt')}=ConfigMap/corporate-ca/ca.crt`;
    const message = await validate({ 'endpoint.crt': authority.ca }, {}, { origins });
    expect(message).toContain(
      'authorizationServers.corporate.caFile: The CA, the key ca.crt of the ConfigMap corporate-ca in the namespace identity, is missing. Create',
    );
    expect(message).not.toContain(at('corporate.crt'));
  });
});
