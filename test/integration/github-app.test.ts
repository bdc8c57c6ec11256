import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { messageOf } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { failure } from '../support/failure.ts';
import {
  configured,
  type ReceivedRequest,
  type ScriptedAnswer,
  startScriptedServer,
} from '../support/http-protocols.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { refusedRequest } from '../support/token-requests.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const signal = new AbortController().signal;
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const pem = (type: 'pkcs1' | 'pkcs8', modulusLength = 2048): string =>
  registerSecret(generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ format: 'pem', type }) as string);
const PKCS1 = pem('pkcs1');
const APP = { client_id: 'Iv23app', private_key: PKCS1 };

async function openGitHub(answer: ScriptedAnswer, token: object = {}) {
  const server = await startScriptedServer(() => answer);
  stops.push(server.stop);
  const clock = createFakeClock({ now: NOW });
  // With the slash that people copy.
  const settings = { protocol: 'github_app', url: `${server.url}/api/v3/` };
  return { server, clock, ...configured(settings, { installation: '42', ...token }, { clock }) };
}

const issued = (more: object = {}, lifetime = 3600): ScriptedAnswer => ({
  status: 201,
  headers: { date: new Date(NOW).toUTCString() },
  body: { token: secret('ghs'), expires_at: new Date(NOW + lifetime * 1000).toISOString(), ...more },
});

function jwtIn({ headers }: ReceivedRequest) {
  const [header = '', claims = '', signature = ''] = (headers.authorization ?? '').replace(/^Bearer /, '').split('.');
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { header: read(header), claims: read(claims), signed: `${header}.${claims}`, signature };
}

describe('the token request of a GitHub App', () => {
  it('asks for the token of the installation as the documentation has it', async () => {
    const { endpoint, request, server } = await openGitHub(issued());
    const response = await endpoint.request(request(APP), signal);
    expect(response.expiresIn).toBe(3600);
    const [received] = server.received as [ReceivedRequest];
    expect(received).toMatchObject({
      method: 'POST',
      path: '/api/v3/app/installations/42/access_tokens',
      headers: {
        accept: 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
        'user-agent': 'token-acquirer',
        'content-type': 'application/json',
      },
    });
    expect(JSON.parse(received.body)).toEqual({});
  });

  it.each([
    ['PKCS#1, as GitHub gives it', PKCS1],
    ['PKCS#8', pem('pkcs8')],
  ])('is signed with RS256 by a key in %s', async (_form, key) => {
    const { endpoint, request, server } = await openGitHub(issued());
    await endpoint.request(request({ ...APP, private_key: key }), signal);
    const { header, claims, signed, signature } = jwtIn(server.received[0] as ReceivedRequest);
    expect(header).toEqual({ alg: 'RS256', typ: 'JWT' });
    // A minute back for a server with a slow clock, and never longer than ten minutes.
    expect(claims).toEqual({ iat: NOW / 1000 - 60, exp: NOW / 1000 + 540, iss: 'Iv23app' });
    const isValid = verify('sha256', Buffer.from(signed), createPublicKey(key), Buffer.from(signature, 'base64url'));
    expect(isValid).toBe(true);
  });

  it('narrows the token to repositories and permissions', async () => {
    const narrow = { repositories: ['billing', 'shipping.api'], permissions: { contents: 'read', issues: 'write' } };
    const { endpoint, request, server } = await openGitHub(issued(), narrow);
    await endpoint.request(request(APP), signal);
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual(narrow);
  });

  it('counts the lifetime by the clock of the server', async () => {
    const { endpoint, request, clock } = await openGitHub(issued());
    await clock.advance(1_000_000);
    expect((await endpoint.request(request(APP), signal)).expiresIn).toBe(3600);
  });

  it('revokes with the token itself', async () => {
    const { endpoint, request, server } = await openGitHub({ status: 204, body: '' });
    const token = secret('ghs');
    expect(await endpoint.revoke(request(APP), new Redacted(token), signal)).toBe(true);
    expect(server.received).toMatchObject([
      { method: 'DELETE', path: '/api/v3/installation/token', headers: { authorization: `Bearer ${token}` }, body: '' },
    ]);
  });

  it('counts a token that GitHub no longer accepts as revoked', async () => {
    const { endpoint, request } = await openGitHub({ status: 401 });
    expect(await endpoint.revoke(request(APP), new Redacted(secret('ghs')), signal)).toBe(true);
  });

  it('blames neither the app nor its installation for a revocation without success', async () => {
    const { endpoint, request } = await openGitHub({ status: 404 });
    const error = await failure(endpoint.revoke(request(APP), new Redacted(secret('ghs')), signal));
    expect(messageOf(error)).toContain('has nothing at this URL (invalid_request, HTTP 404)');
  });

  it('looks for the server where no request counts', async () => {
    const { endpoint, server } = await openGitHub({ status: 404 });
    expect(await endpoint.reach('corporate', signal)).toBeUndefined();
    expect(server.received).toMatchObject([{ method: 'GET', path: '/api/v3/rate_limit' }]);
  });
});

