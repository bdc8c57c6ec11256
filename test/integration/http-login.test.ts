import { afterEach, describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { warningsOf } from '../../src/token-acquirer/configuration/warnings.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { configured, type ScriptedAnswer, startScriptedServer } from '../support/http-protocols.ts';
import { secret } from '../support/secrets.ts';
import { refusedRequest } from '../support/token-requests.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const signal = new AbortController().signal;
const password = secret('password');
const USER = { username: 'ada', password };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function openLogin(settings: object, answer: ScriptedAnswer = { body: { token: secret('session') } }) {
  const server = await startScriptedServer(() => answer);
  stops.push(server.stop);
  const clock = createFakeClock({ now: NOW });
  const corporate = { protocol: 'http_login', url: `${server.url}/login`, token: { pointer: '/token' }, ...settings };
  return { server, ...configured(corporate, {}, { clock }) };
}

const KEYSTONE = {
  '/auth/identity/methods/0': { value: 'password' },
  '/auth/identity/password/user/name': { credential: 'username' },
  '/auth/identity/password/user/password': { credential: 'password' },
  '/auth/identity/password/user/domain/name': { value: 'Default' },
};

describe('a login', () => {
  it.each([
    ['a name and a password as JSON, by default', {}, 'application/json', JSON.stringify(USER)],
    [
      'the nested body of Keystone',
      { body: { fields: KEYSTONE } },
      'application/json',
      JSON.stringify({
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name: 'ada', password, domain: { name: 'Default' } } },
          },
        },
      }),
    ],
    [
      'numbers and booleans, and a name with a slash',
      { body: { fields: { n: { value: 1 }, b: { value: true }, '/a~1b': { credential: 'username' } } } },
      'application/json',
      '{"n":1,"b":true,"a/b":"ada"}',
    ],
    [
      'a form, with names as they are',
      { body: { format: 'form', fields: { '/user': { credential: 'username' }, n: { value: 1 } } } },
      'application/x-www-form-urlencoded',
      '%2Fuser=ada&n=1',
    ],
  ])('sends %s', async (_what, settings, type, body) => {
    const { endpoint, request, server } = await openLogin(settings);
    await endpoint.request(request(USER), signal);
    expect(server.received).toMatchObject([
      { method: 'POST', path: '/login', headers: { 'content-type': type }, body },
    ]);
  });

  it('sends further headers, with values of the credential', async () => {
    const key = secret('api-key');
    const headers = { 'X-Api-Key': { credential: 'client_secret' }, Accept: { value: 'application/vnd.partner+json' } };
    const { endpoint, request, server, needs } = await openLogin({ headers });
    expect(needs).toEqual(['username', 'password', 'client_secret']);
    await endpoint.request(request({ ...USER, client_secret: key }), signal);
    expect(server.received).toMatchObject([{ headers: { 'x-api-key': key, accept: 'application/vnd.partner+json' } }]);
  });

  it('sends name and password as HTTP Basic', async () => {
    const { endpoint, request, server, needs } = await openLogin({ basicAuthentication: true, body: { fields: {} } });
    expect(needs).toEqual(['username', 'password']);
    await endpoint.request(request({ ...USER, username: 'zoë' }), signal);
    const authorization = `Basic ${Buffer.from(`zoë:${password}`).toString('base64')}`;
    expect(server.received).toMatchObject([{ headers: { authorization }, body: '{}' }]);
  });

  it('sends no name with a colon as HTTP Basic', async () => {
    const { endpoint, request, server } = await openLogin({ basicAuthentication: true });
    const error = await refusedRequest(endpoint, request({ ...USER, username: 'a:b' }));
    expect(error.code).toBe('credential_unreadable');
    expect(error.message).toContain('The username of the credential dynamics contains a colon');
    const { credential } = request({ ...USER, username: 'a:b' });
    expect(endpoint.obstacle('corporate', credential)).toBe(error.message);
    expect(server.received).toEqual([]);
  });

  it('sends no value that a header cannot carry', async () => {
    const { endpoint, request, server } = await openLogin({
      headers: { 'X-Api-Key': { credential: 'client_secret' } },
    });
    const value = secret('a\r\nb');
    const error = await refusedRequest(endpoint, request({ ...USER, client_secret: value }));
    expect(error.code).toBe('credential_unreadable');
    expect(error.message).toContain('has a value for the header X-Api-Key that no header can carry');
    const { credential } = request({ ...USER, client_secret: value });
    expect(endpoint.obstacle('corporate', credential)).toBe(error.message);
    expect(error.message).not.toContain(value);
    expect(server.received).toEqual([]);
  });

  it('is revoked by its logout, with each header that names the token', async () => {
    const headers = [{ name: 'X-Auth-Token' }, { name: 'Authorization', prefix: 'Token ' }];
    const { endpoint, request, server } = await openLogin({ logout: { headers } }, { status: 204, body: '' });
    const token = secret('session');
    expect(await endpoint.revoke(request(USER), new Redacted(token), signal)).toBe(true);
    expect(server.received).toMatchObject([
      { method: 'DELETE', path: '/login', headers: { 'x-auth-token': token, authorization: `Token ${token}` } },
    ]);
    expect(server.received[0]?.body).toBe('');
  });

  it('counts as revoked if it has ended, once a logout has shown that its settings are right', async () => {
    const answer = { status: 401, body: '' };
    const { endpoint, request } = await openLogin({ logout: { headers: [{ name: 'X-Auth-Token' }] } }, answer);
    const revoke = async () => endpoint.revoke(request(USER), new Redacted(secret('session')), signal);
    const rejected = /does not accept the token \(invalid_request, HTTP 401\)\. The token may have ended already\./;
    await expect(revoke()).rejects.toMatchObject({
      failure: 'configuration',
      message: expect.stringMatching(rejected),
    });
    answer.status = 204;
    expect(await revoke()).toBe(true);
    answer.status = 401;
    expect(await revoke()).toBe(true);
    answer.status = 403;
    await expect(revoke()).rejects.toMatchObject({ code: 'access_denied' });
  });

  it('is not revoked without a logout', async () => {
    const { endpoint, request, server } = await openLogin({});
    expect(await endpoint.revoke(request(USER), new Redacted('t'), signal)).toBe(false);
    expect(server.received).toEqual([]);
  });
});

