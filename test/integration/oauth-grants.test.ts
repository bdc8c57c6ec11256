import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { OAuthDemand, OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { ProtocolRequest, TokenEndpoint } from '../../src/ports/token-endpoint.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const GRANT = 'urn:ietf:params:oauth:grant-type:';
const signal = new AbortController().signal;
const folder = temporaryDirectory();
afterAll(() => folder.remove());
const file = (name: string): string => join(folder.path, name);

interface Recorder extends LoopbackServer {
  readonly forms: URLSearchParams[];
  /** The next answer. */
  answer: { readonly status?: number } & Record<string, unknown>;
}

let server: Recorder;
beforeAll(async () => {
  const forms: URLSearchParams[] = [];
  const recorder = { forms, answer: {} as Recorder['answer'] };
  const loopback = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      forms.push(new URLSearchParams(body));
      const { status = 200, ...more } = recorder.answer;
      const token = { access_token: secret('access-token'), token_type: 'Bearer', expires_in: 60 };
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(status === 200 ? { ...token, ...more } : more));
    });
  });
  server = Object.assign(recorder, loopback);
});
afterAll(() => server.stop());
afterEach(() => {
  server.forms.length = 0;
  server.answer = {};
});

let clock: FakeClock;
function endpoint(settings: Partial<OAuthServerSettings> = {}): TokenEndpoint {
  clock = createFakeClock({ now: Date.now() });
  const corporate = { tokenEndpoint: `${server.url}/token`, clientAuthentication: 'none', ...settings } as const;
  return createOAuthTokenEndpoint({ corporate }, { clock });
}

function pem(key: KeyObject): string {
  return registerSecret(key.export({ format: 'pem', type: 'pkcs8' }) as string);
}

/** A JWT of somebody else, whose signature nobody checks here. */
function foreign(claims: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return registerSecret(`${part({ alg: 'RS256' })}.${part({ sub: 'ada', jti: secret('jti'), ...claims })}.c2ln`);
}

function written(name: string, text: string): string {
  writeFileSync(file(name), text);
  return file(name);
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });

