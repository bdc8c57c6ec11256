import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256 } from '../../src/core/token.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { TokenEndpoint, TokenRequest, TokenResponse } from '../../src/ports/token-endpoint.ts';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { buildTokenRequest, type CredentialValues, refusedRequest } from '../support/token-requests.ts';
import { describeApache } from './apache-suite.ts';
import { introspect, postForm, revoke } from './authorization-servers.ts';
import { describeEnvoy } from './envoy-suite.ts';
import { installKeycloak } from './install/keycloak.ts';
import { describeGrants } from './keycloak-grants.ts';
import { type FaultOfRequest, KEYCLOAK_REFUSALS, type RefusalOfKeycloak } from './keycloak-refusals.ts';
import { type KeycloakServer, startKeycloakServer } from './keycloak-server.ts';
import { AUDIENCE, LIFETIMES } from './parts/keycloak-realm.ts';
import { realParts } from './real-parts.ts';

const keycloak = realParts(async () => startKeycloakServer(await installKeycloak()));
type Faulty = [TokenEndpoint, TokenRequest];

const signal = new AbortController().signal;

function endpoint(settings: Partial<OAuthServerSettings> = {}): TokenEndpoint {
  const corporate = { issuer: keycloak().issuer, clientAuthentication: 'client_secret_basic', ...settings } as const;
  return createOAuthTokenEndpoint({ corporate }, { clock: createSystemClock() });
}

/** The credential of a client of the realm, by its right secret. */
function client(clientId: string, more: CredentialValues = {}): CredentialValues {
  return { client_id: clientId, client_secret: keycloak().clientSecret, ...more };
}

function user(more: CredentialValues = {}): CredentialValues {
  return client('billing-user', { username: 'svc-billing', password: keycloak().userPassword, ...more });
}

function refresh(refreshToken: Redacted | undefined): Promise<TokenResponse> {
  return endpoint().request(refreshRequest(refreshToken), signal);
}

function refreshRequest(refreshToken: Redacted | undefined): TokenRequest {
  return buildTokenRequest(client('billing-user'), {
    grant: 'refresh_token',
    ...(refreshToken === undefined ? {} : { refreshToken }),
  });
}

/** The first tokens of a chain. */
function obtain(): Promise<TokenResponse> {
  return endpoint().request(buildTokenRequest(user(), { grant: 'password' }), signal);
}

/** The server counts whole seconds from the issue: an answer that took it past one of them states one less. */
function whole(lifetime: number): unknown {
  return expect.toBeOneOf([lifetime, lifetime - 1]);
}

describe('a token request to Keycloak', () => {
  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'by client_credentials with %s gives a token that introspection knows',
    async (clientAuthentication) => {
      const request = buildTokenRequest(client('billing'), { parameters: { scope: 'orders' } });
      const response = await endpoint({ clientAuthentication }).request(request, signal);
      expect(response).toMatchObject({ tokenType: 'Bearer', expiresIn: whole(LIFETIMES.long), scope: 'orders' });
      expect(response.refreshToken).toBeUndefined();
      expect(await introspect(keycloak(), response.accessToken.reveal())).toMatchObject({
        active: true,
        client_id: 'billing',
        token_type: 'Bearer',
        scope: 'orders',
        iss: keycloak().issuer,
        aud: expect.arrayContaining([AUDIENCE, 'gateway']),
      });
    },
  );

  it('by client_credentials with private_key_jwt gives a token, with an assertion of its own each time', async () => {
    const by = endpoint({ clientAuthentication: 'private_key_jwt' });
    const request = buildTokenRequest({ client_id: 'billing-key', private_key: keycloak().privateKey });
    const responses = [await by.request(request, signal), await by.request(request, signal)];
    const hashes = responses.map(({ accessToken }) => sha256(accessToken.reveal()));
    expect(new Set(hashes).size).toBe(2);
    const known = await introspect(keycloak(), responses[0]?.accessToken.reveal() ?? '');
    expect(known).toMatchObject({ active: true, client_id: 'billing-key' });
  });

  it('needs no discovery where the token endpoint is stated', async () => {
    const settings = { tokenEndpoint: keycloak().tokenEndpoint, clientAuthentication: 'client_secret_basic' } as const;
    const stated = createOAuthTokenEndpoint({ corporate: settings }, { clock: createSystemClock() });
    const response = await stated.request(buildTokenRequest(client('billing')), signal);
    expect(response.expiresIn).toEqual(whole(LIFETIMES.long));
  });

  it('by password gives a token of the user, and a refresh token', async () => {
    const response = await obtain();
    expect(response.refreshToken).toBeInstanceOf(Redacted);
    const known = await introspect(keycloak(), response.accessToken.reveal());
    expect(known).toMatchObject({ active: true, username: 'svc-billing' });
  });
});

