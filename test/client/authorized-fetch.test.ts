import { afterEach, describe, expect, it } from 'vitest';
import { type AuthorizedFetchOptions, authorizedFetch, type Fetch } from '../../src/client/authorized-fetch.ts';
import type { TokenSource } from '../../src/client/token-source.ts';
import { UsageError } from '../../src/core/errors.ts';
import { FakeTokenSource } from '../fakes/fake-token-source.ts';
import { failure } from '../support/failure.ts';
import { type Gateway, type Reply, startGateway } from '../support/gateway.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';

const KIB = 1024;
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface World {
  readonly gateway: Gateway;
  readonly source: FakeTokenSource;
  readonly call: Fetch;
}

interface WorldOptions extends Partial<AuthorizedFetchOptions> {
  /** How many tokens the source can give one after the other. */
  readonly tokens?: number;
  /** Which of them the gateway lets through. */
  readonly accepts?: readonly number[];
  /** The generations of the tokens. They rise by default. */
  readonly generations?: readonly number[];
  readonly refuse?: Reply;
}

async function start({
  tokens = 2,
  accepts = [1],
  generations,
  refuse,
  ...options
}: WorldOptions = {}): Promise<World> {
  const gateway = await startGateway(refuse);
  stops.push(() => gateway.stop());
  const source = new FakeTokenSource(tokens, generations);
  for (const at of accepts) gateway.accepted.add(source.hash(at));
  return { gateway, source, call: authorizedFetch(source, { origins: [gateway.url], ...options }) };
}

describe('a request', () => {
  it.each<[string, RequestInit['headers']]>([
    ['a call without headers', undefined],
    ['a call with a header of the caller', { authorization: 'Basic Z3Vlc3Q6Z3Vlc3Q=' }],
    [
      'a call with two headers of the caller, spelled differently',
      { Authorization: 'Basic a', authorization: 'Basic b' },
    ],
    ['a call with a list of headers', [['AUTHORIZATION', 'Basic a']]],
    ['a call with a Headers object', new Headers({ authorization: 'Basic a' })],
  ])('carries exactly one Authorization header, with our token, for %s', async (_, headers) => {
    const { gateway, source, call } = await start({ accepts: [0] });
    const response = await call(gateway.url, { ...(headers && { headers }) });
    expect(response.status).toBe(200);
    expect(gateway.seen.map(({ tokens }) => tokens)).toEqual([[source.hash(0)]]);
  });

  it('keeps the method, headers, body and query of the caller', async () => {
    const { gateway, call } = await start({ accepts: [0] });
    await call(new URL(`${gateway.url}/items?a=1`), { method: 'PUT', body: 'text', headers: { 'x-trace': '7' } });
    const [seen] = gateway.seen;
    expect([seen?.method, seen?.path, seen?.headers['x-trace']]).toEqual(['PUT', '/items?a=1', '7']);
    expect(seen?.body.toString()).toBe('text');
    expect(seen?.headers['content-type']).toBe('text/plain;charset=UTF-8');
  });

  it('can be a Request, whose headers and length it keeps', async () => {
    const { gateway, source, call } = await start({ accepts: [0] });
    const headers = { 'x-trace': '7', authorization: 'Basic a' };
    const bodies = ['text', 'x'.repeat(100 * KIB)];
    for (const body of bodies) await call(new Request(`${gateway.url}/items`, { method: 'POST', body, headers }));
    for (const [at, seen] of gateway.seen.entries()) {
      expect([seen.method, seen.headers['x-trace'], seen.tokens]).toEqual(['POST', '7', [source.hash(0)]]);
      expect(seen.headers['content-length']).toBe(String(bodies[at]?.length));
      expect(seen.body.toString() === bodies[at]).toBe(true);
    }
  });

  it('uses the fetch of the options', async () => {
    const called: unknown[] = [];
    const { gateway, source } = await start();
    const call = authorizedFetch(source, {
      origins: [gateway.url],
      async fetch(input) {
        called.push(input);
        return new Response('from elsewhere');
      },
    });
    expect(await (await call(gateway.url)).text()).toBe('from elsewhere');
    expect(called).toEqual([gateway.url]);
  });

  it('fails as fetch does without a server or a URL', async () => {
    const { gateway, call } = await start();
    await gateway.stop();
    expect(await failure(call(gateway.url))).toBeInstanceOf(TypeError);
    expect(await failure(call('no url'))).toBeInstanceOf(TypeError);
    const calledWithout = await failure((call as (input?: string) => Promise<Response>)());
    expect(calledWithout).toMatchObject({ name: 'TypeError', message: expect.stringContaining('URL') });
  });

  it('does not quote a token that cannot be sent', async () => {
    const { gateway, source, call } = await start({ accepts: [0] });
    const value = secret('malformed');
    Object.assign(source.tokens[0] ?? {}, { accessToken: { reveal: () => `${value}\r\nx:y` } });
    const error = (await failure(call(gateway.url))) as Error;
    expect(error.message).toBe(
      'The token source gave a token that contains a line break or another control character.',
    );
    expect(gateway.seen).toEqual([]);
  });
});

