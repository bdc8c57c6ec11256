import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../src/adapters/oauth/rejection.ts';
import type { ClientAuthentication } from '../../src/core/credential-needs.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ProtocolRequest } from '../../src/ports/token-endpoint.ts';
import { secret } from '../support/secrets.ts';
import { buildTokenRequest, type CredentialValues } from '../support/token-requests.ts';

const AT = 'The authorization server corporate at login.example.com';
const all: CredentialValues = {
  client_id: 'billing',
  client_secret: secret('client-secret'),
  username: 'ada.lovelace',
  password: secret('password'),
  private_key: secret('private-key'),
  refresh_token: secret('refresh-token'),
};

interface Given {
  readonly grant?: ProtocolRequest<'oauth'>['grant'];
  readonly clientAuthentication?: ClientAuthentication;
  readonly status?: number;
  readonly values?: CredentialValues;
  readonly refreshToken?: string;
}

function messageFor(body: Record<string, unknown> | undefined, given: Given = {}): string {
  const { grant = 'client_credentials', clientAuthentication = 'client_secret_basic', status = 400 } = given;
  const refreshToken = new Redacted(given.refreshToken ?? secret('rotated-refresh-token'));
  const request = buildTokenRequest(given.values ?? all, { grant, refreshToken });
  const peer = { name: 'corporate', host: 'login.example.com', sent: { request, clientAuthentication } };
  const response = new Response(null, { status });
  return rejectionOf(response, body, { peer, now: 0, progress: 'answered' })?.message ?? '';
}

describe('a rejection names what this grant sent', () => {
  it.each<[string, string, Given, string]>([
    [
      'a refresh token',
      'invalid_grant',
      { grant: 'refresh_token' },
      'does not accept the refresh token (invalid_grant, HTTP 400). It is wrong, expired or revoked. Put a new refresh_token in the credential dynamics.',
    ],
    [
      'a user name and password',
      'invalid_grant',
      { grant: 'password' },
      'does not accept the user name or password (invalid_grant, HTTP 400). One of them is wrong, expired or locked. Correct username and password in the credential dynamics.',
    ],
    [
      'nothing but the client',
      'invalid_grant',
      {},
      'does not accept the grant client_credentials of this client (invalid_grant, HTTP 400). Check client_id and client_secret in the credential dynamics. Then check the scope of this token, and what the client may use.',
    ],
    [
      'a client secret in the header',
      'invalid_client',
      { grant: 'password' },
      'does not accept the client (invalid_client, HTTP 400). Check client_id and client_secret in the credential dynamics. Or set clientAuthentication: client_secret_post, if the server requires it.',
    ],
    [
      'a client secret in the form',
      'invalid_client',
      { clientAuthentication: 'client_secret_post' },
      'Check client_id and client_secret in the credential dynamics. Or set clientAuthentication: client_secret_basic, if the server requires it.',
    ],
    [
      'its own assertion',
      'invalid_client',
      { clientAuthentication: 'private_key_jwt' },
      'Check client_id and private_key in the credential dynamics. Then check clientAuthentication, which is private_key_jwt.',
    ],
    [
      'a certificate',
      'invalid_client',
      { clientAuthentication: 'tls_client_auth', values: { ...all, certificate: 'PEM' } },
      'Check client_id, private_key and certificate in the credential dynamics. Then check clientAuthentication, which is tls_client_auth.',
    ],
    [
      "somebody else's assertion",
      'invalid_client',
      { clientAuthentication: 'workload_identity' },
      'Check client_id in the credential dynamics. Then check the assertionFile, and that the server trusts its issuer.',
    ],
    [
      'no proof at all',
      'invalid_client',
      { clientAuthentication: 'none' },
      'Check client_id in the credential dynamics. Then check clientAuthentication, which is none.',
    ],
    [
      'a client that may not use the grant',
      'unauthorized_client',
      { grant: 'password' },
      'does not accept the client, or does not allow it the grant password (unauthorized_client, HTTP 400). Check client_id and client_secret in the credential dynamics. Then check the grants that the client may use.',
    ],
    [
      'a grant',
      'unsupported_grant_type',
      { grant: 'refresh_token' },
      'does not support the grant refresh_token (unsupported_grant_type, HTTP 400). Choose another grant.',
    ],
    [
      'a user who is denied',
      'access_denied',
      { grant: 'password' },
      'denied the token (access_denied, HTTP 400). Look for a policy on the client. Check username and password in the credential dynamics.',
    ],
  ])('%s', (_what, error, given, expected) => {
    const message = messageFor({ error }, given);
    expect(message.startsWith(`${AT} `)).toBe(true);
    expect(message.endsWith(expected)).toBe(true);
  });

  it.each<[number, Given, string]>([
    [
      401,
      { grant: 'password' },
      'does not accept the client, or the user name or password (invalid_client, HTTP 401). Check client_id, client_secret, username and password in the credential dynamics.',
    ],
    [
      401,
      { grant: 'refresh_token' },
      'does not accept the client, or the refresh token (invalid_client, HTTP 401). Check client_id, client_secret and refresh_token in the credential dynamics.',
    ],
    [401, {}, 'does not accept the client (invalid_client, HTTP 401). Check client_id and client_secret'],
    [403, {}, 'denied the token (access_denied, HTTP 403). Look for a policy on the client.'],
    [403, {}, 'The answer may also come from a firewall in between.'],
    [404, {}, 'has nothing at this URL (invalid_request, HTTP 404). Check that it is the URL of its token endpoint.'],
    [405, {}, 'does not accept POST at this URL (invalid_request, HTTP 405).'],
    [407, {}, 'was not reached, because a proxy in between requires authentication (proxy_denied, HTTP 407).'],
    [
      423,
      { grant: 'password' },
      'has locked the account (access_denied, HTTP 423). Unlock it. Check username and password in the credential dynamics.',
    ],
    [503, {}, 'returned a server error (server_error, HTTP 503).'],
  ])('where only the status %d shows it, with %j', (status, given, expected) => {
    expect(messageFor(undefined, { ...given, status })).toContain(expected);
  });

  it('speaks of the client only where the body of a 401 names it', () => {
    const message = messageFor({ error: 'invalid_client' }, { grant: 'password', status: 401 });
    expect(message).not.toMatch(/user|password/);
  });
});