describe('the key of a GitHub App', () => {
  const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { privateKey: rsa, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encrypted = rsa.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: secret('phrase') });
  it.each([
    ['of another kind', ec.export({ format: 'pem', type: 'pkcs8' }), 'it is a key of the type ec'],
    ['that is short', pem('pkcs8', 1024), 'it has 1024 bits'],
    ['that is the public one', publicKey.export({ format: 'pem', type: 'spki' }), 'it is no unencrypted private key'],
    ['that is encrypted', encrypted, 'it is no unencrypted private key in PEM'],
    ['that is a text', 'SHA256:abcdef', 'it is no unencrypted private key in PEM'],
  ])('is rejected before anything is sent, %s', async (_what, key, why) => {
    const { endpoint, request, server } = await openGitHub(issued());
    const values = { ...APP, private_key: registerSecret(String(key)) };
    const error = await refusedRequest(endpoint, request(values));
    expect(error).toMatchObject({ code: 'credential_unreadable', progress: 'not-sent' });
    expect(error.message).toContain(`The private_key of the credential dynamics cannot be used: ${why}`);
    expect(error.message).toContain('Generate a private key in the settings of the app');
    expect(endpoint.obstacle('corporate', request(values).credential)).toBe(error.message);
    expect(server.received).toEqual([]);
  });

  it('is missed by its name', async () => {
    const { endpoint, request, needs } = await openGitHub(issued());
    expect(needs).toEqual(['client_id', 'private_key']);
    const obstacle = endpoint.obstacle('corporate', request({ client_id: 'a' }).credential);
    expect(obstacle).toContain('The credential dynamics has no file private_key, which the protocol github_app needs.');
  });
});

const AT = /^The authorization server corporate at 127\.0\.0\.1:\d+ /;
const reset = String(NOW / 1000 + 90);

describe('a rejection by GitHub', () => {
  it.each<[string, ScriptedAnswer, string, string, number?]>([
    [
      'of the app',
      { status: 401, headers: { date: new Date(NOW).toUTCString() } },
      'invalid_client',
      'does not accept the app or its key (invalid_client, HTTP 401). Check client_id, private_key in the credential dynamics.',
    ],
    [
      'by a clock that is far ahead',
      { status: 401, headers: { date: new Date(NOW - 300_000).toUTCString() } },
      'invalid_client',
      'The clock here is 4m59s ahead of that of the server: set it by NTP.',
    ],
    [
      'by a clock that is far behind',
      { status: 401, headers: { date: new Date(NOW + 300_000).toUTCString() } },
      'invalid_client',
      'The clock here is 5m behind that of the server',
    ],
    ['of the installation', { status: 404 }, 'invalid_request', 'knows no such installation of this app'],
    ['of the permissions', { status: 422 }, 'invalid_scope', 'does not grant these repositories or permissions'],
    [
      'of a suspended installation',
      { status: 403, headers: { 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': reset } },
      'access_denied',
      'Look for a suspended installation',
    ],
    [
      'for the primary rate limit',
      { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset } },
      'rate_limited',
      'asks for fewer requests (rate_limited, HTTP 403)',
      90_000,
    ],
    [
      'for the secondary rate limit',
      { status: 403, headers: { 'retry-after': '60' } },
      'rate_limited',
      'asks for fewer requests',
      60_000,
    ],
    ['with 429', { status: 429, headers: { 'retry-after': '7' } }, 'rate_limited', 'asks for fewer requests', 7000],
    [
      'during an outage',
      { status: 503, headers: { 'retry-after': '5' } },
      'server_error',
      'returned a server error',
      5000,
    ],
    [
      'that leads elsewhere',
      { status: 302, headers: { location: 'http://127.0.0.1:1/' } },
      'access_denied',
      'answered with a redirect, which is not followed',
    ],
  ])('%s has its own code and words', async (_what, answer, code, words, retryAfter) => {
    const leak = secret('leak');
    const { endpoint, request } = await openGitHub({ body: { message: leak }, ...answer });
    const error = await refusedRequest(endpoint, request(APP));
    expect(error).toMatchObject({ code, progress: 'answered', retryAfter });
    expect(error.message).toMatch(AT);
    expect(error.message).toContain(words);
    expect(error.message).not.toContain(leak);
  });
});

describe('an answer of GitHub that is no token', () => {
  it.each<[string, ScriptedAnswer, string]>([
    ['without a token', { status: 201, body: { expires_at: 'x' } }, 'has nothing at the JSON pointer /token'],
    ['that is HTML', { status: 200, body: '<html>' }, 'gave an answer that is not JSON'],
    [
      'with a number for the token',
      { status: 201, body: { token: 7, expires_at: 'x' } },
      'has no text at the JSON pointer /token, where the token should be',
    ],
    [
      'with a line break in the token',
      { status: 201, body: { token: 'a\r\nb: c', expires_at: 'x' } },
      'has a token at the JSON pointer /token that contains',
    ],
    ['without a time', { status: 201, body: { token: 'a' } }, 'has nothing at the JSON pointer /expires_at'],
  ])('is an error that names the place, %s', async (_what, answer, words) => {
    const { endpoint, request } = await openGitHub(answer);
    const error = await refusedRequest(endpoint, request(APP));
    expect(error).toMatchObject({ code: 'access_denied', progress: 'answered' });
    expect(error.message).toMatch(AT);
    expect(error.message).toContain(words);
  });

  it('has an unknown lifetime where the time is none', async () => {
    const { endpoint, request } = await openGitHub(issued({ expires_at: 'tomorrow' }));
    expect((await endpoint.request(request(APP), signal)).expiresIn).toBeUndefined();
  });
});
