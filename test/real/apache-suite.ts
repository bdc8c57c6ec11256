import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { startIncidentDesk } from '../../src/demo/incident-desk.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { type AuthorizationServer, issue, revoke } from './authorization-servers.ts';
import { APACHE } from './challenges.ts';
import { openClientApp, openSlowClientApp } from './clients.ts';
import { callWith, firstRefusal } from './gateway-calls.ts';
import { installApache } from './install/apache.ts';
import { type ApacheSettings, startApache } from './parts/apache.ts';
import type { RealGateway } from './parts/envoy.ts';
import { startFront } from './parts/front.ts';
import { type Obtained, realParts, type Stoppable, stopAll } from './real-parts.ts';

interface Parts extends Stoppable {
  readonly apache: RealGateway;
  /** With other settings than the documents advise. */
  other(settings: Partial<ApacheSettings>): Promise<RealGateway>;
}

async function start(server: AuthorizationServer): Promise<Parts> {
  const installation = await installApache();
  const service = await startIncidentDesk();
  const authority = createCertificateAuthority();
  const { origin, host, pathname } = new URL(server.introspectionEndpoint);
  const tls = await startFront({ target: origin, host, certificate: authority.issue() });
  const settings = {
    introspectionEndpoint: `${tls.url}${pathname}`,
    ca: authority.ca,
    gatewaySecret: server.gatewaySecret,
    service: service.url,
  };
  const apache = await startApache(installation, settings);
  return {
    apache,
    other: (more) => startApache(installation, { ...settings, ...more }),
    async stop() {
      await stopAll([service, tls, apache]);
      authority.remove();
    },
  };
}

/** What Apache with mod_auth_openidc does with the tokens of this server, and how a client recovers. */
export function describeApache(name: string, server: Obtained<AuthorizationServer>): void {
  describe(`Apache that introspects tokens of ${name}`, () => {
    const parts = realParts(() => start(server()));
    const opened: Stoppable[] = [];
    afterEach(() => stopAll(opened.splice(0)));
    const open = async <Opened extends Stoppable>(opening: Promise<Opened>): Promise<Opened> => {
      const one = await opening;
      opened.push(one);
      return one;
    };

    it('lets a call with a valid token through to the service', async () => {
      const { accessToken } = await issue(server(), 'long');
      const headers = { authorization: `Bearer ${accessToken}` };
      const response = await fetch(`${parts().apache.url}/incidents`, { headers });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ incidents: [{ id: 1 }, { id: 2 }, { id: 3 }] });
    });

    it.each([
      ['no token', undefined, APACHE.noToken],
      ['a token that nobody issued', 'a-token-of-another-kind', APACHE.badToken],
    ])('answers 401 to %s', async (_, token, challenge) => {
      const expected = { status: 401, challenge, blamesToken: token !== undefined };
      expect(await callWith(parts().apache, token)).toEqual(expected);
    });

    it('answers 401 invalid_token to an expired token', async () => {
      const { accessToken, expiresAt } = await issue(server(), 'short');
      const { at, ...refusal } = await firstRefusal(parts().apache, accessToken, 10_000);
      expect(refusal).toEqual({ status: 401, challenge: APACHE.badToken, blamesToken: true });
      expect(at - expiresAt).toBeGreaterThan(-1000);
      expect(at - expiresAt).toBeLessThan(5000);
    });

    it('asks at every call, so answers 401 invalid_token to a revoked token immediately', async () => {
      const { accessToken } = await issue(server(), 'long');
      expect(await callWith(parts().apache, accessToken)).toMatchObject({ status: 200 });
      expect((await revoke(server(), accessToken, 'long')).status).toBe(200);
      const expected = { status: 401, challenge: APACHE.badToken, blamesToken: true };
      expect(await callWith(parts().apache, accessToken)).toEqual(expected);
    });

    it('with an interval of 0, its default, lets a revoked token that it has seen pass until it expires', async () => {
      const lax = await open(parts().other({ interval: 0 }));
      const { accessToken, expiresAt } = await issue(server(), 'short');
      expect(await callWith(lax, accessToken)).toMatchObject({ status: 200 });
      expect((await revoke(server(), accessToken, 'short')).status).toBe(200);
      const refusal = await firstRefusal(lax, accessToken, 10_000);
      expect(refusal).toMatchObject({ status: 401, challenge: APACHE.badToken });
      expect(refusal.at).toBeGreaterThan(expiresAt - 1000);
    });

    it('with an interval of 2 s, asks again after that', async () => {
      const lax = await open(parts().other({ interval: 2 }));
      const { accessToken } = await issue(server(), 'long');
      expect(await callWith(lax, accessToken)).toMatchObject({ status: 200 });
      expect((await revoke(server(), accessToken, 'long')).status).toBe(200);
      expect(await callWith(lax, accessToken)).toMatchObject({ status: 200 });
      expect(await firstRefusal(lax, accessToken, 10_000)).toMatchObject({ status: 401, challenge: APACHE.badToken });
    });

    it('answers 401 invalid_token to a valid token too while it cannot ask the authorization server', async () => {
      const gateway = await open(parts().other({ introspectionEndpoint: 'https://127.0.0.1:1/introspect' }));
      const { accessToken } = await issue(server(), 'long');
      expect(await callWith(gateway, accessToken)).toEqual({
        status: 401,
        challenge: APACHE.badToken,
        blamesToken: true,
      });
    });

    it('rejects a revoked token, and a token-acquirer and its client recover by one token', async () => {
      const app = await open(openClientApp(server(), { origins: [parts().apache.url] }));
      const url = `${parts().apache.url}/incidents`;
      const first = app.source.current().accessToken.reveal();
      expect((await app.call(url)).status).toBe(200);
      // A second token request within a second of the first would have to wait.
      await pause(1000);
      const issued = server().issued();
      await revoke(server(), first, 'long');
      expect((await app.call(url)).status).toBe(200);
      await app.acquirer.logged('reissue');
      expect(server().issued()).toBe(issued + 1);
    });

    it('rejects an expired token that a client with a slow clock sends, and the client recovers', async () => {
      const app = await open(openSlowClientApp(server(), 'short', { origins: [parts().apache.url] }));
      const first = app.source.current();
      await firstRefusal(parts().apache, first.accessToken.reveal(), 10_000);
      const issued = server().issued();
      expect((await app.call(`${parts().apache.url}/incidents`)).status).toBe(200);
      expect(server().issued()).toBe(issued + 1);
      expect(app.source.current().generation).toBeGreaterThan(first.generation);
    });
  });
}
