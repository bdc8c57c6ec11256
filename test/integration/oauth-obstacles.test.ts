import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { fileOrigins, type OriginOf } from '../../src/core/file-origin.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { type CertifiedProvider, startCertifiedProvider } from '../support/certified-provider.ts';
import { freePort } from '../support/free-port.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest, type CredentialValues } from '../support/token-requests.ts';

const folder = temporaryDirectory();
const file = (name: string): string => join(folder.path, name);
const DAY = 86_400_000;

let authority: CertificateAuthority;
let stranger: CertificateAuthority;
beforeAll(() => {
  authority = createCertificateAuthority();
  stranger = createCertificateAuthority();
  registerSecret(authority.key);
});
afterAll(() => [authority, stranger, folder].forEach((one) => one.remove()));

/** What keeps requests to this server from being sent. */
function obstacle(
  settings: Partial<OAuthServerSettings>,
  values?: CredentialValues,
  { now = Date.now(), originOf }: { now?: number; originOf?: OriginOf } = {},
): string | undefined {
  const corporate = { issuer: 'https://login.invalid', clientAuthentication: 'none', ...settings } as const;
  const endpoint = createOAuthTokenEndpoint(
    { corporate },
    { clock: createFakeClock({ now }), ...(originOf && { originOf }) },
  );
  return endpoint.obstacle('corporate', values === undefined ? undefined : buildTokenRequest(values).credential);
}

describe('the CA file of an authorization server', () => {
  const CA = file('ca.crt');
  const written = (text: string, now?: number): string | undefined => {
    writeFileSync(CA, text);
    return obstacle({ caFile: CA }, undefined, now === undefined ? {} : { now });
  };

  it('is no obstacle where none is configured', () => {
    expect(obstacle({})).toBeUndefined();
  });

  it('is an obstacle while it is missing, with what to do', () => {
    rmSync(CA, { force: true });
    expect(obstacle({ caFile: CA })).toBe(
      `The CA file ${CA} of the authorization server corporate cannot be read (ENOENT). Create it, or correct caFile. In a cluster, create the ConfigMap or Secret that certificateAuthorities names for this server.`,
    );
  });

  it('is named by the ConfigMap that it is a copy of', () => {
    const originOf = fileOrigins(`${CA}=ConfigMap/corporate-ca/ca.crt`, 'identity');
    const named =
      'The CA of the authorization server corporate, the key ca.crt of the ConfigMap corporate-ca in the namespace identity,';
    rmSync(CA, { force: true });
    expect(obstacle({ caFile: CA }, undefined, { originOf })).toBe(
      `${named} is missing. Create the ConfigMap, or add the key to it. Try: kubectl create configmap corporate-ca --namespace identity --from-file=ca.crt.`,
    );
    writeFileSync(CA, 'corporate CA');
    expect(obstacle({ caFile: CA }, undefined, { originOf })).toBe(
      `${named} holds no certificate in PEM. Correct it there.`,
    );
  });

  it.each([
    ['is empty', '', 'holds no certificate in PEM'],
    ['is not PEM', 'corporate CA', 'holds no certificate in PEM'],
    ['is damaged', '-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n', 'is damaged: certificate 1'],
  ])('is an obstacle where it %s', (_what, text, words) => {
    expect(written(text)).toContain(`The CA file ${CA} of the authorization server corporate ${words}`);
  });

  it('is an obstacle where it holds a private key, and quotes none of it', () => {
    expect(written(authority.key)).toMatch(/holds a private key in line 1\./);
  });

  it('is no obstacle while it can be used, and one again when its last certificate has expired', () => {
    expect(written(authority.ca)).toBeUndefined();
    expect(written(`${authority.ca}${stranger.ca}`, Date.now() + DAY)).toBeUndefined();
    expect(written(authority.ca, Date.now() + 3 * DAY)).toMatch(
      /has no certificate that is still valid: the last one expired at 20\d\d-\S+Z\. Correct the file\.$/,
    );
  });

  it('is no obstacle of a server that is not configured', () => {
    const endpoint = createOAuthTokenEndpoint({}, { clock: createFakeClock() });
    expect(endpoint.obstacle('unknown')).toBeUndefined();
  });
});

