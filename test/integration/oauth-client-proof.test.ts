import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  randomUUID,
  X509Certificate,
} from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { CompactSign, decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { TokenEndpoint } from '../../src/ports/token-endpoint.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../support/certificates.ts';
import { type CertifiedProvider, startCertifiedProvider } from '../support/certified-provider.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest, type CredentialValues, refusedRequest } from '../support/token-requests.ts';

const signal = new AbortController().signal;
const folder = temporaryDirectory();
const assertionFile = join(folder.path, 'token');

let authority: CertificateAuthority;
let strangers: CertificateAuthority;
let ec: ServerCertificate;
let rsa: ServerCertificate;
let provider: CertifiedProvider;

const publicJwk = (pem: string): JsonWebKey => createPublicKey(createPrivateKey(pem)).export({ format: 'jwk' });
const thumbprint = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url');

beforeAll(async () => {
  authority = createCertificateAuthority();
  strangers = createCertificateAuthority();
  ec = authority.issue('DNS:billing.example.com');
  rsa = authority.issue('DNS:billing.example.com', 'rsa');
  for (const { key } of [ec, rsa]) registerSecret(key);
  const keys = { token_endpoint_auth_method: 'private_key_jwt' } as const;
  provider = await startCertifiedProvider(
    authority,
    [
      { client_id: 'ec-app', ...keys, jwks: { keys: [publicJwk(ec.key)] } },
      { client_id: 'rsa-app', ...keys, jwks: { keys: [publicJwk(rsa.key)] } },
      { client_id: 'named-app', ...keys, jwks: { keys: [{ ...publicJwk(rsa.key), kid: 'key-1' }] } },
      {
        client_id: 'tls-app',
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_san_dns: 'billing.example.com',
      },
    ],
    { aliases: true },
  );
});
afterAll(async () => {
  await provider.stop();
  for (const one of [authority, strangers, folder]) one.remove();
});

function endpointFor(settings: Partial<OAuthServerSettings>): TokenEndpoint {
  const { clientAuthentication = 'private_key_jwt', ...where } = settings;
  const corporate = { issuer: provider.issuer, caFile: authority.caFile, clientAuthentication, ...where };
  return createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock() });
}

describe('private_key_jwt with a certificate in the credential', () => {
  it.each([
    ['an RSA key signs with PS256', 'rsa-app', () => rsa, 'PS256'],
    ['an EC key signs with ES256', 'ec-app', () => ec, 'ES256'],
  ] as const)('%s and names the certificate by x5t#S256', async (_what, client_id, pair, alg) => {
    const { key, cert } = pair();
    const request = buildTokenRequest({ client_id, private_key: key, certificate: cert });
    expect((await endpointFor({}).request(request, signal)).tokenType).toBe('Bearer');
    expect(provider.assertions.at(-1)).toEqual({ alg, typ: 'JWT', 'x5t#S256': thumbprint(cert) });
  });

  it('has an nbf that lies in the past, for servers with a slow clock', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const server = await startHttpServer((incoming, response) => {
      void textOf(incoming).then(resolve);
      response.end(JSON.stringify({ access_token: secret('access-token'), token_type: 'Bearer' }));
    });
    try {
      const request = buildTokenRequest({ client_id: 'rsa-app', private_key: rsa.key, certificate: rsa.cert });
      await endpointFor({ tokenEndpoint: `${server.url}/token` }).request(request, signal);
      const { nbf, iat } = decodeJwt(new URLSearchParams(await promise).get('client_assertion') ?? '');
      expect(Number(iat) - Number(nbf)).toBe(60);
    } finally {
      await server.stop();
    }
  });

  it('takes the first of a chain, and of a file that az wrote with the key in it', async () => {
    const certificate = `${rsa.key}${rsa.cert}${authority.ca}`;
    const request = buildTokenRequest({ client_id: 'rsa-app', private_key: certificate, certificate });
    expect((await endpointFor({}).request(request, signal)).tokenType).toBe('Bearer');
    expect(provider.assertions.at(-1)).toMatchObject({ 'x5t#S256': thumbprint(rsa.cert) });
  });

  it('names the key, too, where the configuration does: the server finds the key by it', async () => {
    const request = buildTokenRequest({ client_id: 'named-app', private_key: rsa.key, certificate: rsa.cert });
    await endpointFor({ assertionKeyId: 'key-1' }).request(request, signal);
    const named = { alg: 'PS256', kid: 'key-1', typ: 'JWT', 'x5t#S256': thumbprint(rsa.cert) };
    expect(provider.assertions.at(-1)).toEqual(named);
    const error = await refusedRequest(endpointFor({ assertionKeyId: 'key-2' }), request);
    expect(error).toMatchObject({ code: 'invalid_client', progress: 'answered' });
  });

  it('signs as ever without one, and names nothing', async () => {
    await endpointFor({}).request(buildTokenRequest({ client_id: 'rsa-app', private_key: rsa.key }), signal);
    expect(provider.assertions.at(-1)).toEqual({ alg: 'RS256' });
  });
});

