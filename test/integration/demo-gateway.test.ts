import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseChallenges } from '../../src/core/bearer.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256 } from '../../src/core/token.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../src/demo/authorization-server.ts';
import { type Gateway, type GatewayOptions, type GatewayVerdict, startGateway } from '../../src/demo/gateway.ts';
import { closeServer, listenOnLoopback } from '../../src/demo/listener.ts';
import { registerSecret, secret } from '../support/secrets.ts';

const APP = { clientId: 'billing-app', clientSecret: secret('billing-app') };
const GATEWAY = { clientId: 'gateway', clientSecret: secret('gateway') };
const USER = { username: 'billing-user', password: secret('billing-user') };

let authorizationServer: AuthorizationServer;
let gateway: Gateway;
let service: Server;
let serviceUrl: string;
let answer: (request: IncomingMessage) => void;
let verdicts: GatewayVerdict[];
const cleanUp: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  authorizationServer = await startAuthorizationServer({
    clients: [
      { ...APP, grants: ['client_credentials', 'password', 'refresh_token'] },
      { ...GATEWAY, grants: [] },
    ],
    users: [USER],
    onToken: ({ accessToken, refreshToken }) => {
      for (const value of [accessToken, refreshToken]) if (value !== undefined) registerSecret(value);
    },
  });
});

afterAll(() => authorizationServer.stop());

beforeEach(async () => {
  answer = (request) => request.resume();
  service = createServer((request, response) => {
    answer(request);
    request.on('error', () => {});
    request.on('end', () => {
      const seen = { method: request.method, url: request.url, headers: request.rawHeaders };
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.end(JSON.stringify(seen));
    });
  });
  serviceUrl = await listenOnLoopback(service);
  gateway = await open();
});

afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((stop) => stop()));
  await closeServer(service);
});

async function open(change: Partial<GatewayOptions> = {}): Promise<Gateway> {
  verdicts = [];
  const started = await startGateway({
    service: serviceUrl,
    introspection: introspectionAt(authorizationServer.issuer),
    onVerdict: (verdict) => verdicts.push(verdict),
    ...change,
  });
  cleanUp.push(() => started.stop());
  return started;
}

function introspectionAt(issuer: string): GatewayOptions['introspection'] {
  const { clientId, clientSecret } = GATEWAY;
  return { endpoint: `${issuer}/token/introspection`, clientId, clientSecret: new Redacted(clientSecret) };
}

function basic({ clientId, clientSecret }: typeof APP): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
}