describe('the origins that get the token', () => {
  it.each<[string, unknown]>([
    ['no options', undefined],
    ['no origins', {}],
    ['an empty list', { origins: [] }],
    ['a text instead of a list', { origins: 'https://api.example.com' }],
  ])('must be named, otherwise %s is a usage error with an example', (_, options) => {
    const make = (): Fetch => authorizedFetch(new FakeTokenSource(1), options as AuthorizedFetchOptions);
    expect(make).toThrow(UsageError);
    expect(make).toThrow("such as { origins: ['https://api.example.com'] }.");
  });

  it('cannot use plain http beyond loopback unless allowPlainHttp is set', () => {
    const make = (options: AuthorizedFetchOptions) => (): Fetch => authorizedFetch(new FakeTokenSource(1), options);
    const origins = ['https://api.example.com', 'http://api.example.com:8080'];
    expect(make({ origins })).toThrow(UsageError);
    expect(make({ origins, allowPlainHttp: false })).toThrow(
      'The origin http://api.example.com:8080 is plain http, over which anyone on the network can read the token. ' +
        'Use https, or set allowPlainHttp: true.',
    );
    expect(make({ origins, allowPlainHttp: true })).not.toThrow();
    expect(make({ origins: ['http://localhost:1', 'http://127.0.0.2', 'http://[::1]:8080'] })).not.toThrow();
  });

  it('differ where the scheme differs', async () => {
    const { sent, call } = recorder({ origins: ['https://api.example.com'], allowPlainHttp: true });
    for (const url of ['https://api.example.com/a', 'https://API.example.com:443/b', 'http://api.example.com/c']) {
      await call(url);
    }
    expect(sent.map(({ url, authorized }) => [url, authorized])).toEqual([
      ['https://api.example.com/a', true],
      ['https://API.example.com:443/b', true],
      ['http://api.example.com/c', false],
    ]);
  });

  it('are the named ones only, and calls to others carry no token', async () => {
    const elsewhere = await startGateway();
    stops.push(() => elsewhere.stop());
    const { gateway, source } = await start({ accepts: [0] });
    const call = authorizedFetch(source, { origins: [gateway.url] });
    expect((await call(gateway.url)).status).toBe(200);
    expect((await call(elsewhere.url, { headers: { 'x-trace': '7' } })).status).toBe(401);
    expect(elsewhere.seen.map(({ tokens, headers }) => [tokens, headers['x-trace']])).toEqual([[[], '7']]);
    expect(source.replaced).toEqual([]);
  });

  it.each([
    '',
    'api.example.com',
    'ftp://api.example.com',
    'ws://api.example.com',
    'https://api.example.com/path',
    'https://user:secret@api.example.com',
    'data:,',
  ])('cannot contain %j', (origin) => {
    expect(() => authorizedFetch(new FakeTokenSource(1), { origins: [origin] })).toThrow(UsageError);
    expect(() => authorizedFetch(new FakeTokenSource(1), { origins: [origin] })).not.toThrow('secret');
  });

  it.each([301, 302, 303, 307, 308])(
    'exclude the target of a redirect %d to another origin, also in a replay',
    async (status) => {
      const elsewhere = await startGateway();
      stops.push(() => elsewhere.stop());
      const { gateway, source, call } = await start({
        accepts: [],
        refuse: (_, response) => response.writeHead(status, { location: `${elsewhere.url}/there` }).end(),
      });
      const response = await call(`${gateway.url}/here`, { headers: { 'x-trace': '7' } });
      expect([response.status, response.url]).toEqual([401, `${elsewhere.url}/there`]);
      expect(elsewhere.seen.map(({ tokens, path }) => [path, tokens])).toEqual([['/there', []]]);
      // It did not carry the token there, so that is no token error.
      expect([gateway.seen.length, source.replaced.length]).toEqual([1, 0]);
    },
  );

  it('get the token after a redirect within the origin, and again in the replay', async () => {
    const { gateway, source, call } = await start({
      refuse({ path }, response) {
        if (path === '/here') response.writeHead(307, { location: '/there' }).end();
        else response.writeHead(401).end();
      },
      accepts: [],
    });
    const response = await call(`${gateway.url}/here`, { method: 'POST', body: 'text' });
    expect(response.status).toBe(401);
    expect(gateway.seen.map(({ path, tokens }) => [path, tokens[0]])).toEqual([
      ['/here', source.hash(0)],
      ['/there', source.hash(0)],
      ['/here', source.hash(1)],
      ['/there', source.hash(1)],
    ]);
  });
});

