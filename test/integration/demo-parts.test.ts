import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../src/demo/authorization-server.ts';
import { type App, BILLING } from '../../src/demo/cast.ts';
import { CONTROL_PATHS, startControl } from '../../src/demo/control.ts';
import { startIncidentDesk } from '../../src/demo/incident-desk.ts';
import { Ledger } from '../../src/demo/ledger.ts';
import type { Stage } from '../../src/demo/scenes/scene.ts';
import { SLOWNESS, startTokenEndpointFront, type TokenRequestSeen } from '../../src/demo/token-endpoint-front.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { registerSecret, secret } from '../support/secrets.ts';

const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((stop) => stop()));
});

describe('the incident desk', () => {
  async function open(): Promise<string> {
    const desk = await startIncidentDesk();
    cleanUp.push(() => desk.stop());
    return `${desk.url}/incidents`;
  }

  const post = (url: string, body: string): Promise<Response> => fetch(url, { method: 'POST', body });

  it('lists a few incidents', async () => {
    const response = await fetch(await open());
    const { incidents } = (await response.json()) as { incidents: object[] };
    expect(response.status).toBe(200);
    expect(incidents.length).toBeGreaterThan(1);
  });

  it('takes another one', async () => {
    const url = await open();
    const response = await post(url, JSON.stringify({ title: ' No light in the cellar ' }));
    expect(response.status).toBe(201);
    const added = await response.json();
    expect(added).toMatchObject({ title: 'No light in the cellar', status: 'open' });
    const { incidents } = (await (await fetch(url)).json()) as { incidents: unknown[] };
    expect(incidents.at(-1)).toEqual(added);
  });

  it('forgets when it stops', async () => {
    await post(await open(), '{"title": "gone"}');
    expect(await (await fetch(await open())).text()).not.toContain('gone');
  });

  it.each([
    ['something that is no JSON', 'a title', 400],
    ['JSON without a title', '{}', 400],
    ['null', 'null', 400],
    ['a title that is no text', '{"title": 1}', 400],
    ['an empty title', '{"title": " "}', 400],
    ['too much', JSON.stringify({ title: 'x'.repeat(20_000) }), 413],
  ])('refuses %s', async (_name, body, status) => {
    const response = await post(await open(), body);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it.each([
    ['another method', '/incidents', 'DELETE', 405],
    ['another path', '/', 'GET', 404],
  ])('refuses %s', async (_name, path, method, status) => {
    expect((await fetch(new URL(path, await open()), { method })).status).toBe(status);
  });
});

describe('the front of the token endpoint', () => {
  const client = { clientId: 'billing-app', clientSecret: secret('front'), grants: ['client_credentials'] };
  const basic = `Basic ${Buffer.from(`${client.clientId}:${client.clientSecret}`).toString('base64')}`;

  async function open() {
    const seen: TokenRequestSeen[] = [];
    const onToken = ({ accessToken }: { accessToken?: string }) => void registerSecret(accessToken ?? '');
    const server = await startAuthorizationServer({ clients: [client], onToken });
    const front = await startTokenEndpointFront(server.issuer, (request) => seen.push(request));
    cleanUp.push(
      () => front.stop(),
      () => server.stop(),
    );
    const ask = (authorization = basic, signal: AbortSignal | null = null): Promise<Response> => {
      const body = new URLSearchParams({ grant_type: 'client_credentials' });
      return fetch(`${front.url}/token`, { method: 'POST', headers: { authorization }, body, signal });
    };
    return { server, front, seen, ask };
  }

  it('lets token requests through, and their rejections back', async () => {
    const { ask, seen } = await open();
    expect((await ask()).status).toBe(200);
    expect((await ask('Basic eDp5')).status).toBe(401);
    expect(seen).toEqual([
      { clientId: 'billing-app', letThrough: true },
      { clientId: 'x', letThrough: true },
    ]);
  });

  it('breaks them off during an outage, and lets them through after it', async () => {
    const { ask, seen, front, server } = await open();
    front.set('down');
    await expect(ask()).rejects.toThrow('fetch failed');
    expect(server.counts.tokenRequests).toBe(0);
    front.set('normal');
    expect((await ask()).status).toBe(200);
    expect(seen.map(({ letThrough }) => letThrough)).toEqual([false, true]);
  });

  it('answers them with 500 while the authorization server is to fail', async () => {
    const { ask, seen, front, server } = await open();
    front.set('failing');
    const response = await ask();
    expect([response.status, await response.json()]).toEqual([500, { error: 'server_error' }]);
    expect(server.counts.tokenRequests).toBe(0);
    expect(seen).toEqual([{ clientId: 'billing-app', letThrough: false }]);
  });

  it('lets them through late while it is to be slow, and not those that nobody waits for any more', async () => {
    const { ask, seen, front, server } = await open();
    front.set('slow');
    const began = performance.now();
    const patient = ask();
    const given = ask(basic, AbortSignal.timeout(200));
    await expect(given).rejects.toThrow('aborted');
    expect((await patient).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(SLOWNESS - 50);
    expect(server.counts.tokenRequests).toBe(1);
    expect(seen.map(({ letThrough }) => letThrough)).toEqual([true, true]);
  });

  it('decodes the name of the client', async () => {
    const { ask, seen } = await open();
    await ask(`Basic ${Buffer.from('billing%2Dapp+2:x').toString('base64')}`);
    expect(seen).toEqual([{ clientId: 'billing-app 2', letThrough: true }]);
  });

  it('knows no client where none authenticates with Basic', async () => {
    const { ask, seen } = await open();
    await ask('Bearer x');
    expect(seen).toEqual([{ clientId: 'unknown', letThrough: true }]);
  });
});

describe('control', () => {
  function recordingStage(done: string[]): Stage {
    const note = (what: string) => (app: App) => void done.push(`${what} ${app.name}`);
    return {
      ledger: new Ledger(createFakeClock()),
      now: Date.now,
      pause: () => Promise.resolve(),
      revoke: async (app) =>
        app === BILLING ? note('revoke')(app) : Promise.reject(new Error('The authorization server answered 503.')),
      setInterval: () => {},
      stopApp: async (app) => note('stop')(app),
      startApp: note('start'),
      setAuthorizationServerDown: (down) => void done.push(`down ${down}`),
    };
  }

  async function send(path: string, options: { method?: string; headers?: Record<string, string> } = {}) {
    const done: string[] = [];
    const control = await startControl(recordingStage(done));
    cleanUp.push(() => control.stop());
    const request = requestHttp(`${control.url}${path}`, { agent: false, method: 'POST', ...options });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    return { status: response.statusCode, done };
  }

  it.each([
    ['/revoke/billing-app', 'revoke billing-app'],
    ['/stop/report-app', 'stop report-app'],
    ['/start/report-app', 'start report-app'],
    ['/outage/on', 'down true'],
    ['/outage/off', 'down false'],
  ])('does %s', async (path, expected) => {
    expect(await send(path)).toEqual({ status: 204, done: [expected] });
  });

  it('knows every path that it lists', () => {
    expect(CONTROL_PATHS).toHaveLength(8);
  });

  it.each([
    ['an unknown path', '/revoke/nobody', {}, 404],
    ['another method than POST', '/revoke/billing-app', { method: 'GET' }, 405],
    ['a page of a browser', '/revoke/billing-app', { headers: { origin: 'http://127.0.0.1' } }, 403],
    ['a name that was rebound to this machine', '/revoke/billing-app', { headers: { host: 'evil.example' } }, 403],
  ])('refuses %s', async (_name, path, options, status) => {
    expect(await send(path, options)).toEqual({ status, done: [] });
  });

  it('says so where an act fails', async () => {
    expect(await send('/revoke/report-app')).toEqual({ status: 502, done: [] });
  });
});