async function requestToken(
  form: Record<string, string> = { grant_type: 'client_credentials' },
): Promise<Record<string, string>> {
  const response = await fetch(`${authorizationServer.issuer}/token`, {
    method: 'POST',
    headers: { authorization: basic(APP) },
    body: new URLSearchParams(form),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, string>;
}

async function newToken(): Promise<string> {
  return (await requestToken())['access_token'] ?? '';
}

async function revoke(token: string): Promise<void> {
  const response = await fetch(`${authorizationServer.issuer}/token/revocation`, {
    method: 'POST',
    headers: { authorization: basic(APP) },
    body: new URLSearchParams({ token }),
  });
  expect(response.status).toBe(200);
}

async function expired(): Promise<string> {
  authorizationServer.setAccessTokenLifetime(1);
  const token = await newToken();
  authorizationServer.setAccessTokenLifetime(20);
  await pause(2100);
  return token;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function call(options: RequestOptions, body?: string): Promise<Answer> {
  const outgoing = requestHttp(`${gateway.url}/incidents?open=1`, { agent: false, ...options });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await textOf(response) };
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

function bearer(token: string): { headers: { authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } };
}

describe('the gateway', () => {
  const cases: { name: string; headers: () => Promise<string[]>; status: number; error: string | undefined }[] = [
    {
      name: 'lets a token in force through',
      headers: async () => [`Bearer ${await newToken()}`],
      status: 200,
      error: undefined,
    },
    {
      name: 'takes the scheme in any letter case (RFC 9110 section 11.1)',
      headers: async () => [`bEaReR ${await newToken()}`],
      status: 200,
      error: undefined,
    },
    {
      name: 'challenges without an error where there is no token',
      headers: async () => [],
      status: 401,
      error: undefined,
    },
    { name: 'takes another scheme for no token', headers: async () => [basic(APP)], status: 401, error: undefined },
    {
      name: 'says invalid_token of an expired one',
      headers: async () => [`Bearer ${await expired()}`],
      status: 401,
      error: 'invalid_token',
    },
    {
      name: 'says invalid_token of a revoked one',
      headers: async () => {
        const token = await newToken();
        await revoke(token);
        return [`Bearer ${token}`];
      },
      status: 401,
      error: 'invalid_token',
    },
    {
      name: 'says invalid_token of an unknown one',
      headers: async () => ['Bearer abcdef'],
      status: 401,
      error: 'invalid_token',
    },
    {
      name: 'says invalid_token of garbage',
      headers: async () => ['Bearer {"a": 1}'],
      status: 401,
      error: 'invalid_token',
    },
    {
      name: 'says invalid_token of two tokens in one header',
      headers: async () => [`Bearer ${await newToken()}, Bearer ${await newToken()}`],
      status: 401,
      error: 'invalid_token',
    },
    {
      name: 'says invalid_token of a refresh token, active though it is',
      headers: async () => {
        const { username, password } = USER;
        const tokens = await requestToken({
          grant_type: 'password',
          username,
          password,
          scope: 'openid offline_access',
        });
        expect(tokens['refresh_token']).toBeDefined();
        return [`Bearer ${tokens['refresh_token']}`];
      },
      status: 401,
      error: 'invalid_token',
    },
    {
      name: 'says invalid_request of two Authorization headers, valid as both may be',
      headers: async () => [`Bearer ${await newToken()}`, `Bearer ${await newToken()}`],
      status: 400,
      error: 'invalid_request',
    },
  ];

  it.each(cases)('$name', async ({ headers, status, error }) => {
    const authorization = await headers();
    const before = verdicts.length;
    const got = await call(authorization.length === 0 ? {} : { headers: { authorization } as never });
    expect(got.status).toBe(status);
    const challenges = parseChallenges(got.headers['www-authenticate'] ?? '');
    expect(challenges.map(({ scheme }) => scheme)).toEqual(status === 200 ? [] : ['bearer']);
    expect(challenges[0]?.parameters.get('error')).toBe(error);
    expect(challenges[0]?.parameters.get('realm')).toBe(status === 200 ? undefined : 'incident-desk');
    expect(verdicts.slice(before).map((verdict) => verdict.status)).toEqual([status]);
    for (const value of authorization) expect(got.body).not.toContain(value.split(' ', 2)[1]);
  });

  it('names the token by its hash to anyone who listens', async () => {
    const token = await newToken();
    await call(bearer(token));
    await call({});
    expect(verdicts).toEqual([
      { sha256: sha256(token), status: 200 },
      { sha256: undefined, status: 401 },
    ]);
  });

  it('sees a revocation at the very next request', async () => {
    const token = await newToken();
    expect((await call(bearer(token))).status).toBe(200);
    await revoke(token);
    expect((await call(bearer(token))).status).toBe(401);
  });
});

describe('a gateway that is to reject every token', () => {
  it('says invalid_token to a valid one without asking, and judges again after it', async () => {
    let rejectAll = true;
    gateway = await open({ rejectAll: () => rejectAll });
    const { headers } = bearer(await newToken());
    const asked = authorizationServer.counts.introspections;
    const rejected = await call({ headers });
    expect([rejected.status, rejected.headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="incident-desk", error="invalid_token"',
    ]);
    expect(authorizationServer.counts.introspections).toBe(asked);
    rejectAll = false;
    expect((await call({ headers })).status).toBe(200);
  });

  it('challenges a request without a token as ever', async () => {
    gateway = await open({ rejectAll: () => true });
    expect((await call({})).headers['www-authenticate']).toBe('Bearer realm="incident-desk"');
  });
});

describe('a gateway that cannot ask the authorization server', () => {
  const cases: { name: string; endpoint: () => Promise<string> }[] = [
    {
      name: 'is down',
      endpoint: async () => {
        const closed = createServer();
        const url = await listenOnLoopback(closed);
        await closeServer(closed);
        return url;
      },
    },
    { name: 'breaks connections off', endpoint: () => answering((request) => request.socket.destroy()) },
    { name: 'answers 500', endpoint: () => answering((_request, status) => status(500, '{"active": true}')) },
    {
      name: 'answers something else than JSON',
      endpoint: () => answering((_request, status) => status(200, 'active')),
    },
    { name: 'answers without end', endpoint: () => answering((_request, status) => status(200, 'x'.repeat(100_000))) },
  ];

  async function answering(
    react: (request: IncomingMessage, status: (code: number, body: string) => void) => void,
  ): Promise<string> {
    const broken = createServer((request, response) => {
      react(request, (code, body) => {
        response.writeHead(code);
        response.end(body);
      });
    });
    cleanUp.push(() => closeServer(broken));
    return listenOnLoopback(broken);
  }

  it.each(cases)('says 503, and asks for no other token, when it $name', async ({ endpoint }) => {
    const token = await newToken();
    gateway = await open({ introspection: introspectionAt(await endpoint()) });
    const got = await call(bearer(token));
    expect(got.status).toBe(503);
    expect(got.headers['retry-after']).toBe('1');
    expect(got.headers['www-authenticate']).toBeUndefined();
    expect(verdicts.at(-1)?.status).toBe(503);
  });

  it('needs no restart when the authorization server is back', async () => {
    const clients = [{ ...GATEWAY, grants: ['client_credentials'] }];
    const first = await startAuthorizationServer({ clients });
    gateway = await open({ introspection: introspectionAt(first.issuer) });
    await first.stop();
    const token = await newToken();
    expect((await call(bearer(token))).status).toBe(503);
    const second = await startAuthorizationServer({ clients, port: first.port });
    cleanUp.push(() => second.stop());
    // It answers, and knows nothing of a token of another server.
    expect((await call(bearer(token))).status).toBe(401);
  });

  it('says 401 to a request without a token anyway', async () => {
    gateway = await open({ introspection: introspectionAt('http://127.0.0.1:9') });
    expect((await call({})).status).toBe(401);
  });
});

describe('a request through the gateway', () => {
  function namesIn(body: string): string[] {
    const { headers } = JSON.parse(body) as { headers: string[] };
    return headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  }

  it('carries method, path, query, body and repeated headers, and the answer back', async () => {
    let body = '';
    answer = (request) => request.on('data', (chunk) => (body += String(chunk)));
    const token = await newToken();
    const headers = { ...bearer(token).headers, 'x-repeated': ['1', '2'], 'content-type': 'text/plain' };
    const got = await call({ method: 'PUT', headers }, 'hello');
    const seen = JSON.parse(got.body) as { method: string; url: string; headers: string[] };
    expect(seen).toMatchObject({ method: 'PUT', url: '/incidents?open=1' });
    expect(seen.headers.filter((value) => value === '1' || value === '2')).toEqual(['1', '2']);
    expect(got.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    await expect.poll(() => body).toBe('hello');
  });

  it('keeps the token and what concerns one connection only', async () => {
    const headers = {
      ...bearer(await newToken()).headers,
      connection: 'keep-alive, X-Private',
      'x-private': 'yes',
      'proxy-authorization': 'Basic eA==',
      te: 'trailers',
      upgrade: 'h2c',
      'x-kept': 'yes',
    };
    const names = namesIn((await call({ headers })).body);
    expect(names).toContain('x-kept');
    const kept = ['authorization', 'x-private', 'proxy-authorization', 'te', 'upgrade'].filter((name) =>
      names.includes(name),
    );
    expect(kept).toEqual([]);
  });

  it('sends the service its own host name', async () => {
    const { body } = await call({ headers: { ...bearer(await newToken()).headers, host: 'elsewhere.example' } });
    expect(body).toContain(new URL(serviceUrl).host);
    expect(body).not.toContain('elsewhere');
  });

  it('says 502 where the service does not answer', async () => {
    answer = (request) => request.socket.destroy();
    expect((await call(bearer(await newToken()))).status).toBe(502);
    gateway = await open({ service: 'http://127.0.0.1:9' });
    expect((await call({ ...bearer(await newToken()), method: 'POST' }, 'body')).status).toBe(502);
  });

  it('rejects a request target that is no path', async () => {
    const { hostname, port } = new URL(gateway.url);
    const token = await newToken();
    expect((await call({ ...bearer(token), hostname, port, path: 'http://elsewhere.example/' })).status).toBe(400);
  });

  it('opens no tunnel', async () => {
    const { port } = new URL(gateway.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n`);
    let got = '';
    socket.on('data', (chunk) => (got += String(chunk)));
    await once(socket, 'close');
    expect(got).not.toContain('200');
  });
});

describe('a gateway that streams bodies with a limit', () => {
  it('passes each part of an answer on as it comes', async () => {
    const parts = ['one', 'two', 'three'];
    let release = (): void => {};
    const stream = async (response: ServerResponse): Promise<void> => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      for (const part of parts) {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        response.write(part);
      }
      response.end();
    };
    await closeServer(service);
    service = createServer((_request, response) => void stream(response));
    serviceUrl = await listenOnLoopback(service);
    gateway = await open();
    const outgoing = requestHttp(`${gateway.url}/incidents`, { agent: false, ...bearer(await newToken()) });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const seen: string[] = [];
    response.on('data', (chunk) => seen.push(String(chunk)));
    for (let count = 1; count <= parts.length; count += 1) {
      release();
      await expect.poll(() => seen.length).toBe(count);
    }
    expect(seen).toEqual(parts);
  });

  it('passes each part of a request on before the rest has come', async () => {
    const seen: string[] = [];
    answer = (request) => request.on('data', (chunk) => seen.push(String(chunk)));
    const outgoing = requestHttp(`${gateway.url}/incidents`, {
      agent: false,
      method: 'POST',
      ...bearer(await newToken()),
    });
    outgoing.on('error', () => {});
    outgoing.write('one');
    await expect.poll(() => seen).toEqual(['one']);
    outgoing.write('two');
    await expect.poll(() => seen).toEqual(['one', 'two']);
    outgoing.destroy();
  });

  it('breaks off towards the service when the caller goes away', async () => {
    let hasEnded = false;
    await closeServer(service);
    service = createServer((request, response) => {
      request.resume();
      response.writeHead(200);
      response.write('first');
      response.on('close', () => (hasEnded = true));
    });
    serviceUrl = await listenOnLoopback(service);
    gateway = await open();
    const outgoing = requestHttp(`${gateway.url}/incidents`, { agent: false, ...bearer(await newToken()) });
    outgoing.on('error', () => {});
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.on('error', () => {});
    response.destroy();
    await expect.poll(() => hasEnded).toBe(true);
  });

  it('does not call the service for a caller that went away while its token was judged', async () => {
    const judge = Promise.withResolvers<void>();
    let asked = 0;
    const slow = createServer((request, response) => {
      asked += 1;
      request.resume();
      void judge.promise.then(() => response.end('{"active": true, "token_type": "Bearer"}'));
    });
    cleanUp.push(() => closeServer(slow));
    gateway = await open({ introspection: introspectionAt(await listenOnLoopback(slow)) });
    let connections = 0;
    service.on('connection', () => (connections += 1));
    const token = await newToken();
    const outgoing = requestHttp(`${gateway.url}/incidents`, { agent: false, ...bearer(token) });
    outgoing.on('error', () => {});
    outgoing.end();
    await expect.poll(() => asked).toBe(1);
    outgoing.destroy();
    await pause(50);
    judge.resolve();
    await expect.poll(() => verdicts.length).toBe(1);
    await pause(50);
    expect(connections).toBe(0);
    expect((await call(bearer(token))).status).toBe(200);
    expect(connections).toBe(1);
  });

  it('says 413 to a body announced past the limit, and reads none of it', async () => {
    gateway = await open({ bodyLimit: 10 });
    const headers = { ...bearer(await newToken()).headers, 'content-length': '11' };
    expect((await call({ method: 'POST', headers }, 'x'.repeat(11))).status).toBe(413);
  });

  it('breaks off a body that grows past the limit', async () => {
    let received = 0;
    answer = (request) => request.on('data', (chunk: Buffer) => (received += chunk.length));
    gateway = await open({ bodyLimit: 1000 });
    const outgoing = requestHttp(`${gateway.url}/incidents`, {
      agent: false,
      method: 'POST',
      ...bearer(await newToken()),
    });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    outgoing.write('x'.repeat(900));
    await expect.poll(() => received).toBe(900);
    outgoing.write('x'.repeat(900));
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    expect(received).toBe(900);
    outgoing.destroy();
  });

  it('takes a body of exactly the limit', async () => {
    gateway = await open({ bodyLimit: 10 });
    expect((await call({ ...bearer(await newToken()), method: 'POST' }, 'x'.repeat(10))).status).toBe(200);
  });
});