interface Sent {
  readonly url: string;
  readonly method: string | undefined;
  readonly trace: string | null;
  readonly authorized: boolean;
}

/** A client over a `fetch` that sends nothing, records what it gets, and answers the given statuses, then 200. */
function recorder(options: AuthorizedFetchOptions, ...statuses: number[]) {
  const sent: Sent[] = [];
  const source = new FakeTokenSource(2);
  const call = authorizedFetch(source, {
    ...options,
    async fetch(input, init) {
      const request = new Request(input, init);
      const [trace, authorization] = ['x-trace', 'authorization'].map((name) => request.headers.get(name));
      sent.push({
        url: typeof input === 'string' ? input : request.url,
        method: request.method,
        trace: trace ?? null,
        authorized: authorization !== null,
      });
      return new Response(null, { status: statuses.shift() ?? 200 });
    },
  });
  return { sent, source, call };
}

describe('a change to the arguments after the call', () => {
  const HERE = 'https://api.example.com/here';
  const taken = { url: HERE, method: 'PUT', trace: 'before', authorized: true };
  const options = { origins: ['https://api.example.com'] };

  it.each([
    ['before the request is sent', []],
    ['before the request is replayed', [401]],
  ])('of URL, method and headers does not redirect the token %s', async (_, statuses) => {
    const { sent, source, call } = recorder(options, ...statuses);
    const url = new URL(HERE);
    const headers = new Headers({ 'x-trace': 'before' });
    const init = { method: 'PUT', headers };
    const change = (): void => {
      url.host = 'evil.example';
      url.pathname = '/there';
      headers.set('x-trace', 'after');
      init.method = 'DELETE';
    };
    source.absent = true;
    const calling = call(url, init);
    if (statuses.length === 0) change();
    else source.hold = Promise.resolve().then(change);
    source.absent = false;
    expect((await calling).status).toBe(200);
    expect(sent).toEqual([...statuses, 200].map(() => taken));
  });

  it('of the headers of a Request, or of a list, does not redirect the token', async () => {
    const { sent, source, call } = recorder(options);
    const request = new Request(HERE, { method: 'PUT', headers: { 'x-trace': 'before' } });
    const list: [string, string][] = [['x-trace', 'before']];
    source.absent = true;
    const calling = [call(request), call(HERE, { method: 'PUT', headers: list })];
    request.headers.set('x-trace', 'after');
    list.push(['x-trace', 'after']);
    source.absent = false;
    await Promise.all(calling);
    expect(sent).toEqual([taken, taken]);
  });

  it('of an object that returns another text each time does not redirect the token', async () => {
    const { sent, call } = recorder(options);
    const texts = [HERE, 'https://evil.example/'];
    const shifty = { toString: () => texts.shift() ?? '' } as unknown as URL;
    await call(shifty, { method: 'PUT', headers: { 'x-trace': 'before' } });
    expect(sent).toEqual([taken]);
  });
});

