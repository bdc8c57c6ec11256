import { describe, expect, it } from 'vitest';
import { authorizedFetch, mountedTokens } from '../../src/client/index.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { AcquirerProcess, Workplace } from '../e2e/acquirer-process.ts';
import { configured } from '../support/http-protocols.ts';
import { registerSecret, secret } from '../support/secrets.ts';
import { refusedRequest } from '../support/token-requests.ts';
import { installKeystone } from './install/keystone.ts';
import { type Keystone, startKeystone } from './parts/keystone.ts';
import { realParts } from './real-parts.ts';

const signal = new AbortController().signal;

/** As docs/install/other-protocols.md has it. */
const serverAt = ({ url }: Keystone) => ({
  protocol: 'http_login',
  url: `${url}/v3/auth/tokens`,
  body: {
    fields: {
      '/auth/identity/methods/0': { value: 'password' },
      '/auth/identity/password/user/name': { credential: 'username' },
      '/auth/identity/password/user/password': { credential: 'password' },
      '/auth/identity/password/user/domain/name': { value: 'Default' },
      '/auth/scope/project/name': { value: 'admin' },
      '/auth/scope/project/domain/name': { value: 'Default' },
    },
  },
  token: { header: 'X-Subject-Token' },
  lifetime: { pointer: '/token/expires_at' },
  logout: { headers: [{ name: 'X-Auth-Token' }, { name: 'X-Subject-Token' }] },
});

describe('OpenStack Keystone', () => {
  const keystone = realParts(async () => startKeystone(await installKeystone()));
  const admin = () => ({ username: 'admin', password: keystone().password });

  /** Whether Keystone's own API takes the token. */
  async function isAccepted(token: string): Promise<boolean> {
    return (await fetch(`${keystone().url}/v3/auth/projects`, { headers: { 'x-auth-token': token } })).ok;
  }

  it('gives a token that it accepts, with its lifetime, and revokes it', { timeout: 60_000 }, async () => {
    const { endpoint, request } = configured(serverAt(keystone()));
    const { accessToken, expiresIn } = await endpoint.request(request(admin()), signal);
    registerSecret(accessToken.reveal());
    expect(await isAccepted(accessToken.reveal())).toBe(true);
    expect(expiresIn).toBeGreaterThan(590);
    expect(expiresIn).toBeLessThanOrEqual(601);
    expect(await endpoint.revoke(request(admin()), accessToken, signal)).toBe(true);
    expect(await isAccepted(accessToken.reveal())).toBe(false);
  });

  it('rejects a wrong password, which no message has', { timeout: 60_000 }, async () => {
    const { endpoint, request } = configured(serverAt(keystone()));
    const wrong = secret('wrong');
    const error = await refusedRequest(endpoint, request({ username: 'admin', password: wrong }));
    expect(error).toMatchObject({ code: 'invalid_grant', failure: 'configuration', progress: 'answered' });
    expect(error.message).toContain('Check username, password in the credential dynamics.');
    expect(error.message).not.toContain(wrong);
  });

  it('rejects a body that it does not understand as an error of the settings', { timeout: 60_000 }, async () => {
    const { endpoint, request } = configured({ ...serverAt(keystone()), body: {} } as { readonly protocol: string });
    expect((await refusedRequest(endpoint, request(admin()))).code).toBe('invalid_request');
  });

  it('has revoked a token that it does not know, once it has revoked one', { timeout: 60_000 }, async () => {
    const { endpoint, request } = configured(serverAt(keystone()));
    const revokeUnknown = async () => endpoint.revoke(request(admin()), new Redacted('gAAAAAunknown'), signal);
    await expect(revokeUnknown()).rejects.toMatchObject({ failure: 'configuration' });
    const { accessToken } = await endpoint.request(request(admin()), signal);
    registerSecret(accessToken.reveal());
    expect(await endpoint.revoke(request(admin()), accessToken, signal)).toBe(true);
    expect(await endpoint.revoke(request(admin()), accessToken, signal)).toBe(true);
    expect(await revokeUnknown()).toBe(true);
  });

  it('answers without a login', { timeout: 60_000 }, async () => {
    expect(await configured(serverAt(keystone())).endpoint.reach('corporate', signal)).toBeUndefined();
  });

  it('serves an application that survives a revocation', { timeout: 120_000 }, async () => {
    const workplace = new Workplace();
    workplace.credential('openstack', admin()).configure({
      authorizationServers: { keystone: serverAt(keystone()) },
      tokens: [
        {
          name: 'openstack',
          authorizationServer: 'keystone',
          credential: 'openstack',
          header: { name: 'X-Auth-Token', prefix: '' },
          secret: { namespace: 'billing', name: 'billing-tokens' },
          clients: [{ name: 'billing-app', tokenFile: workplace.callerToken }],
        },
      ],
    });
    const acquirer = AcquirerProcess.in(workplace);
    const reissue = {
      url: await acquirer.url('reissue'),
      namespace: 'billing',
      secret: 'billing-tokens',
      callerTokenFile: workplace.callerToken,
    };
    const tokens = mountedTokens({ directory: workplace.volume(), reissue });
    try {
      const source = tokens.source('openstack');
      await source.ready();
      const call = authorizedFetch(source, { origins: [keystone().url] });
      const projects = `${keystone().url}/v3/auth/projects`;
      expect((await call(projects)).status).toBe(200);
      const token = source.current().accessToken.reveal();
      const headers = { 'x-auth-token': token, 'x-subject-token': token };
      expect((await fetch(`${keystone().url}/v3/auth/tokens`, { method: 'DELETE', headers })).status).toBe(204);
      expect((await call(projects)).status).toBe(200);
      expect(source.current().accessToken.reveal()).not.toBe(token);
    } finally {
      tokens.close();
      await acquirer.end();
      workplace.remove();
    }
  });
});
