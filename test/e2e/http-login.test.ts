import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorizedFetch, type Fetch, mountedTokens, type Tokens } from '../../src/client/index.ts';
import { type ReceivedRequest, type ScriptedServer, startScriptedServer } from '../support/http-protocols.ts';
import { secret } from '../support/secrets.ts';
import { AcquirerProcess, command, Workplace } from './acquirer-process.ts';

const password = secret('password');

describe('a service behind a login', () => {
  const workplace = new Workplace();
  const accepted = new Set<string>();
  let login: ScriptedServer;
  let gateway: ScriptedServer;
  let acquirer: AcquirerProcess;
  let tokens: Tokens;
  let call: Fetch;

  beforeAll(async () => {
    login = await startScriptedServer(({ method, body, headers }) => {
      if (method === 'DELETE')
        return { status: accepted.delete(String(headers['x-auth-token'])) ? 204 : 404, body: '' };
      if (method !== 'POST' || !body.includes(password)) return { status: 401 };
      const token = secret('session');
      accepted.add(token);
      return { body: { session: { token, ttl: 60 } } };
    });
    gateway = await startScriptedServer(({ headers }) =>
      accepted.has(String(headers['x-auth-token'])) ? { body: { orders: [] } } : { status: 401 },
    );
    workplace.credential('partner', { username: 'ada', password }).configure({
      authorizationServers: {
        partner: {
          protocol: 'http_login',
          url: `${login.url}/login`,
          token: { pointer: '/session/token' },
          lifetime: { pointer: '/session/ttl' },
          logout: { headers: [{ name: 'X-Auth-Token' }] },
        },
      },
      tokens: [
        {
          name: 'partner',
          authorizationServer: 'partner',
          credential: 'partner',
          header: { name: 'X-Auth-Token', prefix: '' },
          secret: { namespace: 'billing', name: 'billing-tokens' },
          clients: [{ name: 'billing-app', tokenFile: workplace.callerToken }],
        },
      ],
    });
    acquirer = AcquirerProcess.in(workplace);
    const url = await acquirer.url('reissue');
    const reissue = { url, namespace: 'billing', secret: 'billing-tokens', callerTokenFile: workplace.callerToken };
    tokens = mountedTokens({ directory: workplace.volume(), reissue });
    const source = tokens.source('partner');
    await source.ready();
    call = authorizedFetch(source, { origins: [gateway.url] });
  }, 60_000);
  afterAll(async () => {
    tokens.close();
    await acquirer.end();
    await login.stop();
    await gateway.stop();
    workplace.remove();
  });

  const last = (): ReceivedRequest | undefined => gateway.received.at(-1);

  it('gets the token in its own header, and no other', async () => {
    expect((await call(`${gateway.url}/orders`)).status).toBe(200);
    expect(accepted.has(String(last()?.headers['x-auth-token']))).toBe(true);
    expect(last()?.headers.authorization).toBeUndefined();
  });

  it('gets another token after it has rejected one', async () => {
    accepted.clear();
    expect((await call(`${gateway.url}/orders`, { method: 'POST', body: 'a' })).status).toBe(200);
    expect(last()).toMatchObject({ method: 'POST', body: 'a' });
    await acquirer.logged('reissue');
  });

  it('has its credential checked, and the token of the check is revoked', { timeout: 60_000 }, async () => {
    const url = await acquirer.url('status');
    const { code, stdout, stderr } = await command(['credentials', 'check', 'partner', '--status-url', url]);
    expect(stdout + stderr).toContain('(http_login). That token was revoked, and stored nowhere.');
    expect(code).toBe(0);
    expect(accepted.size).toBe(1);
  });
});