describe('the grant jwt_bearer', () => {
  const bearer = (assertion: OAuthDemand['assertion'] & object, values = {}): ProtocolRequest<'oauth'> =>
    buildTokenRequest(
      { client_id: 'app@example.com', private_key: pem(rsa.privateKey), ...values },
      { grant: 'jwt_bearer', assertion, parameters: { scope: 'orders' } },
    );

  async function sent(): Promise<{ payload: JWTPayload; header: object; form: URLSearchParams }> {
    const form = server.forms.at(-1) ?? new URLSearchParams();
    const assertion = registerSecret(form.get('assertion') ?? '');
    const { payload } = await jwtVerify(assertion, rsa.publicKey);
    return { payload, header: decodeProtectedHeader(assertion), form };
  }

  it('sends an assertion that the private key of the credential signs, with the few claims that all servers want', async () => {
    await endpoint().request(bearer({ claims: {} }), signal);
    const { payload, header, form } = await sent();
    const now = Math.floor(clock.now() / 1000);
    expect(header).toEqual({ alg: 'RS256', typ: 'JWT' });
    expect(payload).toEqual({
      iss: 'app@example.com',
      aud: `${server.url}/token`,
      iat: now,
      exp: now + 120,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(Object.fromEntries(form)).toEqual({
      grant_type: `${GRANT}jwt-bearer`,
      assertion: form.get('assertion'),
      scope: 'orders',
      client_id: 'app@example.com',
    });
  });

  // https://developers.google.com/identity/protocols/oauth2/service-account
  it('sends what Google wants of a service account: the scope as a claim, the key ID, and no client ID', async () => {
    const claims = { scope: 'https://www.googleapis.com/auth/drive' };
    const assertion = {
      subject: 'ada@example.com',
      audience: 'https://oauth2.googleapis.com/token',
      keyId: 'k1',
      claims,
    };
    const request = { ...bearer(assertion), parameters: {} };
    await endpoint({ clientAuthentication: 'anonymous' }).request(request, signal);
    const { payload, header, form } = await sent();
    expect(header).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
    expect(payload).toMatchObject({ ...claims, sub: 'ada@example.com', aud: 'https://oauth2.googleapis.com/token' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(3600);
    expect([...form.keys()].toSorted()).toEqual(['assertion', 'grant_type']);
  });

  // https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm
  it('sends what Salesforce wants: RS256, the consumer key, the user, and at most three minutes', async () => {
    server.answer = { instance_url: 'https://example.my.salesforce.com', expires_in: undefined };
    const assertion = { subject: 'ada@example.com', audience: 'https://login.salesforce.com', claims: {} };
    const response = await endpoint({ clientAuthentication: 'anonymous' }).request(bearer(assertion), signal);
    expect(response.expiresIn).toBeUndefined();
    const { payload, header } = await sent();
    expect(header).toMatchObject({ alg: 'RS256' });
    expect(payload).toMatchObject({
      iss: 'app@example.com',
      sub: 'ada@example.com',
      aud: 'https://login.salesforce.com',
    });
    expect((payload.exp ?? 0) * 1000 - clock.now()).toBeLessThanOrEqual(180_000);
  });

  it('uses another issuer and further claims where the configuration names them', async () => {
    const claims = { box_sub_type: 'enterprise', n: 1, admin: true, groups: ['a', 'b'] };
    await endpoint().request(bearer({ issuer: 'me', claims }), signal);
    expect((await sent()).payload).toMatchObject({ iss: 'me', ...claims });
  });

  it('takes the issuer for the audience where it is known, and the token endpoint on demand', async () => {
    const settings = { issuer: 'https://login.example.com' };
    await endpoint(settings).request(bearer({ claims: {} }), signal);
    expect((await sent()).payload.aud).toBe('https://login.example.com');
    await endpoint(settings).request(bearer({ audience: 'token_endpoint', claims: {} }), signal);
    expect((await sent()).payload.aud).toBe(`${server.url}/token`);
  });

  it('signs anew for each request', async () => {
    const same = endpoint();
    for (let count = 0; count < 3; count += 1) await same.request(bearer({ claims: {} }), signal);
    expect(new Set(server.forms.map((form) => form.get('assertion'))).size).toBe(3);
  });

  it('signs with the curve of an EC key', async () => {
    await endpoint().request(bearer({ claims: {} }, { private_key: pem(ec.privateKey) }), signal);
    const assertion = registerSecret(server.forms[0]?.get('assertion') ?? '');
    expect((await jwtVerify(assertion, ec.publicKey)).protectedHeader.alg).toBe('ES384');
  });

  it('signs with RS256 where the credential has a certificate, too', async () => {
    const authority = createCertificateAuthority();
    const { key, cert } = authority.issue('DNS:app', 'rsa');
    authority.remove();
    const values = { private_key: registerSecret(key), certificate: cert };
    await endpoint().request(bearer({ claims: {} }, values), signal);
    const assertion = registerSecret(server.forms[0]?.get('assertion') ?? '');
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'RS256', typ: 'JWT' });
  });

  it('goes together with a client secret and with a signed client assertion', async () => {
    const request = bearer({ claims: {} }, { client_secret: secret('client-secret') });
    await endpoint({ clientAuthentication: 'client_secret_post' }).request(request, signal);
    await endpoint({ clientAuthentication: 'private_key_jwt' }).request(request, signal);
    expect(server.forms.map((form) => [...form.keys()].toSorted())).toEqual([
      ['assertion', 'client_id', 'client_secret', 'grant_type', 'scope'],
      ['assertion', 'client_assertion', 'client_assertion_type', 'client_id', 'grant_type', 'scope'],
    ]);
  });

  it('reads an assertion from its file for each request, and needs no private key', async () => {
    const same = endpoint();
    const request = buildTokenRequest(
      { client_id: 'app' },
      { grant: 'jwt_bearer', assertion: { file: file('assertion') } },
    );
    const texts = [foreign(), foreign()];
    for (const text of texts) {
      written('assertion', `${text}\n`);
      await same.request(request, signal);
    }
    expect(server.forms.map((form) => form.get('assertion'))).toEqual(texts);
  });

  const hints: [string, () => string, string][] = [
    [
      'a key of Google in its JSON',
      () => JSON.stringify({ private_key: pem(rsa.privateKey) }),
      'It is JSON, as a Google',
    ],
    ['a key without line breaks', () => pem(rsa.privateKey).replaceAll('\n', String.raw`\n`), 'write real line breaks'],
    [
      'a public key',
      () => rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string,
      'P-521. It is a public key.',
    ],
    [
      'an encrypted key',
      () => rsa.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }) as string,
      'decrypt it with openssl pkey.',
    ],
    ['a key of another kind', () => pem(generateKeyPairSync('ed25519').privateKey), 'or EC on P-256, P-384 or P-521.'],
    ['a key of another curve', () => pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), 'P-521.'],
    ['a short key', () => pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), '2048 bits or more'],
  ];
  it.each(hints)('sends nothing with %s, and says what is wrong', async (_what, key, words) => {
    const request = bearer({ claims: {} }, { private_key: registerSecret(key()) });
    const error = await refusedRequest(endpoint(), request);
    expect(error).toMatchObject({ code: 'credential_unreadable', progress: 'not-sent' });
    expect(error.message).toContain('The private_key of the credential dynamics cannot be used');
    expect(error.message).toContain(words);
    expect(endpoint().obstacle('corporate', request.credential, request)).toBe(error.message);
    expect(server.forms).toEqual([]);
  });

  it('says what to check where its assertion is rejected', async () => {
    server.answer = { status: 400, error: 'invalid_grant' };
    expect((await refusedRequest(endpoint(), bearer({ claims: {} }))).message).toContain(
      'does not accept the assertion (invalid_grant, HTTP 400). Check private_key in the credential dynamics, then issuer, subject and audience of the assertion, and the clock.',
    );
    const inFile = bearer({ file: written('assertion', foreign()) });
    expect((await refusedRequest(endpoint(), inFile)).message).toContain(
      `Check that the JWT in ${file('assertion')} is valid, has the audience that the server wants, and that its issuer is trusted.`,
    );
  });
});