describe('a token error', () => {
  it('is cured by one replay with another token', async () => {
    const { gateway, source, call } = await start();
    const response = await call(gateway.url);
    expect([response.status, await response.text()]).toEqual([200, 'executed GET with 0 bytes']);
    expect(gateway.seen.map(({ tokens }) => tokens)).toEqual([[source.hash(0)], [source.hash(1)]]);
    expect(source.replaced).toEqual([source.hash(0)]);
  });

  it.each<[string, string | undefined]>([
    ['insufficient_scope', 'Bearer error="insufficient_scope", scope="more"'],
    ['invalid_request', 'Bearer error="invalid_request"'],
  ])('does not include a challenge with %s', async (_, challenge) => {
    const { gateway, source, call } = await start({
      refuse: (_request, response) => response.writeHead(401, { 'www-authenticate': challenge }).end('as it is'),
    });
    const response = await call(gateway.url);
    expect([response.status, await response.text()]).toEqual([401, 'as it is']);
    expect([gateway.seen.length, source.replaced.length]).toEqual([1, 0]);
  });

  it.each([400, 403, 500])('does not include a %d', async (status) => {
    const { gateway, source, call } = await start({ refuse: (_, response) => response.writeHead(status).end('no') });
    expect((await call(gateway.url)).status).toBe(status);
    expect([gateway.seen.length, source.replaced.length]).toEqual([1, 0]);
  });

  it('includes a 400 that matches a rule', async () => {
    const { gateway, call } = await start({
      refuse: (_, response) => response.writeHead(400).end('{"code":"TokenExpired"}'),
      tokenErrors: [{ status: 400, body: /TokenExpired/ }],
    });
    expect((await call(gateway.url)).status).toBe(200);
    expect(gateway.seen).toHaveLength(2);
  });

  it.each(['follow', 'manual'] as const)(
    'includes a redirect to a login page that a rule names (%s)',
    async (redirect) => {
      const login = await startGateway((_, response) => response.writeHead(200).end('Sign in, please.'));
      stops.push(() => login.stop());
      const { gateway, call } = await start({
        refuse: (_, response) => response.writeHead(302, { location: `${login.url}/sign-in` }).end(),
        tokenErrors: [{ redirectedTo: login.url }],
      });
      const response = await call(gateway.url, { method: 'POST', body: 'text', redirect });
      expect(await response.text()).toBe('executed POST with 4 bytes');
      expect(gateway.seen.map(({ method, body }) => [method, body.toString()])).toEqual([
        ['POST', 'text'],
        ['POST', 'text'],
      ]);
      expect(login.seen.flatMap(({ tokens }) => tokens)).toEqual([]);
    },
  );

  it('cannot have a rule that matches every answer', async () => {
    await expect(start({ tokenErrors: [{ body: /expired/ }] })).rejects.toThrow(UsageError);
  });

  it('reaches the caller unchanged the second time, and the next call replaces that token', async () => {
    const { gateway, source, call } = await start({ tokens: 4, accepts: [] });
    const response = await call(gateway.url);
    expect([response.status, response.bodyUsed, await response.text()]).toEqual([
      401,
      false,
      '{"message":"no such token"}',
    ]);
    expect(response.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect(gateway.seen).toHaveLength(2);
    await call(gateway.url);
    expect(source.replaced).toEqual([source.hash(0), source.hash(1)]);
  });

  it('reaches the caller unchanged without another token', async () => {
    const { gateway, call } = await start({ tokens: 1, accepts: [] });
    const response = await call(gateway.url, { method: 'POST', body: 'text' });
    expect([response.status, await response.text()]).toEqual([401, '{"message":"no such token"}']);
    expect(gateway.seen).toHaveLength(1);
  });

  it('is cured with the held token if it comes late, for an older token', async () => {
    const { gateway, source, call } = await start();
    const late = call(gateway.url);
    await source.replace(source.hash(0));
    expect((await late).status).toBe(200);
    expect(gateway.seen.map(({ tokens }) => tokens[0])).toEqual([source.hash(0), source.hash(1)]);
  });

  it('leaves no connection open, because the first answer is read or dropped', async () => {
    const { gateway, call } = await start({
      refuse: (_, response) => response.writeHead(401).end('x'.repeat(1024 * KIB)),
    });
    for (let calls = 0; calls < 3; calls += 1) await (await call(gateway.url)).text();
    expect(gateway.connections.open.size).toBeLessThanOrEqual(2);
  });
});

describe('the report to the token source', () => {
  it('names the accepted token after any successful answer', async () => {
    const { gateway, source, call } = await start({ accepts: [0] });
    await call(gateway.url);
    await call(gateway.url);
    expect(source.outcomes).toEqual(['accepted 0', 'accepted 0']);
  });

  it('says whether the replay was accepted or rejected', async () => {
    const { gateway, source, call } = await start({ tokens: 3, accepts: [1] });
    await call(gateway.url);
    gateway.accepted.clear();
    await call(gateway.url);
    expect(source.outcomes).toEqual(['accepted 1', 'replay rejected 2']);
  });

  it.each([403, 404, 500, 503])(
    'is not sent after a %d, which may come before the gateway checks the token',
    async (status) => {
      const { gateway, source, call } = await start({ refuse: (_, response) => response.writeHead(status).end() });
      await call(gateway.url);
      expect(source.outcomes).toEqual([]);
    },
  );

  it('is not sent after an answer of another origin', async () => {
    const elsewhere = await startHttpServer((_, response) => response.end('elsewhere'));
    stops.push(() => elsewhere.stop());
    const { gateway, source, call } = await start({
      refuse: (_, response) => response.writeHead(302, { location: elsewhere.url }).end(),
    });
    expect((await call(gateway.url)).status).toBe(200);
    expect(source.outcomes).toEqual([]);
  });

  it('is optional for a source of another kind', async () => {
    const { gateway, source } = await start();
    const plain: TokenSource = {
      current: () => source.current(),
      ready: (options) => source.ready(options),
      replace: (rejected) => source.replace(rejected),
      close: () => source.close(),
    };
    const call = authorizedFetch(plain, { origins: [gateway.url] });
    expect((await call(gateway.url)).status).toBe(200);
    gateway.accepted.clear();
    expect((await call(gateway.url)).status).toBe(401);
  });
});

describe('an earlier token that stands in for a new one', () => {
  const generations = [2, 1, 3, 4];

  it('cures the call', async () => {
    const { gateway, source, call } = await start({ tokens: 3, accepts: [1], generations });
    expect((await call(gateway.url)).status).toBe(200);
    expect([gateway.seen.length, source.replaced.length]).toEqual([2, 1]);
  });

  it('is followed by one more token after a rejection, and by no third', async () => {
    const cured = await start({ tokens: 4, accepts: [2], generations });
    expect((await cured.call(cured.gateway.url)).status).toBe(200);
    expect(cured.gateway.seen).toHaveLength(3);
    const rejected = await start({ tokens: 4, accepts: [3], generations });
    expect((await rejected.call(rejected.gateway.url)).status).toBe(401);
    expect(rejected.gateway.seen).toHaveLength(3);
    expect(rejected.source.outcomes).toEqual(['replay rejected 2']);
  });

  it('leads to the unchanged answer after a rejection without another token', async () => {
    const { gateway, source, call } = await start({ tokens: 2, accepts: [], generations });
    const response = await call(gateway.url);
    expect([response.status, await response.text()]).toEqual([401, '{"message":"no such token"}']);
    expect([gateway.seen.length, source.outcomes]).toEqual([2, ['replay rejected 1']]);
  });
});

describe('the replay of a POST', () => {
  it.each<[string, () => RequestInit['body']]>([
    ['a string', () => 'x'.repeat(64 * KIB)],
    ['bytes', () => new Uint8Array(64 * KIB)],
    ['a Blob', () => new Blob(['x'.repeat(64 * KIB)])],
    ['a short stream', () => new Blob(['x'.repeat(64 * KIB)]).stream()],
  ])('sends the same %s of 64 KiB again, and the server executes it once', async (_, body) => {
    const { gateway, call } = await start();
    const response = await call(gateway.url, { method: 'POST', body: body() ?? null, duplex: 'half' });
    expect(await response.text()).toBe('executed POST with 65536 bytes');
    const [first, second] = gateway.seen;
    expect(second?.body.equals(first?.body ?? Buffer.of())).toBe(true);
    expect(second?.headers['content-type']).toBe(first?.headers['content-type']);
    expect(gateway.executed()).toBe(1);
  });

  it('sends the body and headers of a Request again', async () => {
    const { gateway, call } = await start();
    const body = new URLSearchParams({ a: '1' });
    const response = await call(new Request(gateway.url, { method: 'POST', body, headers: { 'x-trace': '7' } }));
    expect(await response.text()).toBe('executed POST with 3 bytes');
    expect(gateway.seen.map(({ headers }) => [headers['x-trace'], headers['content-type']])).toEqual(
      Array.from({ length: 2 }, () => ['7', 'application/x-www-form-urlencoded;charset=UTF-8']),
    );
  });

  it.each<[string, () => RequestInit['body']]>([
    ['a longer string', () => 'x'.repeat(64 * KIB + 1)],
    ['a longer stream', () => new Blob(['x'.repeat(200 * KIB)]).stream()],
    ['a live stream', () => liveStream()],
  ])('does not take place for %s, which passes the answer on and replaces the token', async (_, body) => {
    const { gateway, source, call } = await start();
    const response = await call(gateway.url, { method: 'POST', body: body() ?? null, duplex: 'half' });
    expect([response.status, await response.text()]).toEqual([401, '{"message":"no such token"}']);
    expect([gateway.seen.length, gateway.executed()]).toEqual([1, 0]);
    expect(source.replaced).toEqual([source.hash(0)]);
    const next = await call(gateway.url, { method: 'POST', body: body() ?? null, duplex: 'half' });
    expect(next.status).toBe(200);
    expect(gateway.executed()).toBe(1);
  });

  it('does not take place if the gateway answers before the whole body is sent', async () => {
    const refused = await startHttpServer((_, response) => {
      response.writeHead(401, { connection: 'close' }).end('too early');
    });
    stops.push(() => refused.stop());
    const source = new FakeTokenSource(2);
    const body = liveStream(20);
    const outcome = await authorizedFetch(source, { origins: [refused.url] })(refused.url, {
      method: 'POST',
      body,
      duplex: 'half',
    }).then(
      ({ status }) => status,
      (error: unknown) => error,
    );
    // Node reports the answer or the broken connection, whichever it sees first.
    expect(outcome === 401 || outcome instanceof TypeError).toBe(true);
    expect(refused.connections.opened).toBe(1);
  });
});

/** Chunks with pauses between them. */
function liveStream(chunks = 3): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      if (sent === chunks) return controller.close();
      await new Promise((resolve) => setTimeout(resolve, 40));
      sent += 1;
      controller.enqueue(new Uint8Array(100));
    },
  });
}

