import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createOAuthTokenEndpoint,
  type OAuthTokenEndpointOptions,
} from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { TokenEndpoint } from '../../src/ports/token-endpoint.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../support/certificates.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';

const signal = new AbortController().signal;
const clientSecret = secret('client-secret');
const password = secret('password');

interface Seen {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly form: URLSearchParams;
}

interface Recorder extends LoopbackServer {
  readonly seen: Seen[];
}

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(stops.splice(0).map(async (stop) => stop()));
});

/** A token endpoint that issues a token to anyone who asks and keeps the request. */
async function record(certificate?: ServerCertificate): Promise<Recorder> {
  const seen: Seen[] = [];
  const recorder = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      seen.push({ url: incoming.url ?? '', headers: incoming.headers, form: new URLSearchParams(body) });
      response.end(JSON.stringify({ access_token: secret('access-token'), token_type: 'Bearer', expires_in: 60 }));
    });
  }, certificate);
  stops.push(recorder.stop);
  return { ...recorder, seen };
}

type Given = Partial<OAuthServerSettings> & { readonly options?: Partial<OAuthTokenEndpointOptions> };

function endpointAt(url: string, { options, ...settings }: Given = {}): TokenEndpoint {
  const corporate = { tokenEndpoint: `${url}/token`, clientAuthentication: 'client_secret_post', ...settings } as const;
  return createOAuthTokenEndpoint({ corporate }, { clock: createFakeClock(), ...options });
}

const client = { client_id: 'app', client_secret: clientSecret };

