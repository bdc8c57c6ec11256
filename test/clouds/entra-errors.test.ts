import { describe, expect, it } from 'vitest';
import { ENTRA_ERRORS, entraCodeOf } from '../../src/adapters/oauth/entra-errors.ts';
import { rejectionOf } from '../../src/adapters/oauth/rejection.ts';
import { secret } from '../support/secrets.ts';
import { buildTokenRequest } from '../support/token-requests.ts';

const request = buildTokenRequest({ client_id: 'app', client_secret: secret('client-secret') }, { grant: 'password' });
const sent = { request, clientAuthentication: 'client_secret_post' } as const;
const peer = { name: 'corporate', host: 'login.example.com', sent };
const messageFor = (body: Record<string, unknown>): string | undefined =>
  rejectionOf(new Response(null, { status: 400 }), body, { peer, now: 0, progress: 'answered' })?.message;

describe('the number of Entra ID', () => {
  it('is the first of error_codes', () => {
    expect(entraCodeOf({ error_codes: [7000222, 50000] })).toBe(7000222);
  });

  const hostile = secret('in-an-error');
  it.each([
    ['no body', undefined],
    ['no list', { error_codes: 7000222 }],
    ['an empty list', { error_codes: [] }],
    ['a text', { error_codes: ['7000222\r\nX-Injected: yes'] }],
    ['a secret', { error_codes: [hostile] }],
    ['a fraction', { error_codes: [1.5] }],
    ['a negative number', { error_codes: [-1] }],
    ['a number that is too large', { error_codes: [1e300] }],
    ['an object', { error_codes: [{ toString: () => '7000222' }] }],
    ['an inherited list', Object.create({ error_codes: [7000222] }) as Record<string, unknown>],
  ])('is not taken from %s', (_what, body) => {
    expect(entraCodeOf(body)).toBeUndefined();
    expect(messageFor({ ...body, error: 'invalid_client' })).toBe(
      'The authorization server corporate at login.example.com does not accept the client (invalid_client, HTTP 400). Check client_id and client_secret in the credential dynamics. Or set clientAuthentication: client_secret_basic, if the server requires it.',
    );
  });

  it('is added to the usual sentence where no message explains it', () => {
    expect(messageFor({ error: 'invalid_grant', error_codes: [54321] })).toBe(
      'The authorization server corporate at login.example.com does not accept the user name or password (invalid_grant, AADSTS54321, HTTP 400). One of them is wrong, expired or locked. Correct username and password in the credential dynamics.',
    );
  });

  it.each([...ENTRA_ERRORS])(
    '%d goes on from the name of the server, and ends without a full stop',
    (_number, what) => {
      expect(what).toMatch(/^[a-z].*[^.:;]$/);
    },
  );
});

describe('errors of OpenID Connect and of Entra ID', () => {
  it.each([
    ['interaction_required', 'access_denied'],
    ['login_required', 'access_denied'],
    ['consent_required', 'access_denied'],
    ['invalid_resource', 'invalid_request'],
  ])('%s counts as %s, which is not retried fast', (error, code) => {
    const refusal = rejectionOf(new Response(null, { status: 400 }), { error }, { peer, now: 0, progress: 'answered' });
    expect(refusal).toMatchObject({ code, failure: 'configuration' });
  });
});