describe('a gateway that rejects every token', () => {
  it('receives 20 % more requests in the long run, and 10 at first', async () => {
    const { gateway, call } = await start({ tokens: 1000, accepts: [] });
    for (let calls = 0; calls < 100; calls += 1) {
      const response = await call(gateway.url);
      expect(response.status).toBe(401);
      await response.arrayBuffer();
    }
    expect(gateway.seen.length).toBeGreaterThanOrEqual(120);
    expect(gateway.seen.length).toBeLessThanOrEqual(130);
  });

  it('still leads to another token without a replay, so that the next call can succeed', async () => {
    const { gateway, source, call } = await start({ retryBudget: { atRest: 0 } });
    expect((await call(gateway.url)).status).toBe(401);
    expect((await call(gateway.url)).status).toBe(200);
    expect(gateway.seen).toHaveLength(2);
    expect(source.replaced).toEqual([source.hash(0)]);
  });
});

describe('a call that has to wait', () => {
  it('can wait longer than a timer of Node', async () => {
    const { source, gateway, call } = await start({ accepts: [0], waitForToken: Number.POSITIVE_INFINITY });
    source.absent = true;
    const calling = call(gateway.url);
    await new Promise((resolve) => setTimeout(resolve, 20));
    source.absent = false;
    expect((await calling).status).toBe(200);
  });

  it('goes out when the first token has come', async () => {
    const { gateway, source, call } = await start({ accepts: [0] });
    source.absent = true;
    const calling = call(gateway.url);
    await new Promise((resolve) => setImmediate(resolve));
    expect(gateway.seen).toEqual([]);
    source.absent = false;
    expect((await calling).status).toBe(200);
  });

  it('carries the token that is current when its body is complete', async () => {
    const { gateway, source, call } = await start();
    const body = new ReadableStream({
      async pull(controller) {
        await source.replace(source.hash(0));
        controller.close();
      },
    });
    expect((await call(gateway.url, { method: 'POST', body, duplex: 'half' })).status).toBe(200);
    expect(gateway.seen.map(({ tokens }) => tokens)).toEqual([[source.hash(1)]]);
  });

  it('fails without sending anything if no token comes in time', async () => {
    const { gateway, source, call } = await start({ waitForToken: 20 });
    source.absent = true;
    expect(await failure(call(gateway.url))).toMatchObject({
      name: 'TokenNotYetAvailable',
      message: 'The fake has no token.',
    });
    expect(gateway.seen).toEqual([]);
  });

  it.each<[string, (source: FakeTokenSource) => void]>([
    [
      'for a token',
      (source) => {
        source.absent = true;
      },
    ],
    [
      'for another token',
      (source) => {
        source.hold = new Promise(() => {});
      },
    ],
  ])('ends with the signal of its caller while it waits %s', async (_, hold) => {
    const { gateway, source, call } = await start();
    hold(source);
    const stop = new AbortController();
    const inInit = failure(call(gateway.url, { signal: stop.signal }));
    const inRequest = failure(call(new Request(gateway.url, { signal: stop.signal })));
    setTimeout(() => stop.abort(new Error('Enough.')), 50);
    expect(await inInit).toMatchObject({ message: 'Enough.' });
    expect(await inRequest).toMatchObject({ message: 'Enough.' });
    expect(await failure(call(gateway.url, { signal: stop.signal }))).toMatchObject({ message: 'Enough.' });
  });

  it('passes on an error of the source', async () => {
    const { gateway, source, call } = await start();
    source.current = () => {
      throw new TypeError('A defect in the source.');
    };
    expect(await failure(call(gateway.url))).toMatchObject({ message: 'A defect in the source.' });
  });
});
