import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import type { TokenErrorCode } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../src/demo/authorization-server.ts';
import type { RegisteredClient } from '../../src/demo/provider-configuration.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { ProtocolRequest, TokenEndpoint } from '../../src/ports/token-endpoint.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { buildTokenRequest, type CredentialValues, refusedRequest } from '../support/token-requests.ts';

const clientSecret = secret('client-secret+/=:&%');
const password = secret('pass&word');
const user = { username: 'ada@example.com', password };
const signal = new AbortController().signal;

function pem(key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string {
  return registerSecret(key.export({ format: 'pem', type } as { format: 'pem'; type: 'pkcs8' }).toString());
}

const jwk = (key: KeyObject): JsonWebKey => key.export({ format: 'jwk' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

type Method = NonNullable<RegisteredClient['authentication']>;
interface Client {
  readonly what: string;
  readonly method: Method;
  readonly values: CredentialValues;
  readonly wrong: CredentialValues;
  readonly publicJwk?: JsonWebKey;
}

const clients: readonly Client[] = [
  {
    what: 'client_secret_basic',
    method: 'client_secret_basic',
    values: { client_id: 'basic-client', client_secret: clientSecret },
    wrong: { client_secret: secret('wrong') },
  },
  {
    what: 'client_secret_post',
    method: 'client_secret_post',
    values: { client_id: 'post-client', client_secret: clientSecret },
    wrong: { client_secret: secret('wrong') },
  },
  {
    what: 'private_key_jwt with an RSA key',
    method: 'private_key_jwt',
    values: { client_id: 'rsa-client', private_key: pem(rsa.privateKey) },
    wrong: { private_key: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey) },
    publicJwk: jwk(rsa.publicKey),
  },
  {
    what: 'private_key_jwt with an EC key',
    method: 'private_key_jwt',
    values: { client_id: 'ec-client', private_key: pem(ec.privateKey, 'sec1') },
    wrong: { private_key: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) },
    publicJwk: jwk(ec.publicKey),
  },
  { what: 'none', method: 'none', values: { client_id: 'public-client' }, wrong: { client_id: 'unknown-client' } },
];

const GRANTS = ['client_credentials', 'password', 'refresh_token'] as const;

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer({
    clients: clients.map(({ method, values, publicJwk }) => ({
      clientId: values.client_id ?? '',
      grants: [...GRANTS],
      authentication: method,
      ...(values.client_secret === undefined ? {} : { clientSecret: values.client_secret }),
      ...(publicJwk === undefined ? {} : { publicJwk }),
    })),
    users: [user],
    onToken: (issued) => Object.values(issued).forEach((value) => registerSecret(value)),
  });
});
afterAll(() => server.stop());

function endpointFor(method: Method, settings?: Partial<OAuthServerSettings>): TokenEndpoint {
  const where = settings ?? { issuer: server.issuer };
  return createOAuthTokenEndpoint(
    { corporate: { clientAuthentication: method, ...where } },
    { clock: createFakeClock() },
  );
}

async function requestFor(
  endpoint: TokenEndpoint,
  grant: ProtocolRequest<'oauth'>['grant'],
  values: CredentialValues,
): Promise<ProtocolRequest<'oauth'>> {
  const parameters = { scope: 'orders' };
  const withUser = buildTokenRequest({ ...values, ...user }, { grant: 'password', parameters });
  if (grant === 'password') return withUser;
  if (grant === 'client_credentials') return buildTokenRequest(values, { grant, parameters });
  const { refreshToken = new Redacted('none') } = await endpoint.request(withUser, signal);
  return buildTokenRequest(values, { grant, refreshToken });
}

describe.each(clients)('with client authentication $what', ({ method, values, wrong }) => {
  it.each(GRANTS)('gives a token for the grant %s', async (grant) => {
    const endpoint = endpointFor(method);
    const response = await endpoint.request(await requestFor(endpoint, grant, values), signal);
    expect(response.accessToken.reveal()).toMatch(/^[\w-]{20,}$/);
    expect(response).toMatchObject({ tokenType: 'Bearer', scope: 'orders', expiresIn: 20 });
    expect(response.refreshToken === undefined).toBe(grant === 'client_credentials');
  });

  it('rejects a wrong secret or key with invalid_client', async () => {
    const endpoint = endpointFor(method);
    const request = await requestFor(endpoint, 'client_credentials', { ...values, ...wrong });
    expect(await refusedRequest(endpoint, request)).toMatchObject({
      code: 'invalid_client',
      progress: 'answered',
      failure: 'configuration',
    });
  });
});