describe('the grant token_exchange', () => {
  const subject = { file: file('subject'), type: `${TYPE}jwt` };
  const exchanged = (more: Partial<OAuthDemand['exchange'] & object> = {}): ProtocolRequest<'oauth'> =>
    buildTokenRequest(
      { client_id: 'app', client_secret: secret('client-secret') },
      {
        grant: 'token_exchange',
        exchange: { subject, ...more },
        parameters: { audience: 'crm', resource: 'https://crm.example.com', scope: 'orders' },
      },
    );

  it('sends the token of the file, read anew for each request, with what it is and what it is for', async () => {
    const same = endpoint({ clientAuthentication: 'client_secret_post' });
    const texts = [foreign(), foreign()];
    for (const text of texts) {
      written('subject', text);
      await same.request(exchanged(), signal);
    }
    expect(server.forms.map((form) => form.get('subject_token'))).toEqual(texts);
    expect(Object.fromEntries(server.forms[0] ?? [])).toEqual({
      grant_type: `${GRANT}token-exchange`,
      subject_token: texts[0],
      subject_token_type: `${TYPE}jwt`,
      audience: 'crm',
      resource: 'https://crm.example.com',
      scope: 'orders',
      client_id: 'app',
      client_secret: expect.any(String),
    });
  });

  // https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
  it('sends what the Security Token Service of Google wants, without a client ID', async () => {
    written('subject', foreign());
    const request = { ...exchanged({ requestedTokenType: `${TYPE}access_token` }), parameters: { audience: '//iam' } };
    server.answer = { issued_token_type: `${TYPE}access_token` };
    await endpoint({ clientAuthentication: 'anonymous' }).request(request, signal);
    expect([...(server.forms[0]?.keys() ?? [])].toSorted()).toEqual([
      'audience',
      'grant_type',
      'requested_token_type',
      'subject_token',
      'subject_token_type',
    ]);
  });

  it('sends an actor token, too', async () => {
    written('subject', foreign());
    const actor = { file: written('actor', foreign()), type: `${TYPE}access_token` };
    await endpoint().request(exchanged({ actor }), signal);
    expect(server.forms[0]?.get('actor_token_type')).toBe(`${TYPE}access_token`);
    expect(server.forms[0]?.get('actor_token')).not.toBe(server.forms[0]?.get('subject_token'));
  });

  it('sends an opaque access token, but no opaque JWT', async () => {
    written('subject', secret('opaque-token'));
    await endpoint().request(exchanged({ subject: { ...subject, type: `${TYPE}access_token` } }), signal);
    const error = await refusedRequest(endpoint(), exchanged());
    expect(error.message).toBe(`The subjectTokenFile ${file('subject')} holds no JWT.`);
    expect(server.forms).toHaveLength(1);
  });

  const answers: [string, Record<string, unknown>, string | undefined, string | undefined][] = [
    ['an access token', { issued_token_type: `${TYPE}access_token` }, undefined, undefined],
    ['no type', {}, `${TYPE}access_token`, undefined],
    ['a JWT as a bearer token', { issued_token_type: `${TYPE}jwt` }, `${TYPE}jwt`, undefined],
    ['a JWT that was asked for', { issued_token_type: `${TYPE}jwt`, token_type: 'N_A' }, `${TYPE}jwt`, undefined],
    [
      'an ID token that was asked for',
      { issued_token_type: `${TYPE}id_token`, token_type: 'N_A' },
      `${TYPE}id_token`,
      undefined,
    ],
    [
      'a JWT that nobody asked for',
      { issued_token_type: `${TYPE}jwt`, token_type: 'N_A' },
      undefined,
      'has the token_type N_A, which is for tokens that are not access tokens',
    ],
    [
      'another token than was asked for',
      { issued_token_type: `${TYPE}id_token`, token_type: 'N_A' },
      `${TYPE}jwt`,
      'has the token_type N_A',
    ],
    [
      'a refresh token',
      { issued_token_type: `${TYPE}refresh_token`, token_type: 'N_A' },
      undefined,
      'has the issued_token_type refresh_token, which is not for a gateway',
    ],
    ['a SAML assertion', { issued_token_type: `${TYPE}saml2` }, undefined, 'has the issued_token_type saml2'],
  ];
  it.each(answers)('judges an answer with %s', async (_what, answer, requestedTokenType, words) => {
    written('subject', foreign());
    server.answer = answer;
    const request = exchanged(requestedTokenType === undefined ? {} : { requestedTokenType });
    if (words === undefined) expect((await endpoint().request(request, signal)).tokenType).toBe('Bearer');
    else {
      const error = await refusedRequest(endpoint(), request);
      expect(error).toMatchObject({ code: 'invalid_response', progress: 'unknown' });
      expect(error.message).toContain(words);
    }
  });

  it.each([
    [
      'is missing',
      undefined,
      'does not exist. Mount a ServiceAccount token or another JWT there',
      'credential_unreadable',
    ],
    ['is empty', '', 'holds no JWT.', 'credential_unreadable'],
    ['is no JWT', 'hello', 'holds no JWT.', 'credential_unreadable'],
    ['has expired', foreign({ exp: 1 }), 'expired at 1970-01-01T00:00:01.000Z', 'credential_unavailable'],
  ])('sends nothing where its file %s, and reports it before a request is due', async (_what, text, words, code) => {
    rmSync(file('subject'), { force: true });
    if (text !== undefined) written('subject', text);
    const error = await refusedRequest(endpoint(), exchanged());
    expect(error).toMatchObject({ code, progress: 'not-sent' });
    expect(error.message).toContain(words);
    expect(error.message).toContain(`subjectTokenFile ${file('subject')}`);
    const request = exchanged();
    expect(endpoint().obstacle('corporate', request.credential, request)).toBe(error.message);
    expect(server.forms).toEqual([]);
    written('subject', foreign());
    expect(endpoint().obstacle('corporate', request.credential, request)).toBeUndefined();
  });

  it('says what to check where the token is rejected', async () => {
    written('subject', foreign());
    server.answer = { status: 400, error: 'invalid_request' };
    expect((await refusedRequest(endpoint(), exchanged())).message).toContain(
      `Check the token in ${file('subject')}, and scope, resource, audience and parameters of this token.`,
    );
    server.answer = { status: 400, error: 'invalid_grant' };
    expect((await refusedRequest(endpoint(), exchanged())).message).toContain('does not accept the token to exchange');
  });
});