describe('a token of Keycloak', () => {
  it('is no longer active when it has expired', async () => {
    const { accessToken } = await endpoint().request(buildTokenRequest(client('billing-short')), signal);
    expect(await introspect(keycloak(), accessToken.reveal())).toMatchObject({ active: true });
    await pause((LIFETIMES.short + 1) * 1000);
    expect(await introspect(keycloak(), accessToken.reveal())).toEqual({ active: false });
  });

  it('is no longer active when it was revoked', async () => {
    const { accessToken } = await endpoint().request(buildTokenRequest(client('billing')), signal);
    expect((await revoke(keycloak(), accessToken.reveal(), 'long')).status).toBe(200);
    expect(await introspect(keycloak(), accessToken.reveal())).toEqual({ active: false });
  });
});

describe('a refresh token of Keycloak', () => {
  it('is replaced by each use', async () => {
    const first = await obtain();
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.refreshToken);
    const hashes = [first, second, third].map(({ refreshToken }) => sha256(refreshToken?.reveal() ?? ''));
    expect(new Set(hashes).size).toBe(3);
    expect(await introspect(keycloak(), third.accessToken.reveal())).toMatchObject({ active: true });
  });

  it('is rejected when it is used again, and all that came of it dies with it', async () => {
    const first = await obtain();
    const second = await refresh(first.refreshToken);
    const reused = await refusedRequest(endpoint(), refreshRequest(first.refreshToken));
    expect(reused).toMatchObject({ code: 'invalid_grant', failure: 'configuration', progress: 'answered' });
    expect(await refusedRequest(endpoint(), refreshRequest(second.refreshToken))).toMatchObject({
      code: 'invalid_grant',
    });
    expect(await introspect(keycloak(), second.accessToken.reveal())).toEqual({ active: false });
  });
});

/** A token request for each mistake, and where it goes. */
const FAULTY: Readonly<Record<FaultOfRequest, () => Faulty | Promise<Faulty>>> = {
  'a wrong client secret': () => [endpoint(), buildTokenRequest(client('billing', { client_secret: secret('wrong') }))],
  'a client secret that has expired': () => [endpoint(), buildTokenRequest(client('billing-expired'))],
  'a client that is disabled': () => [endpoint(), buildTokenRequest(client('billing-disabled'))],
  'a client that does not exist': () => [endpoint(), buildTokenRequest(client('nobody'))],
  'an assertion signed with another key': () => [
    endpoint({ clientAuthentication: 'private_key_jwt' }),
    buildTokenRequest({ client_id: 'billing-key', private_key: otherKey() }),
  ],
  'a client that may not use client_credentials': () => [endpoint(), buildTokenRequest(client('billing-user'))],
  'a client that may not use password': () => byPassword({ client_id: 'billing' }),
  'a wrong password': () => byPassword({ password: secret('wrong') }),
  'a user that does not exist': () => byPassword({ username: 'nobody' }),
  'a refresh token that was used before': async () => {
    const { refreshToken } = await obtain();
    await refresh(refreshToken);
    return [endpoint(), refreshRequest(refreshToken)];
  },
  'a scope that does not exist': () => [
    endpoint(),
    buildTokenRequest(client('billing'), { parameters: { scope: 'nonsense' } }),
  ],
};

function byPassword(more: CredentialValues): Faulty {
  return [endpoint(), buildTokenRequest(user(more), { grant: 'password' })];
}

function otherKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return registerSecret(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
}