describe('a token endpoint of a real authorization server', () => {
  const { values, method } = clients[0] as Client;

  it.each([
    ['a wrong password', { grant: 'password' }, { ...user, password: secret('wrong') }, 'invalid_grant'],
    [
      'an unknown refresh token',
      { grant: 'refresh_token', refreshToken: new Redacted(secret('refresh')) },
      {},
      'invalid_grant',
    ],
    ['a malformed scope', { parameters: { scope: 'ä' } }, {}, 'invalid_scope'],
    [
      'two resources, which it does not support',
      { parameters: { resource: ['https://a.example', 'https://b.example'] } },
      {},
      'invalid_request',
    ],
  ] as [string, Partial<ProtocolRequest<'oauth'>>, CredentialValues, TokenErrorCode][])(
    'reports %s by its own code',
    async (_what, parts, more, code) => {
      const error = await refusedRequest(endpointFor(method), buildTokenRequest({ ...values, ...more }, parts));
      expect(error).toMatchObject({ code, progress: 'answered' });
      expect(error.message).toContain('corporate');
      expect(error.message).toContain(server.issuer.slice('http://'.length));
    },
  );

  it('rotates refresh tokens, and rejects a reused one with invalid_grant', async () => {
    const endpoint = endpointFor(method);
    const request = await requestFor(endpoint, 'refresh_token', values);
    const first = await endpoint.request(request, signal);
    expect(first.refreshToken?.reveal()).not.toBe(request.refreshToken?.reveal());
    expect(await refusedRequest(endpoint, request)).toMatchObject({ code: 'invalid_grant', progress: 'answered' });
  });

  it('asks for a resource, and the token is only for that', async () => {
    const parameters = { resource: 'https://orders.example.com/', scope: 'orders' };
    const response = await endpointFor(method).request(buildTokenRequest(values, { parameters }), signal);
    const form = new URLSearchParams({
      token: response.accessToken.reveal(),
      client_id: 'post-client',
      client_secret: clientSecret,
    });
    const introspection = await fetch(`${server.issuer}/token/introspection`, { method: 'POST', body: form });
    expect(await introspection.json()).toMatchObject({
      active: true,
      aud: 'https://orders.example.com/',
      scope: 'orders',
    });
  });

  it.each([
    ['only discovery', () => ({ issuer: server.issuer })],
    ['only a token endpoint', () => ({ tokenEndpoint: `${server.issuer}/token` })],
    ['both', () => ({ issuer: server.issuer, tokenEndpoint: `${server.issuer}/token` })],
  ])('gets along with %s, private_key_jwt included', async (_what, where) => {
    for (const client of [clients[0], clients[2]] as Client[]) {
      const response = await endpointFor(client.method, where()).request(buildTokenRequest(client.values), signal);
      expect(response.tokenType).toBe('Bearer');
    }
  });

  it('uses a rotated credential immediately', async () => {
    const endpoint = endpointFor(method);
    await refusedRequest(endpoint, buildTokenRequest({ ...values, client_secret: secret('old') }));
    await endpoint.request(buildTokenRequest(values), signal);
  });

  it('serves concurrent requests with their own credentials', async () => {
    const endpoint = endpointFor('client_secret_basic');
    const wrong = buildTokenRequest({ ...values, client_secret: secret('wrong') });
    const results = await Promise.allSettled(
      [...Array(10).keys()].map((n) => endpoint.request(n % 2 === 0 ? buildTokenRequest(values) : wrong, signal)),
    );
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([...Array(10).keys()].map((n) => n % 2 === 0));
  });
});

describe('the token endpoint without a valid credential', () => {
  const all = { client_id: 'x', client_secret: secret('s'), ...user };
  const rows: [string, Method, ProtocolRequest<'oauth'>['grant'], CredentialValues, missing: string][] = [
    ['client_id', 'none', 'client_credentials', {}, 'client_id'],
    ['client_secret for basic', 'client_secret_basic', 'client_credentials', { client_id: 'x' }, 'client_secret'],
    ['client_secret for post', 'client_secret_post', 'client_credentials', { client_id: 'x' }, 'client_secret'],
    ['private_key', 'private_key_jwt', 'client_credentials', all, 'private_key'],
    ['username', 'none', 'password', { client_id: 'x', password }, 'username'],
    ['password', 'none', 'password', { client_id: 'x', username: 'ada' }, 'password'],
    ['refresh_token', 'none', 'refresh_token', all, 'refresh_token'],
  ];

  it.each(rows)(
    'asks for %s by its file and folder, before anything is sent',
    async (_what, method, grant, given, missing) => {
      const before = server.counts.tokenRequests;
      const error = await refusedRequest(endpointFor(method), buildTokenRequest(given, { grant }));
      expect(error).toMatchObject({ code: 'credential_unreadable', progress: 'not-sent' });
      expect(error.message).toContain(`The credential dynamics has no file ${missing}, `);
      expect(server.counts.tokenRequests).toBe(before);
    },
  );

  it.each([
    ['no key', secret('not-a-key')],
    ['a public key', rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString()],
    [
      'an encrypted key',
      rsa.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(),
    ],
    ['a short RSA key', pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)],
    ['another curve', pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey)],
    ['another kind of key', pem(generateKeyPairSync('ed25519').privateKey)],
  ])('rejects %s as private_key in a sentence', async (_what, key) => {
    const request = buildTokenRequest({ client_id: 'x', private_key: key });
    const error = await refusedRequest(endpointFor('private_key_jwt'), request);
    expect(error).toMatchObject({ code: 'credential_unreadable', progress: 'not-sent' });
    expect(error.message).toMatch(/^The private_key of the credential dynamics cannot be used: it must be /);
    for (const line of key.split('\n').filter((text) => text.length > 20)) expect(error.stack).not.toContain(line);
  });

  it('names an authorization server that is not configured', async () => {
    const request = buildTokenRequest(all, { authorizationServer: 'constructor' });
    expect(await refusedRequest(endpointFor('none'), request)).toMatchObject({
      code: 'invalid_request',
      progress: 'not-sent',
      message: 'The authorization server constructor is not configured.',
    });
  });
});