describe('tls_client_auth', () => {
  const endpoint = (): TokenEndpoint => endpointFor({ clientAuthentication: 'tls_client_auth' });
  const credential = ({ key, cert }: ServerCertificate, client_id = 'tls-app'): CredentialValues => ({
    client_id,
    private_key: registerSecret(key),
    certificate: cert,
  });

  it.each([
    ['an EC key', () => ec],
    ['an RSA key', () => rsa],
  ])('presents the certificate of the credential: %s', async (_what, pair) => {
    const response = await endpoint().request(buildTokenRequest(credential(pair())), signal);
    expect(response).toMatchObject({ tokenType: 'Bearer', expiresIn: 60 });
  });

  it.each([
    ['of another CA', () => strangers.issue('DNS:billing.example.com')],
    ['of another subject', () => authority.issue('DNS:shipping.example.com')],
  ])('a certificate %s is invalid_client', async (_what, pair) => {
    expect(await refusedRequest(endpoint(), buildTokenRequest(credential(pair())))).toMatchObject({
      code: 'invalid_client',
      progress: 'answered',
    });
  });

  it('uses a rotated certificate immediately', async () => {
    const same = endpoint();
    await refusedRequest(same, buildTokenRequest(credential(strangers.issue('DNS:billing.example.com'))));
    await same.request(buildTokenRequest(credential(authority.issue('DNS:billing.example.com'))), signal);
  });

  it('is presented to nobody where another method is set', async () => {
    const request = buildTokenRequest(credential(ec));
    const error = await refusedRequest(endpointFor({ clientAuthentication: 'none' }), request);
    expect(error).toMatchObject({ code: 'invalid_client', progress: 'answered' });
  });
});

describe('a token endpoint for those with a certificate (mtls_endpoint_aliases)', () => {
  it.each([
    ['is where a certificate is presented', 'tls_client_auth', 'refused'],
    ['is not for others', 'none', 'asked'],
  ] as const)('%s, and has to be named where it is at another origin', async (_what, clientAuthentication, outcome) => {
    const server = await startHttpServer((incoming, response) => {
      const issuer = `http://${incoming.headers.host}`;
      const aliases = { mtls_endpoint_aliases: { token_endpoint: 'http://127.0.0.1:9/token' } };
      const metadata = { issuer, token_endpoint: `${issuer}/token`, ...aliases };
      const token = { access_token: secret('access-token'), token_type: 'Bearer' };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(incoming.method === 'GET' ? metadata : token));
    });
    try {
      const { key, cert } = ec;
      const request = buildTokenRequest({ client_id: 'app', private_key: key, certificate: cert });
      const response = endpointFor({ issuer: server.url, clientAuthentication }).request(request, signal);
      if (outcome === 'asked') expect((await response).tokenType).toBe('Bearer');
      else await expect(response).rejects.toMatchObject({ code: 'refused_address', progress: 'not-sent' });
    } finally {
      await server.stop();
    }
  });
});

