import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { exportPKCS8 } from 'jose';
import { describe, expect, it } from 'vitest';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { mountedTokens } from '../../src/client/index.ts';
import type { OAuthDemand, OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { TokenEndpoint, TokenResponse } from '../../src/ports/token-endpoint.ts';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildTokenRequest, type CredentialValues, refusedRequest } from '../support/token-requests.ts';
import { introspect } from './authorization-servers.ts';
import type { KeycloakServer } from './keycloak-server.ts';
import { SERVICE_ACCOUNT, SPIFFE_ID } from './parts/keycloak-federation.ts';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const signal = new AbortController().signal;

/** The grants and client authentications in which a token of somebody else takes part. */
export function describeGrants(keycloak: () => KeycloakServer): void {
  const folder = temporaryDirectory();
  const written = (text: string): string => {
    const path = join(folder.path, randomUUID());
    writeFileSync(path, text);
    return path;
  };
  const endpoint = (settings: Partial<OAuthServerSettings> = {}): TokenEndpoint => {
    const corporate = { issuer: keycloak().issuer, clientAuthentication: 'client_secret_basic', ...settings } as const;
    return createOAuthTokenEndpoint({ corporate }, { clock: createSystemClock() });
  };
  const client = (clientId: string): CredentialValues => ({
    client_id: clientId,
    client_secret: keycloak().clientSecret,
  });
  const claimsOf = ({ accessToken }: TokenResponse) => introspect(keycloak(), accessToken.reveal());

  describe('the grant jwt_bearer at Keycloak', () => {
    async function signed(assertion: OAuthDemand['assertion'] & object): Promise<ReturnType<typeof buildTokenRequest>> {
      const { key } = keycloak().federation.users;
      const privateKey = registerSecret(await exportPKCS8(key.privateKey));
      const values = { ...client('billing-assertion'), private_key: privateKey };
      return buildTokenRequest(values, { grant: 'jwt_bearer', assertion });
    }
    const ofAda = (): { issuer: string; subject: string; keyId: string; claims: object } => {
      const { issuer, key } = keycloak().federation.users;
      return { issuer, subject: 'ada', keyId: key.kid, claims: {} };
    };

    it.each(['issuer', 'token_endpoint'])('gives a token of the user for an assertion to the %s', async (audience) => {
      const request = await signed({ ...ofAda(), audience, claims: {} });
      const same = endpoint();
      for (let count = 0; count < 2; count += 1) {
        const known = await claimsOf(await same.request(request, signal));
        expect(known).toMatchObject({ active: true, username: 'svc-billing', client_id: 'billing-assertion' });
      }
    });

    it('takes an assertion from a file, once', async () => {
      const { users } = keycloak().federation;
      const claims = { sub: 'ada', aud: keycloak().issuer };
      const file = written(await users.mint({ now: Date.now(), lifetime: 60_000, claims }));
      const request = buildTokenRequest(client('billing-assertion'), { grant: 'jwt_bearer', assertion: { file } });
      expect(await claimsOf(await endpoint().request(request, signal))).toMatchObject({ username: 'svc-billing' });
      const error = await refusedRequest(endpoint(), request);
      expect(error).toMatchObject({ code: 'invalid_grant', progress: 'answered' });
      expect(error.message).toContain(`does not accept the assertion (invalid_grant, HTTP 400). Check that the JWT in`);
    });

    it.each([
      ['for an unknown user', { subject: 'bob' }],
      ['without a subject', { subject: undefined }],
      ['of an unknown issuer', { issuer: 'https://nobody.example.com' }],
      ['for somebody else', { audience: 'https://other.example.com' }],
    ])('is rejected with an assertion %s', async (_what, more) => {
      const { subject, ...rest } = { ...ofAda(), ...more };
      const request = await signed({ ...rest, ...(subject !== undefined && { subject }), claims: {} });
      const error = await refusedRequest(endpoint(), request);
      expect(error).toMatchObject({ code: 'invalid_grant', failure: 'configuration' });
      expect(error.message).toContain(
        'Check private_key in the credential dynamics, then issuer, subject and audience',
      );
    });
  });

  describe('the grant token_exchange at Keycloak', () => {
    async function exchanged(more: Partial<OAuthDemand['exchange'] & object> = {}, parameters = {}) {
      const own = await endpoint().request(buildTokenRequest(client('billing')), signal);
      const subject = { file: written(own.accessToken.reveal()), type: `${TYPE}access_token` };
      const exchange = { subject, ...more };
      return buildTokenRequest(client('billing-exchange'), { grant: 'token_exchange', exchange, parameters });
    }

    it.each([
      ['no type', {}],
      ['an access token', { requestedTokenType: `${TYPE}access_token` }],
    ])('gives another token of the same subject for %s', async (_what, more) => {
      const response = await endpoint().request(await exchanged(more, { audience: 'gateway' }), signal);
      expect(response.tokenType).toBe('Bearer');
      expect(await claimsOf(response)).toMatchObject({
        active: true,
        client_id: 'billing-exchange',
        username: 'service-account-billing',
      });
    });

    it('is rejected with a token of another issuer', async () => {
      const { users } = keycloak().federation;
      const file = written(await users.mint({ now: Date.now(), claims: { aud: keycloak().issuer } }));
      const request = await exchanged({ subject: { file, type: `${TYPE}access_token` } });
      const error = await refusedRequest(endpoint(), request);
      expect(error).toMatchObject({ code: 'invalid_request', failure: 'configuration' });
      expect(error.message).toContain(`Check the token in ${file}`);
    });
  });

  describe('a token-acquirer whose client secret ends at Keycloak', () => {
    it('goes on with the second secret, and no call fails', { timeout: 120_000 }, async ({ onTestFinished }) => {
      const [old, next] = [keycloak().clientSecret, secret('next-secret')];
      const values = { client_id: 'billing-rotating', client_secret: old, client_secret_next: next };
      const workplace = new Workplace().credential('dynamics', values).configure({
        authorizationServers: { corporate: { issuer: keycloak().issuer } },
        tokens: {
          'billing/billing-tokens/dynamics': {
            authorizationServer: 'corporate',
            credential: 'dynamics',
            grant: 'client_credentials',
            renewal: { interval: '2s' },
          },
        },
      });
      const acquirer = AcquirerProcess.in(workplace);
      onTestFinished(async () => {
        await acquirer.end('SIGKILL');
        workplace.remove();
      });
      await acquirer.logged('token-stored', 1, 60_000);
      const tokens = mountedTokens({ directory: workplace.volume() });
      onTestFinished(() => tokens.close());
      const source = tokens.source('dynamics');
      await source.ready();
      const calls: unknown[] = [];
      let isOver = false;
      const calling = (async () => {
        for (; !isOver; await pause(20))
          calls.push((await introspect(keycloak(), source.current().accessToken.reveal()))['active']);
      })();
      await keycloak().changeSecret('billing-rotating', next);
      const line = await acquirer.logged('next-secret-in-use', 1, 60_000);
      const before = acquirer.count('token-issued');
      await acquirer.logged('token-issued', before + 2);
      isOver = true;
      await calling;
      expect(line['message']).toContain(
        'rejected client_secret of the credential dynamics and accepted client_secret_next',
      );
      expect(acquirer.count('token-request-failed')).toBe(0);
      expect(calls.length).toBeGreaterThan(20);
      expect(new Set(calls)).toEqual(new Set([true]));
    });
  });

  describe('a client of Keycloak', () => {
    it('authenticates with a JWT-SVID, again and again', async () => {
      const { spiffe } = keycloak().federation;
      const claims = { sub: SPIFFE_ID, aud: keycloak().issuer, iss: undefined, jti: undefined };
      const assertionFile = written(await spiffe.mint({ now: Date.now(), claims }));
      const by = endpoint({ clientAuthentication: 'jwt_spiffe', assertionFile });
      const request = buildTokenRequest({ client_id: 'billing-spiffe' });
      for (let count = 0; count < 2; count += 1) {
        expect(await claimsOf(await by.request(request, signal))).toMatchObject({ client_id: 'billing-spiffe' });
      }
    });

    it('does not authenticate with a JWT-SVID of another workload', async () => {
      const { spiffe } = keycloak().federation;
      const claims = { sub: `${SPIFFE_ID}-2`, aud: keycloak().issuer, iss: undefined };
      const assertionFile = written(await spiffe.mint({ now: Date.now(), claims }));
      const by = endpoint({ clientAuthentication: 'jwt_spiffe', assertionFile });
      const error = await refusedRequest(by, buildTokenRequest({ client_id: 'billing-spiffe' }));
      expect(error).toMatchObject({ code: 'invalid_client' });
      expect(error.message).toContain('Then check the assertionFile, and that the server trusts its issuer.');
    });

    it('authenticates with its ServiceAccount token', async () => {
      const { cluster } = keycloak().federation;
      const claims = { sub: SERVICE_ACCOUNT, aud: [keycloak().issuer] };
      const assertionFile = written(await cluster.mint({ now: Date.now(), claims }));
      const by = endpoint({ clientAuthentication: 'workload_identity', assertionFile });
      const response = await by.request(buildTokenRequest({ client_id: 'billing-workload' }), signal);
      expect(await claimsOf(response)).toMatchObject({ active: true, client_id: 'billing-workload' });
    });

    it.each(['client_secret_basic', 'client_secret_post'] as const)(
      'authenticates with its second secret where the first is wrong, by %s',
      async (clientAuthentication) => {
        const values = {
          ...client('billing'),
          client_secret: secret('old'),
          client_secret_next: keycloak().clientSecret,
        };
        const response = await endpoint({ clientAuthentication }).request(buildTokenRequest(values), signal);
        expect(response.nextSecret).toBe(true);
        expect(await claimsOf(response)).toMatchObject({ active: true, client_id: 'billing' });
      },
    );
  });
}
