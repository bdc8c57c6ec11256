import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import { registerSecret, secret } from '../support/secrets.ts';

const clientSecret = secret('client-secret');
const otherSecret = secret('other-client-secret');
const password = secret('password');

const ALL_GRANTS = ['client_credentials', 'password', 'refresh_token'];
let running: AuthorizationServer[] = [];

async function start(options: Partial<AuthorizationServerOptions> = {}): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer({
    clients: [
      { clientId: 'app', clientSecret, grants: ALL_GRANTS },
      { clientId: 'app-without-refresh', clientSecret, grants: ['password'] },
      { clientId: 'gateway', clientSecret: otherSecret, grants: [], authentication: 'client_secret_post' },
    ],
    users: [{ username: 'ada', password }],
    ...options,
    onToken: (issued) => {
      for (const value of Object.values(issued)) registerSecret(value);
      options.onToken?.(issued);
    },
  });
  running.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  running = [];
});

type Answer = { status: number; body: Record<string, unknown> };

async function post(url: string, form: Record<string, string>, client = 'app'): Promise<Answer> {
  const authorization = `Basic ${Buffer.from(`${client}:${clientSecret}`).toString('base64')}`;
  const headers = form['client_id'] === undefined ? { authorization } : {};
  const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

function requestToken(server: AuthorizationServer, form: Record<string, string>, client?: string): Promise<Answer> {
  return post(`${server.issuer}/token`, form, client);
}

async function isActive(server: AuthorizationServer, token: unknown): Promise<boolean> {
  const { body } = await post(`${server.issuer}/token/introspection`, {
    client_id: 'gateway',
    client_secret: otherSecret,
    token: String(token),
  });
  return body['active'] === true;
}

const passwordForm = { grant_type: 'password', username: 'ada', password, scope: 'orders' };
const refreshForm = (token: unknown) => ({ grant_type: 'refresh_token', refresh_token: String(token) });

describe('the embedded authorization server', () => {
  it('issues an opaque access token for client_credentials that any registered client may introspect', async () => {
    const server = await start();
    const { status, body } = await requestToken(server, { grant_type: 'client_credentials', scope: 'orders' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 20, scope: 'orders' });
    expect(body).not.toHaveProperty('refresh_token');
    expect(String(body['access_token'])).not.toContain('.');
    expect(await isActive(server, body['access_token'])).toBe(true);
    expect(await isActive(server, 'no-token-of-this-server')).toBe(false);
  });

  it('issues a token for the resource that was asked for', async () => {
    const server = await start();
    const resource = 'https://orders.example.com/';
    const { body } = await requestToken(server, { grant_type: 'client_credentials', resource });
    const form = { client_id: 'gateway', client_secret: otherSecret, token: String(body['access_token']) };
    const introspection = await post(`${server.issuer}/token/introspection`, form);
    expect(introspection.body).toMatchObject({ active: true, client_id: 'app', aud: resource });
  });

  it('issues access and refresh token for a password, and no refresh token where the client may not use one', async () => {
    const server = await start();
    const full = await requestToken(server, passwordForm);
    expect(full.body).toMatchObject({ token_type: 'Bearer', expires_in: 20, scope: 'orders' });
    expect(full.body['refresh_token']).toBeTypeOf('string');
    expect(await isActive(server, full.body['access_token'])).toBe(true);
    const plain = await requestToken(server, passwordForm, 'app-without-refresh');
    expect(plain.status).toBe(200);
    expect(plain.body).not.toHaveProperty('refresh_token');
  });

  it.each([
    ['a wrong password', { ...passwordForm, password: 'wrong' }, 400, 'invalid_grant'],
    ['an unknown user', { ...passwordForm, username: 'eve' }, 400, 'invalid_grant'],
    ['no password', { grant_type: 'password', username: 'ada' }, 400, 'invalid_grant'],
    ['an unknown grant', { grant_type: 'urn:example:unknown' }, 400, 'unsupported_grant_type'],
    ['an unknown refresh token', refreshForm('unknown'), 400, 'invalid_grant'],
    ['a wrong client secret', { ...passwordForm, client_id: 'gateway', client_secret: 'wrong' }, 401, 'invalid_client'],
  ])('refuses %s', async (_what, form, status, error) => {
    const server = await start();
    expect(await requestToken(server, form)).toMatchObject({ status, body: { error } });
  });

  it('rotates refresh tokens; a reused one is invalid_grant and revokes the whole chain', async () => {
    const server = await start();
    const first = await requestToken(server, passwordForm);
    const second = await requestToken(server, refreshForm(first.body['refresh_token']));
    expect(second.body['refresh_token']).not.toBe(first.body['refresh_token']);
    expect(await isActive(server, second.body['access_token'])).toBe(true);

    const reused = await requestToken(server, refreshForm(first.body['refresh_token']));
    expect(reused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const successor = await requestToken(server, refreshForm(second.body['refresh_token']));
    expect(successor).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await isActive(server, second.body['access_token'])).toBe(false);
  });

  it('keeps the refresh token where rotation is off', async () => {
    const server = await start({ rotateRefreshTokens: false });
    const first = await requestToken(server, passwordForm);
    for (let use = 0; use < 2; use++) {
      const next = await requestToken(server, refreshForm(first.body['refresh_token']));
      expect(next).toMatchObject({ status: 200, body: { refresh_token: first.body['refresh_token'] } });
    }
  });

  it('revokes an access token without its refresh token, and with a refresh token all of its chain', async () => {
    const server = await start();
    const first = await requestToken(server, passwordForm);
    const revocation = `${server.issuer}/token/revocation`;
    expect(await post(revocation, { token: String(first.body['access_token']) })).toMatchObject({ status: 200 });
    expect(await isActive(server, first.body['access_token'])).toBe(false);

    const second = await requestToken(server, refreshForm(first.body['refresh_token']));
    expect(second.status).toBe(200);
    await post(revocation, { token: String(second.body['refresh_token']) });
    expect(await isActive(server, second.body['access_token'])).toBe(false);
    expect(await requestToken(server, refreshForm(second.body['refresh_token']))).toMatchObject({ status: 400 });
  });

  it('lets no client revoke the token of another', async () => {
    const server = await start();
    const { body } = await requestToken(server, passwordForm);
    const form = { client_id: 'gateway', client_secret: otherSecret, token: String(body['access_token']) };
    await post(`${server.issuer}/token/revocation`, form);
    expect(await isActive(server, body['access_token'])).toBe(true);
  });

  it('issues tokens of the lifetime that was set last, which end on time', async () => {
    const server = await start({ accessTokenLifetime: 300 });
    const long = await requestToken(server, passwordForm);
    expect(long.body['expires_in']).toBe(300);
    server.setAccessTokenLifetime(1);
    const short = await requestToken(server, passwordForm);
    expect(short.body['expires_in']).toBe(1);
    await expect.poll(() => isActive(server, short.body['access_token']), { timeout: 10_000 }).toBe(false);
    expect(await isActive(server, long.body['access_token'])).toBe(true);
  });

  it('counts requests, and reports each token before it is sent', async () => {
    const notices: unknown[] = [];
    const server = await start({ onToken: (issued) => notices.push(issued) });
    const first = await requestToken(server, passwordForm);
    const second = await requestToken(server, { grant_type: 'client_credentials' });
    await requestToken(server, refreshForm('unknown'));
    await isActive(server, second.body['access_token']);
    await post(`${server.issuer}/token/revocation`, { token: String(second.body['access_token']) });
    expect(notices).toEqual([
      { accessToken: first.body['access_token'], refreshToken: first.body['refresh_token'] },
      { accessToken: second.body['access_token'] },
    ]);
    expect(server.counts).toEqual({ tokenRequests: 3, revocations: 1, introspections: 1 });
  });

  it.each(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])(
    'publishes its metadata at %s',
    async (path) => {
      const server = await start();
      const metadata = (await (await fetch(`${server.issuer}${path}`)).json()) as Record<string, unknown>;
      expect(metadata).toMatchObject({ issuer: server.issuer, token_endpoint: `${server.issuer}/token` });
    },
  );

  it('frees its port immediately, keep-alive connections notwithstanding, and forgets its tokens', async () => {
    const first = await start();
    const { body } = await requestToken(first, passwordForm);
    await first.stop();
    running = [];
    const second = await start({ port: first.port });
    expect(second.issuer).toBe(first.issuer);
    expect(await isActive(second, body['access_token'])).toBe(false);
  });

  it('keeps servers in one process apart', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    const { body } = await requestToken(one, passwordForm);
    expect(await isActive(other, body['access_token'])).toBe(false);
    expect(other.counts.tokenRequests).toBe(0);
  });

  it('prints nothing', async () => {
    const script = `
      const { startAuthorizationServer } = await import(${JSON.stringify(new URL('../../src/demo/authorization-server.ts', import.meta.url).href)});
      const server = await startAuthorizationServer({ clients: [{ clientId: 'a', clientSecret: 'b', grants: ['client_credentials'] }] });
      const headers = { authorization: 'Basic ' + Buffer.from('a:b').toString('base64') };
      for (const path of ['/token', '/token/introspection', '/token/revocation']) {
        await fetch(server.issuer + path, { method: 'POST', headers, body: new URLSearchParams({ grant_type: 'client_credentials', token: 'x' }) });
      }
      await fetch(server.issuer + '/.well-known/openid-configuration', { headers: { origin: 'http://localhost' } });
      await server.stop();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    expect(printed).toBe('');
    expect(code).toBe(0);
  });
});