describe('the form of a token request', () => {
  it('holds the grant, the credential and all parameters, repeated ones included', async () => {
    const server = await record();
    const parameters = {
      scope: 'orders invoices',
      resource: ['https://a.example/', 'https://b.example/'],
      audience: 'crm',
    };
    const request = buildTokenRequest({ ...client, username: 'ada', password }, { grant: 'password', parameters });
    await endpointAt(server.url).request(request, signal);
    const [{ url, headers, form } = {} as Seen] = server.seen;
    expect(url).toBe('/token');
    expect(headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'token-acquirer',
    });
    expect(headers).not.toHaveProperty('authorization');
    form.sort();
    expect([...form]).toEqual([
      ['audience', 'crm'],
      ['client_id', 'app'],
      ['client_secret', clientSecret],
      ['grant_type', 'password'],
      ['password', password],
      ['resource', 'https://a.example/'],
      ['resource', 'https://b.example/'],
      ['scope', 'orders invoices'],
      ['username', 'ada'],
    ]);
  });

  it('keeps a client secret for Basic out of the form, encoded as RFC 6749 section 2.3.1 has it', async () => {
    const server = await record();
    const credential = { client_id: 'app:1', client_secret: `${clientSecret} +%` };
    await endpointAt(server.url, { clientAuthentication: 'client_secret_basic' }).request(
      buildTokenRequest(credential),
      signal,
    );
    const [{ headers, form } = {} as Seen] = server.seen;
    const basic = Buffer.from(headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString();
    expect(basic.split(':').map((part) => new URLSearchParams(`v=${part}`).get('v'))).toEqual(
      Object.values(credential),
    );
    expect([...form.keys()]).toEqual(['grant_type']);
  });

  it.each([
    ['a UUID as client ID', '535fb089-9ff3-47b6-9bfb-4f1264799865', 'plain'],
    ['every unreserved character', 'app', 'a-b_c.d~e'],
    ['characters that no decoder changes', 'app', "a!b*c'd(e)f"],
  ])('sends %s for Basic as it is, because some servers do not decode the header', async (_what, id, ending) => {
    const server = await record();
    const credential = { client_id: id, client_secret: `${clientSecret}${ending}` };
    const endpoint = endpointAt(server.url, { clientAuthentication: 'client_secret_basic' });
    await endpoint.request(buildTokenRequest(credential), signal);
    const pair = Buffer.from(`${id}:${clientSecret}${ending}`).toString('base64');
    expect(server.seen[0]?.headers.authorization).toBe(`Basic ${pair}`);
  });

  it.each([
    ['a colon', ':', '%3A'],
    ['a plus sign', '+', '%2B'],
    ['a percent sign', '%', '%25'],
    ['a blank', ' ', '+'],
    ['a letter that is not ASCII', 'ä', '%C3%A4'],
  ])('encodes %s for Basic', async (_what, character, encoded) => {
    const server = await record();
    const credential = { client_id: `app${character}1`, client_secret: clientSecret };
    const endpoint = endpointAt(server.url, { clientAuthentication: 'client_secret_basic' });
    await endpoint.request(buildTokenRequest(credential), signal);
    const pair = Buffer.from(`app${encoded}1:${clientSecret}`).toString('base64');
    expect(server.seen[0]?.headers.authorization).toBe(`Basic ${pair}`);
  });

  it('lets no configured parameter take the place of a credential or of the grant', async () => {
    const server = await record();
    const names = ['grant_type', 'username', 'password', 'client_id', 'client_secret'];
    const parameters = Object.fromEntries(names.map((name) => [name, ['forged', 'twice']]));
    const request = buildTokenRequest({ ...client, username: 'ada', password }, { grant: 'password', parameters });
    await endpointAt(server.url).request(request, signal);
    for (const name of names) expect(server.seen[0]?.form.getAll(name)).toHaveLength(1);
    expect(server.seen[0]?.form.toString()).not.toContain('forged');
  });

  it('sends the refresh token of the request, not the one of the credential', async () => {
    const server = await record();
    const [rotated, original] = [secret('rotated'), secret('original')];
    const refreshToken = new Redacted(rotated);
    const request = buildTokenRequest({ ...client, refresh_token: original }, { grant: 'refresh_token', refreshToken });
    await endpointAt(server.url).request(request, signal);
    expect(server.seen[0]?.form.getAll('refresh_token')).toEqual([rotated]);
  });

  it.each(['client_secret_basic', 'client_secret_post', 'none'] as const)(
    'has one media type without a parameter with %s',
    async (clientAuthentication) => {
      const server = await record();
      await endpointAt(server.url, { clientAuthentication }).request(buildTokenRequest(client), signal);
      expect(server.seen[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    },
  );

  it('is sent once, over a connection that is closed after the burst', async () => {
    const server = await record();
    const endpoint = endpointAt(server.url);
    for (let use = 0; use < 2; use++) await endpoint.request(buildTokenRequest(client), signal);
    expect(server.connections.opened).toBe(1);
    await expect.poll(() => server.connections.open.size, { timeout: 10_000 }).toBe(0);
  });
});

describe('private_key_jwt', () => {
  const pem = (key: KeyObject, type: string): string =>
    registerSecret(key.export({ format: 'pem', type: type as 'pkcs8' }).toString());
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const curve = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;
  const decode = (part = ''): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());

  it.each([
    ['RSA in PKCS #8', rsa, 'pkcs8', 'RS256', 'sha256'],
    ['RSA in PKCS #1', rsa, 'pkcs1', 'RS256', 'sha256'],
    ['EC P-256 in PKCS #8', curve('P-256'), 'pkcs8', 'ES256', 'sha256'],
    ['EC P-256 in SEC 1', curve('P-256'), 'sec1', 'ES256', 'sha256'],
    ['EC P-384', curve('P-384'), 'pkcs8', 'ES384', 'sha384'],
    ['EC P-521', curve('P-521'), 'sec1', 'ES512', 'sha512'],
  ])('signs with %s by the algorithm of the key', async (_what, key, type, alg, hash) => {
    const server = await record();
    const request = buildTokenRequest({ client_id: 'app', private_key: pem(key, type) });
    await endpointAt(server.url, { clientAuthentication: 'private_key_jwt' }).request(request, signal);
    const [header, payload, signature = ''] = server.seen[0]?.form.get('client_assertion')?.split('.') ?? [];
    expect(decode(header)).toEqual({ alg });
    const publicKey = { key: createPublicKey(key), dsaEncoding: 'ieee-p1363' } as const;
    expect(verify(hash, Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
  });

  const issuer = 'https://login.example.com/realms/corp';
  const uri = 'https://login.example.com/aud';
  const signed = async (
    given: Given,
  ): Promise<{ headers: unknown[]; claims: Record<string, unknown>[]; url: string }> => {
    const server = await record();
    const request = buildTokenRequest({ client_id: 'app', private_key: pem(rsa, 'pkcs8') });
    const endpoint = endpointAt(server.url, { clientAuthentication: 'private_key_jwt', ...given });
    for (let use = 0; use < 2; use++) await endpoint.request(request, signal);
    const parts = server.seen.map(({ form }) => form.get('client_assertion')?.split('.') ?? []);
    const headers = parts.map(([header]) => decode(header));
    const claims = parts.map(([, payload]) => decode(payload) as Record<string, unknown>);
    return { headers, claims, url: server.url };
  };

  it.each<[string, Given, string | undefined]>([
    ['the token endpoint where no issuer is known', {}, undefined],
    ['the issuer where it is', { issuer }, issuer],
    ['the issuer where that is set', { issuer, assertionAudience: 'issuer' }, issuer],
    ['the token endpoint where that is set', { issuer, assertionAudience: 'token_endpoint' }, undefined],
    ['the URI that is set', { issuer, assertionAudience: uri }, uri],
  ])('is meant for %s, short-lived and never the same', async (_what, given, expected) => {
    const { claims, url } = await signed(given);
    for (const { aud, iss, sub, exp, iat } of claims) {
      expect({ aud, iss, sub }).toEqual({ aud: expected ?? `${url}/token`, iss: 'app', sub: 'app' });
      expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(300);
    }
    expect(claims[0]?.['jti']).not.toBe(claims[1]?.['jti']);
  });

  it('has no nbf, so that a server whose clock is slow accepts it', async () => {
    const { claims } = await signed({});
    for (const claim of claims) expect(claim).not.toHaveProperty('nbf');
  });

  it('names its key in the header where the configuration does', async () => {
    expect((await signed({ assertionKeyId: 'key-1' })).headers).toEqual([
      { alg: 'RS256', kid: 'key-1' },
      { alg: 'RS256', kid: 'key-1' },
    ]);
  });
});

describe('cancelling', () => {
  it('sends nothing where it comes before the request', async () => {
    const server = await record();
    const error = await refusedRequest(endpointAt(server.url), buildTokenRequest(client), AbortSignal.abort());
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    expect(error.message).toBe('The request to the authorization server corporate was cancelled.');
    expect(server.connections.opened).toBe(0);
  });

  it('reports that the request may have been seen while the answer is awaited', async () => {
    const cancel = new AbortController();
    const server = await startHttpServer((incoming) =>
      incoming.resume().on('end', () => cancel.abort(new Error(password))),
    );
    stops.push(server.stop);
    const error = await refusedRequest(endpointAt(server.url), buildTokenRequest(client), cancel.signal);
    expect(error).toMatchObject({ code: 'unreachable', progress: 'unknown' });
    expect(error.stack).not.toContain(password);
    await expect.poll(() => server.connections.open.size).toBe(0);
  });
});

describe('over TLS', () => {
  let authority: CertificateAuthority;
  beforeAll(() => {
    authority = createCertificateAuthority();
  });
  afterAll(() => authority.remove());

  it.each<[string, boolean, Partial<OAuthTokenEndpointOptions>, (caFile: string) => string]>([
    [
      'the file',
      true,
      {},
      (caFile) => `and not by a CA in the CA file ${caFile}. Put the certificate of that CA there.`,
    ],
    [
      'the ConfigMap of the file',
      true,
      { originOf: () => ({ text: 'the key ca.crt of the ConfigMap corporate-ca', creation: '' }) },
      () => 'and not by a CA in the key ca.crt of the ConfigMap corporate-ca. Put the certificate of that CA there.',
    ],
    [
      'caFile, where none is named',
      false,
      {},
      () => 'which is not trusted. Put the certificate of that CA into caFile.',
    ],
    [
      'the value of the chart, where none is named',
      false,
      { isFromChart: true },
      () =>
        "Put the certificate of that CA into a ConfigMap that the chart's value certificateAuthorities.corporate names.",
    ],
  ])('names %s where the CA is another', async (_what, isNamed, options, sentence) => {
    const server = await record(authority.issue());
    const other = createCertificateAuthority();
    stops.push(other.remove);
    const endpoint = endpointAt(server.url, { options, ...(isNamed && { caFile: other.caFile }) });
    const { message } = await refusedRequest(endpoint, buildTokenRequest(client));
    expect(message).toContain('was issued by "test CA", ');
    expect(message).toContain(sentence(other.caFile));
  });

  it('reads caFile anew for each request, so that a rotated CA needs no restart', async () => {
    const server = await record(authority.issue());
    const other = createCertificateAuthority();
    const directory = temporaryDirectory();
    stops.push(other.remove, directory.remove);
    const caFile = join(directory.path, 'ca.crt');
    const endpoint = endpointAt(server.url, { caFile });
    const put = (pem: string): void => {
      writeFileSync(`${caFile}.new`, pem);
      renameSync(`${caFile}.new`, caFile);
    };

    const missing = await refusedRequest(endpoint, buildTokenRequest(client));
    expect(missing).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    expect(missing.message).toBe(
      `The authorization server corporate gave no usable answer. Its caFile ${caFile} cannot be read (ENOENT).`,
    );
    put('not yet');
    expect((await refusedRequest(endpoint, buildTokenRequest(client))).message).toBe(
      `The authorization server corporate gave no usable answer. Its caFile ${caFile} holds no certificate in PEM.`,
    );
    put(other.ca);
    expect(await refusedRequest(endpoint, buildTokenRequest(client))).toMatchObject({ code: 'unreachable' });
    put(`${other.ca}${authority.ca}`);
    await endpoint.request(buildTokenRequest(client), signal);
    expect(server.seen).toHaveLength(1);
  });

  it('fails for good where the proxy wants other credentials, and names neither them nor those of the client', async () => {
    const proxy = await startConnectProxy((_request, socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'));
    stops.push(proxy.stop);
    const address = proxy.url.replace('//', `//ada:${secret('proxy-password')}@`);
    const error = await refusedRequest(
      endpointAt('https://login.example.com', { proxy: address, options: { noProxy: '' } }),
      buildTokenRequest(client),
    );
    expect(error).toMatchObject({ code: 'proxy_denied', failure: 'configuration', progress: 'not-sent' });
    expect(error.message).toBe(
      `The authorization server corporate gave no usable answer. The request to login.example.com could not be sent: the proxy ${new URL(proxy.url).host} answered CONNECT with HTTP 407: it does not accept the user name and the password in the URL of proxy.`,
    );
  });

  it('tunnels through the proxy, but goes past it to what NO_PROXY names', async () => {
    const server = await record(authority.issue());
    const proxy = await startConnectProxy();
    stops.push(proxy.stop);
    const settings = { caFile: authority.caFile, proxy: proxy.url };
    await endpointAt(server.url, { ...settings, options: { noProxy: '' } }).request(buildTokenRequest(client), signal);
    expect(proxy.asked).toEqual([`127.0.0.1:${server.port}`]);
    vi.stubEnv('no_proxy', undefined);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    await endpointAt(server.url, settings).request(buildTokenRequest(client), signal);
    expect(proxy.asked).toHaveLength(1);
    expect(server.seen).toHaveLength(2);
  });
});