describe('an obstacle', () => {
  it('is not looked for in a refresh token, which is not in the credential', () => {
    const request = buildTokenRequest(
      { client_id: 'app' },
      { grant: 'refresh_token', refreshToken: new Redacted(secret('refresh-token')) },
    );
    const { refreshToken: _, ...demand } = request;
    expect(endpoint().obstacle('corporate', request.credential, demand)).toBeUndefined();
  });
});

describe('the client authentication jwt_spiffe', () => {
  // https://www.ietf.org/archive/id/draft-ietf-oauth-spiffe-client-auth-02.html#section-3.1
  it('sends the JWT-SVID with the assertion type of SPIFFE, read anew for each request', async () => {
    const same = endpoint({ clientAuthentication: 'jwt_spiffe', assertionFile: file('svid') });
    const request = buildTokenRequest({ client_id: 'spiffe://example.org/app' });
    const texts = [foreign(), foreign()];
    for (const text of texts) {
      written('svid', text);
      await same.request(request, signal);
    }
    expect(server.forms.map((form) => form.get('client_assertion'))).toEqual(texts);
    expect(Object.fromEntries(server.forms[0] ?? [])).toEqual({
      grant_type: 'client_credentials',
      client_id: 'spiffe://example.org/app',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      client_assertion: texts[0],
    });
  });
});