describe("the provider's own name of an error", () => {
  it.each<[string, Record<string, unknown>]>([
    ['inactive_org', { error: 'inactive_org' }],
    ['BAD_CLIENT_ID', { error: 'BAD_CLIENT_ID' }],
    ['inactive_user', { error: 'invalid_grant', error_code: 'inactive_user' }],
    ['InvalidClientIdentifier', { errorCode: 'InvalidClientIdentifier' }],
    ['invalid_client', { ErrorCode: 'invalid_client', Error: 'ClientId is Invalid' }],
    ['E0000004', { errorCode: 'E0000004', errorSummary: 'Authentication failed' }],
    ['invalid_credentials', { code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' }],
    ['INVALID_LOGIN', { error: { code: 400, status: 'INVALID_LOGIN', message: 'No.' } }],
    ['OAuthException', { error: { type: 'OAuthException', code: 190 } }],
    ['oauth.v2.InvalidClientIdentifier', { fault: { detail: { errorcode: 'oauth.v2.InvalidClientIdentifier' } } }],
    ['access-denied', { errors: [{ code: 'access-denied', message: 'authorization failed' }] }],
    ['server_error', { error: 'server_error' }],
  ])('is shown: %s', (name, body) => {
    expect(messageFor(body)).toMatch(new RegExp(`\\((?:[a-z_]+, )?${name}, HTTP 400\\)`));
  });

  const hostile = secret('in-an-error');
  it.each<[string, unknown]>([
    ['a sentence', 'The password Pa55word is wrong'],
    ['markup', '<b>wrong</b>'],
    ['a line break', 'wrong\r\nX-Injected: yes'],
    ['an escape sequence', '\u001b[2Jwrong'],
    ['a secret', hostile],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'],
    ['hexadecimal digits', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['base64', 'aGVsbG8gd29ybGQgMTIz'],
    ['a UUID', 'a35fb089-9ff3-47b6-9bfb-4f1264799865'],
    ['more than 40 characters', 'a_name_that_goes_on_and_on_and_on_and_on'.padEnd(41, 's')],
    ['letters that are not ASCII', 'ungültig'],
    ['a number', 4711],
    ['a list', ['inactive_org']],
    ['nothing', ''],
  ])('is not shown where it is %s', (_what, error) => {
    expect(messageFor({ error })).toContain('(invalid_request, HTTP 400)');
  });

  it.each<[string, string, Given]>([
    ['the password', 'correcthorsebattery', { values: { ...all, password: 'CorrectHorseBattery' } }],
    ['a part of the password', 'horse', { values: { ...all, password: 'CorrectHorseBattery' } }],
    ['a name around the password', 'wrong_hunter_given', { values: { ...all, password: 'hunter' } }],
    ['the user name', 'ada.lovelace', {}],
    ['the rotated refresh token', 'sesame_open', { refreshToken: 'sesame_open' }],
  ])('is not shown where it is %s', (_what, error, given) => {
    expect(messageFor({ error }, given)).toContain('(invalid_request, HTTP 400)');
  });

  it('is short and plain, whatever a server puts there', () => {
    const name = fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._-]{0,80}$/));
    fc.assert(
      fc.property(name, fc.constantFrom(400, 401, 500), (error, status) => {
        const [, shown = ''] = /\((.*), HTTP \d+\)/.exec(messageFor({ error }, { status })) ?? [];
        expect(shown).toMatch(/^[a-z_]+(?:, [A-Za-z][-._A-Za-z0-9]{0,39})?$/);
      }),
    );
  });

  it('is looked for in the body only where it is its own', () => {
    const body = Object.create({ error: 'inactive_org' }) as Record<string, unknown>;
    expect(messageFor(body)).toContain('(invalid_request, HTTP 400)');
  });
});