describe('a credential', () => {
  const client_id = 'app';

  it.each<[OAuthServerSettings['clientAuthentication'], CredentialValues]>([
    ['client_secret_basic', { client_id, client_secret: secret('client-secret') }],
    ['none', { client_id }],
  ])('that is complete is no obstacle: %s', (clientAuthentication, values) => {
    expect(obstacle({ clientAuthentication }, values)).toBeUndefined();
  });

  it('is an obstacle where its private key cannot be used', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const weak = registerSecret(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
    for (const private_key of [weak, secret('no-key')]) {
      const fault = obstacle({ clientAuthentication: 'private_key_jwt' }, { client_id, private_key });
      expect(fault).toMatch(/^The private_key of the credential \S+ cannot be used: it must be an unencrypted/);
    }
  });

  it('is an obstacle where its certificate is that of another key', () => {
    const [one, other] = [authority.issue(), authority.issue()];
    registerSecret(one.key);
    registerSecret(other.key);
    const values = { client_id, private_key: one.key, certificate: other.cert };
    expect(obstacle({ clientAuthentication: 'tls_client_auth' }, values)).toContain(
      'does not belong to its private_key',
    );
    expect(obstacle({ clientAuthentication: 'tls_client_auth' }, { ...values, certificate: one.cert })).toBeUndefined();
  });

  it('is an obstacle while the workload identity is missing', () => {
    const settings = { clientAuthentication: 'workload_identity', assertionFile: file('token') } as const;
    expect(obstacle(settings, { client_id })).toContain(`The assertionFile ${file('token')} does not exist`);
    writeFileSync(file('token'), registerSecret(['e30', 'e30', 'c2lnbmF0dXJl'].join('.')));
    expect(obstacle(settings, { client_id })).toBeUndefined();
  });
});

it('the look for obstacles sends nothing', async () => {
  let arrived = 0;
  const server = await startHttpServer((_incoming, response) => {
    arrived += 1;
    response.end();
  });
  try {
    expect(obstacle({ issuer: server.url }, { client_id: 'app' })).toBeUndefined();
    expect(obstacle({ tokenEndpoint: server.url })).toBeUndefined();
    expect(arrived).toBe(0);
  } finally {
    await server.stop();
  }
});

describe('reaching an authorization server', () => {
  const signal = new AbortController().signal;
  let provider: CertifiedProvider;
  beforeAll(async () => {
    writeFileSync(file('right.crt'), authority.ca);
    writeFileSync(file('wrong.crt'), stranger.ca);
    provider = await startCertifiedProvider(authority, []);
  });
  afterAll(() => provider.stop());

  function reach(settings: Partial<OAuthServerSettings>): Promise<string | undefined> {
    const corporate = { clientAuthentication: 'none', caFile: file('right.crt'), ...settings } as const;
    return createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock() }).reach('corporate', signal);
  }

  it('succeeds by its metadata, or by its token endpoint', async () => {
    expect(await reach({ issuer: provider.issuer })).toBeUndefined();
    expect(await reach({ tokenEndpoint: `${provider.issuer}/token` })).toBeUndefined();
  });

  it.each(['issuer', 'tokenEndpoint'] as const)(
    'fails by its %s with a CA that did not issue its certificate',
    async (key) => {
      const message = await reach({ [key]: provider.issuer, caFile: file('wrong.crt') });
      expect(message).toContain('SELF_SIGNED_CERT_IN_CHAIN');
      expect(message).toContain('corporate');
    },
  );

  it.each(['issuer', 'tokenEndpoint'] as const)('fails by its %s where nobody listens', async (key) => {
    const url = `https://127.0.0.1:${await freePort()}`;
    expect(await reach({ [key]: url })).toContain('ECONNREFUSED');
  });

  it('fails where the issuer publishes no metadata', async () => {
    expect(await reach({ issuer: `${provider.issuer}/realms/none` })).toContain('publishes no usable metadata');
  });

  it('fails once the server has gone, though its metadata are known', async () => {
    const server = await startHttpServer((_incoming, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ issuer: server.url, token_endpoint: `${server.url}/token` }));
    });
    const corporate = { clientAuthentication: 'none', issuer: server.url } as const;
    const endpoint = createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock() });
    expect(await endpoint.reach('corporate', signal)).toBeUndefined();
    await server.stop();
    expect(await endpoint.reach('corporate', signal)).toContain('ECONNREFUSED');
  });

  it('succeeds by an answer that is no token answer at all', async () => {
    const server = await startHttpServer((_incoming, response) => void response.end('x'.repeat(100_000)));
    expect(await reach({ tokenEndpoint: `${server.url}/token` })).toBeUndefined();
    await server.stop();
  });

  it('is not tried without the client certificate that a server may want', async () => {
    const tokenEndpoint = `https://127.0.0.1:${await freePort()}/token`;
    expect(await reach({ tokenEndpoint, clientAuthentication: 'tls_client_auth' })).toBeUndefined();
  });

  it('says nothing where it was given up', async () => {
    const endpoint = createOAuthTokenEndpoint(
      { corporate: { clientAuthentication: 'none', issuer: `https://127.0.0.1:${await freePort()}` } },
      { clock: createFakeClock() },
    );
    expect(await endpoint.reach('corporate', AbortSignal.abort())).toBeUndefined();
  });
});
