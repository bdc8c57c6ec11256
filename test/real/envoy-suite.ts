import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type IncidentDesk, startIncidentDesk } from '../../src/demo/incident-desk.ts';
import { type AuthorizationServer, introspect, issue, revoke } from './authorization-servers.ts';
import { ENVOY } from './challenges.ts';
import { type ClientApp, openClientApp, openSlowClientApp } from './clients.ts';
import { callWith, firstRefusal } from './gateway-calls.ts';
import { installEnvoy } from './install/envoy.ts';
import { type EnvoySettings, type RealGateway, startEnvoy } from './parts/envoy.ts';
import { AUDIENCE } from './parts/keycloak-realm.ts';
import { type Obtained, realParts, type Stoppable, stopAll } from './real-parts.ts';

/** How the authorization server answers the revocation of a JWT. */
export interface RevocationAnswer {
  readonly status: number;
  readonly body: string | RegExp;
  /** Whether introspection reports a revoked token afterwards. */
  readonly introspectionTells: boolean;
}

interface Parts extends Stoppable {
  readonly envoy: RealGateway;
  /** With other settings than the documents advise. */
  other(settings: Partial<EnvoySettings>): Promise<RealGateway>;
}

async function start(server: AuthorizationServer): Promise<Parts> {
  const program = await installEnvoy();
  const service: IncidentDesk = await startIncidentDesk();
  const { issuer, jwksUri } = server;
  const settings = { issuer, jwksUri, audience: AUDIENCE, service: service.url };
  const envoy = await startEnvoy(program, settings);
  return {
    envoy,
    other: (more) => startEnvoy(program, { ...settings, ...more }),
    stop: () => stopAll([service, envoy]),
  };
}

/** What Envoy with jwt_authn does with the tokens of this server, and how a client recovers. */
export function describeEnvoy(name: string, server: Obtained<AuthorizationServer>, revocation: RevocationAnswer): void {
  describe(`Envoy that checks JWTs of ${name}`, () => {
    const parts = realParts(() => start(server()));
    const opened: Stoppable[] = [];
    afterEach(() => stopAll(opened.splice(0)));
    const open = async <Opened extends Stoppable>(opening: Promise<Opened>): Promise<Opened> => {
      const one = await opening;
      opened.push(one);
      return one;
    };
    const url = (): string => `${parts().envoy.url}/incidents`;

    it('lets a call with a valid token through to the service', async () => {
      const { accessToken } = await issue(server(), 'long');
      const headers = { authorization: `Bearer ${accessToken}` };
      const response = await fetch(url(), { headers });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ incidents: [{ id: 1 }, { id: 2 }, { id: 3 }] });
    });

    it.each([
      ['no token', undefined, ENVOY.noToken],
      ['what is no JWT', 'a-token-of-another-kind', ENVOY.badToken],
    ])('answers 401 to %s, which the client takes for a bad token', async (_, token, challenge) => {
      const expected = { status: 401, challenge: challenge(url()), blamesToken: true };
      expect(await callWith(parts().envoy, token)).toEqual(expected);
    });

    it('answers 401 invalid_token to an expired token, from a second after its expiry', async () => {
      const { accessToken, expiresAt } = await issue(server(), 'short');
      const { at, ...refusal } = await firstRefusal(parts().envoy, accessToken, 10_000);
      expect(refusal).toEqual({ status: 401, challenge: ENVOY.badToken(url()), blamesToken: true });
      // `exp` counts in whole seconds, and so does Envoy.
      expect(at - expiresAt).toBeGreaterThan(-1000);
      expect(at - expiresAt).toBeLessThan(5000);
    });

    it('lets a revoked token pass until it expires', async () => {
      const { accessToken, expiresAt } = await issue(server(), 'short');
      const answer = await revoke(server(), accessToken, 'short');
      expect(answer.status).toBe(revocation.status);
      expect(await answer.text()).toMatch(revocation.body);
      if (revocation.introspectionTells) expect(await introspect(server(), accessToken)).toEqual({ active: false });
      expect(await callWith(parts().envoy, accessToken)).toMatchObject({ status: 200 });
      const refusal = await firstRefusal(parts().envoy, accessToken, 10_000);
      expect(refusal.at).toBeGreaterThan(expiresAt - 1000);
      expect(refusal.challenge).toBe(ENVOY.badToken(url()));
    });

    it('with its default clock skew, a minute, lets an expired token pass', async () => {
      const lax = await open(parts().other({ clockSkew: 'default' }));
      const { accessToken, expiresAt } = await issue(server(), 'short');
      await pause(expiresAt + 2500 - Date.now());
      expect(await callWith(parts().envoy, accessToken)).toMatchObject({ status: 401 });
      expect(await callWith(lax, accessToken)).toMatchObject({ status: 200 });
    });

    it('rejects an expired token that a client with a slow clock sends, and the client recovers', async () => {
      const app: ClientApp = await open(openSlowClientApp(server(), 'short', { origins: [new URL(url()).origin] }));
      const first = app.source.current();
      await firstRefusal(parts().envoy, first.accessToken.reveal(), 10_000);
      const issued = server().issued();
      expect((await app.call(url())).status).toBe(200);
      expect(server().issued()).toBe(issued + 1);
      expect(app.source.current().generation).toBeGreaterThan(first.generation);
    });

    it('answers 401 to a valid token too while it cannot get the keys', async () => {
      const gateway = await open(parts().other({ jwksUri: `${server().issuer}/no-keys-here` }));
      const { accessToken } = await issue(server(), 'long');
      expect(await callWith(gateway, accessToken)).toEqual({
        status: 401,
        challenge: ENVOY.badToken(`${gateway.url}/incidents`),
        blamesToken: true,
      });
    });

    it('knows no token of a new key, and each of the removed one, until it gets the keys again', async () => {
      // A busy Keycloak takes some of these seconds for a new key.
      const slow = await open(parts().other({ jwksCache: 30 }));
      const old = await issue(server(), 'long');
      expect(await callWith(slow, old.accessToken)).toMatchObject({ status: 200 });
      await server().rotateKey();
      const { accessToken } = await issue(server(), 'long');
      const challenge = ENVOY.badToken(`${slow.url}/incidents`);
      expect(await callWith(slow, accessToken)).toEqual({ status: 401, challenge, blamesToken: true });
      expect(await firstRefusal(slow, old.accessToken, 80_000)).toMatchObject({ status: 401, challenge });
      expect(await callWith(slow, accessToken)).toMatchObject({ status: 200 });
    }, 120_000);

    it('rejects all tokens of a removed key, and a token-acquirer and its client recover by one token', async () => {
      const app = await open(openClientApp(server(), { origins: [new URL(url()).origin] }));
      const first = app.source.current().accessToken.reveal();
      expect((await app.call(url())).status).toBe(200);
      const issued = server().issued();
      await server().rotateKey();
      const refusal = await firstRefusal(parts().envoy, first, 10_000);
      expect(refusal).toMatchObject({ status: 401, challenge: ENVOY.badToken(url()), blamesToken: true });
      expect((await app.call(url())).status).toBe(200);
      await app.acquirer.logged('reissue');
      expect(server().issued()).toBe(issued + 1);
      expect(app.source.current().accessToken.reveal() === first).toBe(false);
    });
  });
}