describe('the answer of a login', () => {
  const token = secret('session');
  const header = { header: 'X-Subject-Token' };
  it.each<[string, object, ScriptedAnswer, unknown]>([
    ['in seconds', { lifetime: { pointer: '/ttl' } }, { body: { token, ttl: 90 } }, 90],
    ['in seconds as a text', { lifetime: { pointer: '/ttl' } }, { body: { token, ttl: '90' } }, 90],
    ['as a time', { lifetime: { pointer: '/a/0' } }, { body: { token, a: ['2026-06-01T12:05:00.5Z'] } }, 300.5],
    [
      'as a time with an offset',
      { lifetime: { pointer: '/t' } },
      { body: { token, t: '2026-06-01T14:05:00+02:00' } },
      300,
    ],
    ['as a Unix time', { lifetime: { pointer: '/t' } }, { body: { token, t: NOW / 1000 + 60 } }, 60],
    ['in a header', { lifetime: { header: 'X-Ttl' } }, { headers: { 'X-Ttl': '45' }, body: { token } }, 45],
    ['not at all', {}, { body: { token } }, undefined],
  ])('states the lifetime %s', async (_how, settings, answer, expiresIn) => {
    const { endpoint, request } = await openLogin(settings, { headers: { date: '' }, ...answer });
    const response = await endpoint.request(request(USER), signal);
    expect(response.accessToken.reveal()).toBe(token);
    expect(response.expiresIn).toBe(expiresIn);
  });

  it('may have the token in a header', async () => {
    const { endpoint, request } = await openLogin(
      { token: header },
      { headers: { 'X-Subject-Token': token }, body: '' },
    );
    expect((await endpoint.request(request(USER), signal)).accessToken.reveal()).toBe(token);
  });

  it.each<[string, object, ScriptedAnswer, string]>([
    ['a pointer that finds nothing', {}, { body: { tokens: [] } }, 'has nothing at the JSON pointer /token'],
    [
      'a pointer into an inherited member',
      { token: { pointer: '/constructor/name' } },
      {},
      'has nothing at the JSON pointer /constructor/name',
    ],
    ['a header that is missing', { token: header }, {}, 'has nothing in the header X-Subject-Token'],
    [
      'a lifetime that is missing',
      { lifetime: { pointer: '/ttl' } },
      { body: { token: 'a' } },
      'has nothing at the JSON pointer /ttl',
    ],
    ['a null', {}, { body: { token: null } }, 'has nothing at the JSON pointer /token'],
    ['an empty token', {}, { body: { token: '' } }, 'has a token at the JSON pointer /token that is empty'],
    ['a token with a space', {}, { body: { token: 'a b' } }, 'that contains a space or a tab'],
    ['a token with an umlaut', {}, { body: { token: 'ä' } }, 'that contains a character that is not ASCII'],
    ['a token that is too long', {}, { body: { token: 'a'.repeat(20_000) } }, 'a bearer token may have at most'],
    ['an object for the token', {}, { body: { token: {} } }, 'has no text at the JSON pointer /token'],
    ['no JSON', {}, { body: 'token=a' }, 'is not JSON'],
  ])('is rejected with its place for %s', async (_what, settings, answer, words) => {
    const { endpoint, request } = await openLogin(settings, answer);
    const error = await refusedRequest(endpoint, request(USER));
    expect(error).toMatchObject({ code: 'access_denied', failure: 'configuration', progress: 'answered' });
    expect(error.message).toMatch(/^The authorization server corporate at 127\.0\.0\.1:\d+ gave an answer that /);
    expect(error.message).toContain(words);
    expect(error.message).toContain('Check username, password in the credential dynamics.');
  });

  it.each<[string, ScriptedAnswer, string]>([
    ['is longer than 64 KiB', { body: 'b'.repeat(70_000) }, 'is longer than 65536 bytes'],
    [
      'is compressed wrongly',
      { headers: { 'content-encoding': 'gzip' }, body: '<h1>Log in</h1>' },
      'had an answer that',
    ],
    ['is a redirect to the login page', { status: 302, headers: { location: '/login' } }, 'with a redirect'],
  ])('counts as a rejected login if it %s', async (_what, answer, words) => {
    const { endpoint, request } = await openLogin({}, answer);
    const error = await refusedRequest(endpoint, request(USER));
    expect(error).toMatchObject({ code: 'access_denied', failure: 'configuration', progress: 'answered' });
    expect(error.message).toContain(words);
    expect(error.message).toContain('Check username, password in the credential dynamics.');
  });

  it.each<[number, string, string]>([
    [400, 'invalid_request', 'rejected the request (invalid_request, HTTP 400)'],
    [401, 'invalid_grant', 'does not accept the credential (invalid_grant, HTTP 401). Check username, password'],
    [403, 'access_denied', 'denied the token'],
    [404, 'invalid_request', 'has nothing at this URL'],
    [407, 'proxy_denied', 'a proxy in between requires authentication'],
    [408, 'server_error', 'did not wait'],
    [423, 'access_denied', 'has locked the account'],
    [429, 'rate_limited', 'asks for fewer requests'],
    [500, 'server_error', 'returned a server error'],
  ])('with HTTP %i is %s', async (status, code, words) => {
    const { endpoint, request } = await openLogin({}, { status, body: { message: password } });
    const error = await refusedRequest(endpoint, request(USER));
    expect(error).toMatchObject({ code, progress: 'answered' });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain(password);
  });
});