describe('workload_identity', () => {
  const endpoint = (file = assertionFile): TokenEndpoint =>
    endpointFor({ clientAuthentication: 'workload_identity', assertionFile: file });
  const request = buildTokenRequest({ client_id: 'ec-app' });

  /** What somebody else would sign for this client; this server trusts its key. */
  async function issue(more: Record<string, unknown> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: 'ec-app', sub: 'ec-app', aud: provider.issuer, iat: now, exp: now + 60, jti: randomUUID() };
    const payload = new TextEncoder().encode(JSON.stringify({ ...claims, ...more }));
    const jwt = await new CompactSign(payload).setProtectedHeader({ alg: 'ES256' }).sign(createPrivateKey(ec.key));
    return registerSecret(jwt);
  }

  /** As the kubelet does: another file in the place of the old one. */
  function project(text: string): void {
    writeFileSync(`${assertionFile}.new`, text);
    renameSync(`${assertionFile}.new`, assertionFile);
  }

  it('sends the JWT of the file, read anew for each request, and needs no secret', async () => {
    const same = endpoint();
    for (const end of ['', '\n']) {
      project(`${await issue()}${end}`);
      expect((await same.request(request, signal)).tokenType).toBe('Bearer');
    }
  });

  it('rejects an assertion that was used, or is for others, with invalid_client', async () => {
    const used = await issue();
    project(used);
    await endpoint().request(request, signal);
    for (const assertion of [used, await issue({ aud: 'https://other.example.com' })]) {
      project(assertion);
      expect(await refusedRequest(endpoint(), request)).toMatchObject({ code: 'invalid_client', progress: 'answered' });
    }
  });

  it('sends no assertion that expired more than a minute ago, and says when', async () => {
    project(await issue({ exp: 1 }));
    const error = await refusedRequest(endpoint(), request);
    expect(error).toMatchObject({ code: 'credential_unavailable', progress: 'not-sent', failure: 'transient' });
    expect(error.message).toBe(
      `The token in the assertionFile ${assertionFile} expired at 1970-01-01T00:00:01.000Z. Find out why nothing replaces the file, or whether the clock is wrong.`,
    );
  });

  const missing = join(folder.path, 'nothing');
  mkdirSync(join(folder.path, 'folder'));
  it.each([
    ['that is missing', undefined, missing, `The assertionFile ${missing} does not exist. Mount a ServiceAccount`],
    ['that is empty', '', assertionFile, `The assertionFile ${assertionFile} holds no JWT.`],
    ['with something else', 'a password\nof two lines', assertionFile, 'holds no JWT.'],
    ['with another header in it', 'a.b.c\r\nX-Injected: yes', assertionFile, 'holds no JWT.'],
    ['that is a folder', undefined, join(folder.path, 'folder'), 'is no file.'],
  ])('reports a file %s, and sends nothing', async (_what, text, path, sentence) => {
    if (text !== undefined) project(text);
    const error = await refusedRequest(endpoint(path), request);
    expect(error).toMatchObject({ code: 'credential_unreadable', progress: 'not-sent', failure: 'configuration' });
    expect(error.message).toContain(sentence);
    expect(error.message).not.toMatch(/password|Injected/);
  });
});

describe('an error in a credential', () => {
  const method = ['private_key_jwt', 'tls_client_auth'] as const;
  const rows: [string, readonly (typeof method)[number][], () => CredentialValues, string][] = [
    [
      'no certificate',
      ['tls_client_auth'],
      () => ({ private_key: ec.key }),
      'has no file certificate, which the client',
    ],
    ['no private_key', method, () => ({ certificate: ec.cert }), 'has no file private_key, which the client'],
    [
      'a certificate of another key',
      method,
      () => ({ private_key: ec.key, certificate: rsa.cert }),
      'The certificate of the credential dynamics does not belong to its private_key. Put both',
    ],
    [
      'a certificate that is none',
      method,
      () => ({ private_key: ec.key, certificate: secret('no-certificate') }),
      'The certificate of the credential dynamics cannot be used: it must be an X.509 certificate in PEM.',
    ],
    [
      'a private_key that is none',
      method,
      () => ({ private_key: secret('no-key'), certificate: ec.cert }),
      'The private_key of the credential dynamics cannot be used: it must be an unencrypted private key in PEM',
    ],
  ];
  const cases = rows.flatMap(([what, methods, values, sentence]) =>
    methods.map((clientAuthentication) => ({ what, clientAuthentication, values, sentence })),
  );

  it.each(cases)(
    'is said before anything is sent: $what, for $clientAuthentication',
    async ({ clientAuthentication, values, sentence }) => {
      const request = buildTokenRequest({ client_id: 'app', ...values() });
      const error = await refusedRequest(endpointFor({ clientAuthentication }), request);
      expect(error).toMatchObject({ code: 'credential_unreadable', progress: 'not-sent' });
      expect(error.message).toContain(sentence);
      for (const line of (values().private_key ?? '').split('\n').filter((text) => text.length > 20)) {
        expect(error.stack).not.toContain(line);
      }
    },
  );

  it('is said of a missing setting assertionFile', async () => {
    const error = await refusedRequest(
      endpointFor({ clientAuthentication: 'workload_identity' }),
      buildTokenRequest({ client_id: 'app' }),
    );
    expect(error).toMatchObject({ code: 'credential_unreadable', progress: 'not-sent' });
  });
});
