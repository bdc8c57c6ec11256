import { describe, expect, it } from 'vitest';
import { messageOf } from '../../src/core/errors.ts';
import { validateCommand } from '../../src/token-acquirer/cli/validate-command.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { FakeCredentialSource } from '../fakes/fake-credential-source.ts';
import { secret } from '../support/secrets.ts';

const configuration = (method: string, grant: string) =>
  parseConfiguration(
    `authorizationServers:
  corporate: { issuer: "https://login.example.com", clientAuthentication: ${method} }
tokens:
  - name: dynamics
    authorizationServer: corporate
    credential: dynamics
    grant: ${grant}
    secret: { namespace: billing, name: billing-tokens }
`,
    'config.yaml',
  );

/** Returns the missing files of the credential `dynamics` that `validate` names. */
async function missing(method: string, files: readonly string[], grant = 'client_credentials'): Promise<string[]> {
  const values = Object.fromEntries(files.map((file) => [file, secret(file)]));
  const source = new FakeCredentialSource({ dynamics: values });
  const output = { out: () => undefined, error: () => undefined };
  try {
    await validateCommand(configuration(method, grant), { credentials: source, caFileFault: () => undefined, output });
    return [];
  } catch (error) {
    return [
      ...messageOf(error).matchAll(
        /the credential dynamics has no file (\w+)\. Add it with token-acquirer credentials set\./g,
      ),
    ].map(([, file]) => file ?? '');
  }
}

describe('the check of credentials by validate', () => {
  const client_secret = secret('client-secret');
  it.each([
    [
      'nothing about a second secret that may be sent',
      'client_secret_post',
      { client_secret_next: secret('next') },
      '',
    ],
    [
      'of a second secret that is never sent',
      'private_key_jwt',
      { private_key: secret('key'), client_secret_next: secret('next') },
      'Warning: The credential dynamics: client_secret_next is never sent, because the client authentication uses no secret. Remove it.\n',
    ],
    [
      'of a second secret that is the first',
      'client_secret_basic',
      { client_secret_next: client_secret },
      'Warning: The credential dynamics: client_secret_next is the same as client_secret, so no second secret is in reserve.\n',
    ],
  ])('warns %s', async (_what, method, more, expected) => {
    const source = new FakeCredentialSource({ dynamics: { client_id: 'app', client_secret, ...more } });
    let warned = '';
    const output = { out: () => undefined, error: (text: string) => void (warned += text) };
    const given = configuration(method, 'client_credentials');
    await validateCommand(given, { credentials: source, caFileFault: () => undefined, output });
    expect(warned).toBe(expected);
  });

  it.each([
    ['client_secret_basic', ['client_id', 'client_secret']],
    ['client_secret_post', ['client_id', 'client_secret']],
    ['private_key_jwt', ['client_id', 'private_key']],
    ['tls_client_auth', ['client_id', 'private_key', 'certificate']],
    ['workload_identity', ['client_id']],
    ['none', ['client_id']],
  ])('names a missing key for %s: %s', async (method, needed) => {
    expect(await missing(method, ['username'])).toEqual(needed);
    expect(await missing(method, needed)).toEqual([]);
    for (const file of needed) {
      const others = needed.filter((one) => one !== file);
      expect(await missing(method, [...others, 'username'])).toEqual([file]);
    }
  });

  it.each([
    ['password', ['username', 'password']],
    ['refresh_token', ['refresh_token']],
  ])('names a missing key for the grant %s: %s', async (grant, needed) => {
    expect(await missing('workload_identity', ['client_id'], grant)).toEqual(needed);
  });
});

describe('the check of expires_at by validate', () => {
  it.each([
    ['2027-01-31', ''],
    ['soon', 'billing/billing-tokens/dynamics: The expiry of dynamics is no time.'],
  ])('says of %s: "%s"', async (text, expected) => {
    const source = new FakeCredentialSource({ dynamics: { client_id: secret('id') } });
    source.setExpiry('dynamics', text);
    const output = { out: () => undefined, error: () => undefined };
    const given = configuration('none', 'client_credentials');
    const checked = validateCommand(given, { credentials: source, caFileFault: () => undefined, output });
    const said = await checked.then(() => '', messageOf);
    expect(said).toContain(expected);
    expect(said === '').toBe(expected === '');
  });
});

describe('the warning of validate about a very short interval', () => {
  async function warnings(renewal: string, interval?: number): Promise<string> {
    let said = '';
    const source = new FakeCredentialSource({ dynamics: { client_id: secret('id') } });
    source.setInterval('dynamics', interval);
    const text = `authorizationServers: { corporate: { issuer: "https://login.example.com", clientAuthentication: none } }
tokens:
  - { name: dynamics, authorizationServer: corporate, credential: dynamics, grant: client_credentials, secret: { namespace: billing, name: a }${renewal} }
  - { name: crm, authorizationServer: corporate, credential: dynamics, grant: client_credentials, secret: { namespace: billing, name: b } }
`;
    await validateCommand(parseConfiguration(text, 'config.yaml'), {
      credentials: interval === undefined ? undefined : source,
      caFileFault: () => undefined,
      output: { out: () => undefined, error: (part) => void (said += part) },
    });
    return said;
  }

  it.each<[string, string, number | undefined, RegExp]>([
    [
      'names the configuration',
      ', renewal: { interval: 1s }',
      undefined,
      /^Warning: billing\/a\/dynamics: The renewal interval 1s is very short\. .*\n$/,
    ],
    [
      'names a credential once',
      '',
      1000,
      /^Warning: The credential dynamics: The renewal interval 1s is very short\. .*\n$/,
    ],
    [
      'is absent for a configuration if the credential has another interval',
      ', renewal: { interval: 1s }',
      60_000,
      /^$/,
    ],
    ['is absent for a longer interval', ', renewal: { interval: 1h }', undefined, /^$/],
  ])('%s', async (_sentence, renewal, interval, expected) => {
    expect(await warnings(renewal, interval)).toMatch(expected);
  });
});