const HEAD = 'authorizationServers:\n  a:\n    protocol: http_login\n    url: https://login.example.com/login\n';
const SERVER = `${HEAD}    token: { pointer: /token }\n`;
const TOKEN = 'tokens: [{ name: t, authorizationServer: a, credential: c, secret: { namespace: n, name: s } }]\n';

function faultsOf(text: string): string {
  try {
    parseConfiguration(text, '/config.yaml');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the configuration of a login', () => {
  it.each<readonly [string, string, string]>([
    ['no token', HEAD, 'authorizationServers.a.token: must have pointer'],
    ['a token without a place', `${HEAD}    token: {}\n`, 'authorizationServers.a.token: must have pointer'],
    ['two places', `${HEAD}    token: { pointer: /a, header: B }\n`, 'a.token: must have pointer'],
    ['a pointer without a slash', `${HEAD}    token: { pointer: token }\n`, 'a.token.pointer: must be a JSON pointer'],
    ['a bad escape', `${HEAD}    token: { pointer: /a~2 }\n`, 'a.token.pointer: must be a JSON pointer'],
    ['plain http', SERVER.replace('https', 'http'), 'a.url: must use https'],
    [
      'a plain logout',
      `${SERVER}    logout: { url: http://a.example, headers: [{ name: A }] }\n`,
      'a.logout.url: must use https',
    ],
    [
      'a password in it',
      `${SERVER}    body: { fields: { /u/password: { value: x } } }\n`,
      'a.body.fields["/u/password"]: is a secret by its name',
    ],
    [
      'a password under a longer name',
      `${SERVER}    body: { fields: { j_password: { value: x } } }\n`,
      'a.body.fields.j_password: is a secret by its name',
    ],
    ...['X-Api-Key', 'X-Api_Key', 'Authorization', 'cookie', 'X-Auth-Token', 'X-Client-Secret', 'X-Password'].map(
      (name) =>
        [
          `a secret in the header ${name}`,
          `${SERVER}    headers: { ${name}: { value: x } }\n`,
          `a.headers.${name}: is a secret by its name: take it from the credential, as in { credential: client_secret }`,
        ] as const,
    ),
    [
      'a header with an umlaut',
      `${SERVER}    headers: { X-Tenant: { value: Zürich } }\n`,
      'a.headers.X-Tenant: must be visible ASCII characters in one line',
    ],
    [
      'a header twice',
      `${SERVER}    headers: { X-Tenant: { value: a }, x-tenant: { value: b } }\n`,
      'a.headers.x-tenant: is the same header as X-Tenant',
    ],
    [
      'two ways to authenticate',
      `${SERVER}    basicAuthentication: true\n    headers: { authorization: { credential: client_secret } }\n`,
      'a.headers.authorization: is set by basicAuthentication, too',
    ],
    [
      'an unknown key of the credential',
      `${SERVER}    body: { fields: { u: { credential: user } } }\n`,
      'a.body.fields.u: must have credential',
    ],
    [
      'a field inside another',
      `${SERVER}    body: { fields: { /a: { value: 1 }, /a/b: { value: 1 } } }\n`,
      'a.body.fields["/a/b"]: cannot be in one body with /a',
    ],
    [
      'a field twice',
      `${SERVER}    body: { fields: { /a: { value: 1 }, a: { value: 1 } } }\n`,
      'cannot be in one body with',
    ],
    [
      'a header that the body decides',
      `${SERVER}    headers: { Content-Type: { value: text/plain } }\n`,
      'is a header that the request sets itself',
    ],
    ['a header with a line break', `${SERVER}    headers: { "A\\nB": { value: x } }\n`, 'must be the name of a header'],
    ['a setting of OAuth', `${SERVER}    issuer: https://a.example\n`, 'a.issuer: is an unknown key'],
    [
      'another protocol',
      SERVER.replace('http_login', 'saml'),
      'a.protocol: must be one of oauth, github_app, http_login',
    ],
    ['a protocol that is a number', SERVER.replace('http_login', '7'), 'a.protocol: must be one of'],
  ])('is checked: %s', (_what, server, words) => {
    expect(faultsOf(server + TOKEN)).toContain(words);
  });

  it.each([
    ['a secret of the credential', 'headers: { Authorization: { credential: client_secret } }'],
    ['a value that is no secret', 'headers: { X-Tenant: { value: 7 }, Accept-Language: { value: de } }'],
    ['HTTP Basic', 'basicAuthentication: true'],
  ])('takes %s in its headers', (_what, setting) => {
    expect(faultsOf(`${SERVER}    ${setting}\n${TOKEN}`)).toBe('');
  });

  it('takes no grant for its tokens, and OAuth takes no installation', () => {
    const servers = `${SERVER}  o: { issuer: https://o.example }\n  g: { protocol: github_app }\n`;
    const tokens = [
      '{ name: t, authorizationServer: a, grant: password, credential: c, secret: { namespace: n, name: s } }',
      '{ name: u, authorizationServer: o, installation: 1, credential: c, secret: { namespace: n, name: s } }',
      '{ name: v, authorizationServer: g, installation: 0, permissions: { contents: all }, credential: c, secret: { namespace: n, name: s } }',
      '{ name: w, authorizationServer: g, credential: c, secret: { namespace: n, name: s } }',
    ];
    const faults = faultsOf(`${servers}tokens:\n${tokens.map((token) => `  - ${token}\n`).join('')}`);
    expect(faults).toContain(
      'tokens[0].grant: works only with protocol: oauth; the authorization server a has protocol: http_login',
    );
    expect(faults).toContain('tokens[1].installation: works only with protocol: github_app');
    expect(faults).toContain('tokens[1].grant: must be one of client_credentials');
    expect(faults).toContain('tokens[2].permissions.contents: must be one of read, write, admin');
    expect(faults).toContain('tokens[3].installation: ');
  });

  it('is part of what a token is requested with', () => {
    const fingerprint = (text: string) => parseConfiguration(text, '/config.yaml').tokens[0]?.requestFingerprint;
    expect(fingerprint(`${SERVER}    body: { format: form }\n${TOKEN}`)).not.toBe(fingerprint(SERVER + TOKEN));
  });

  it('warns where tokens are to be revoked and no logout is set', () => {
    const revoking = TOKEN.replace('name: t,', 'name: t, revokePrevious: true,');
    const warnings = (text: string) => warningsOf(parseConfiguration(text, '/config.yaml')).join('\n');
    expect(warnings(SERVER + revoking)).toContain('the authorization server a has no logout. Set it');
    expect(warnings(`${SERVER}    logout: { headers: [{ name: X-Auth-Token }] }\n${revoking}`)).toBe('');
  });
});