describe('a token request that Keycloak rejects', () => {
  const refusals = Object.entries(KEYCLOAK_REFUSALS) as [FaultOfRequest, RefusalOfKeycloak][];

  // A wrong secret is no `invalid_client` to Keycloak, as it is in RFC 6749 section 5.2.
  it.each(refusals)('is answered for %s with its code and status', async (fault, { code, status }) => {
    const error = await refusedRequest(...(await FAULTY[fault]()));
    expect(error).toMatchObject({ code, failure: 'configuration', progress: 'answered', retryAfter: undefined });
    expect(error.message).toContain(`(${code}, HTTP ${status})`);
  });

  it('says what to check for a realm that does not exist', async () => {
    const otherRealm = endpoint({ issuer: `${keycloak().issuer}-of-another-name` });
    const error = await refusedRequest(otherRealm, buildTokenRequest(client('billing')));
    expect(error).toMatchObject({ code: 'invalid_response', progress: 'not-sent' });
    expect(error.message).toContain('check issuer');
  });
});

const opened: { workplace: Workplace; running: AcquirerProcess[] }[] = [];
afterEach(async () => {
  for (const { workplace, running } of opened.splice(0)) {
    await Promise.all(running.map((acquirer) => acquirer.end('SIGKILL')));
    workplace.remove();
  }
});

describe('a token-acquirer that refreshes at Keycloak', () => {
  it('goes on over rotations and a kill, until the chain is stolen', { timeout: 60_000 }, async () => {
    const first = await firstRefreshToken(keycloak());
    const workplace = new Workplace().credential('dynamics', client('billing-user', { refresh_token: first }));
    workplace.configure({
      authorizationServers: { corporate: { issuer: keycloak().issuer } },
      tokens: [
        {
          name: 'dynamics',
          authorizationServer: 'corporate',
          credential: 'dynamics',
          grant: 'refresh_token',
          secret: { namespace: 'billing', name: 'billing-tokens' },
        },
      ],
    });
    const running: AcquirerProcess[] = [];
    opened.push({ workplace, running });
    const start = (): AcquirerProcess => {
      const acquirer = AcquirerProcess.in(workplace);
      running.push(acquirer);
      return acquirer;
    };
    const before = start();
    await before.logged('token-issued', 3, 30_000);
    await before.end('SIGKILL');
    const after = start();
    await after.logged('token-issued', 2, 30_000);
    expect([before, after].map((acquirer) => acquirer.count('token-request-failed'))).toEqual([0, 0]);
    // Anyone else who has the first token spends it again: Keycloak cannot tell who is right, and ends the session.
    await refusedRequest(endpoint(), refreshRequest(new Redacted(first)));
    expect(await after.logged('token-request-failed', 1, 30_000)).toMatchObject({ code: 'invalid_grant' });
  });
});

describe('a token-acquirer whose client secret changes at Keycloak', () => {
  it('replaces its token, and has Keycloak end the old one', { timeout: 60_000 }, async () => {
    const workplace = new Workplace().credential('dynamics', client('billing-leaked'));
    workplace.configure({
      authorizationServers: { corporate: { issuer: keycloak().issuer } },
      tokens: [
        {
          name: 'dynamics',
          authorizationServer: 'corporate',
          credential: 'dynamics',
          grant: 'client_credentials',
          secret: { namespace: 'billing', name: 'billing-tokens' },
          onCredentialChange: 'reissue',
          revokePrevious: true,
        },
      ],
    });
    const acquirer = AcquirerProcess.in(workplace);
    opened.push({ workplace, running: [acquirer] });
    await acquirer.logged('token-stored');
    const token = (): string => readFileSync(join(workplace.volume(), 'dynamics'), 'utf8');
    const old = token();
    const next = await keycloak().changeSecret('billing-leaked');
    expect(await introspect(keycloak(), old)).toMatchObject({ active: true });
    workplace.credential('dynamics', { client_secret: next });
    await acquirer.logged('token-revoked');
    expect(await introspect(keycloak(), old)).toEqual({ active: false });
    expect(await introspect(keycloak(), token())).toMatchObject({ active: true });
  });
});

/** As a person would get it, once. */
async function firstRefreshToken(server: KeycloakServer): Promise<string> {
  const form = { grant_type: 'password', username: 'svc-billing', password: server.userPassword };
  const credentials = { clientId: 'billing-user', clientSecret: server.clientSecret };
  const answer = (await (await postForm(server.tokenEndpoint, credentials, form)).json()) as { refresh_token: string };
  return answer.refresh_token;
}

describeGrants(keycloak);

describe('with JWTs of Keycloak', () => {
  describeApache('Keycloak', keycloak);
  describeEnvoy('Keycloak', keycloak, { status: 200, body: /^$/, introspectionTells: true });
});
