import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { type AuthorizedFetchOptions, authorizedFetch, type Fetch } from '../../src/client/authorized-fetch.ts';
import { FakeTokenSource } from '../fakes/fake-token-source.ts';
import { realParts } from '../real/real-parts.ts';
import { type Gateway, type Reply, startGateway } from '../support/gateway.ts';
import { consumerPackages } from './packages.ts';

const KIB = 1024;
const packages = realParts(async () => ({ ...(await consumerPackages()), stop: async () => {} }));

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Sent {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

type Call = (url: string, sent?: Sent) => Promise<Answer>;

/** A library that is used with, below or above the client library. */
interface Library {
  readonly name: string;
  open(source: FakeTokenSource, options: AuthorizedFetchOptions): Call;
}

interface FetchLibrary {
  readonly fetch: Fetch;
  readonly Request: typeof Request;
  readonly FormData: typeof FormData;
  readonly Headers: typeof Headers;
}

function nodeFetch(): FetchLibrary {
  const module = packages().load('node-fetch') as Fetch & FetchLibrary;
  return { fetch: module, Request: module.Request, Headers: module.Headers, FormData };
}

function undici(): FetchLibrary {
  return packages().load('undici') as FetchLibrary;
}

function plain(call: Fetch): Call {
  return async (url, sent = {}) => {
    const response = await call(url, sent as RequestInit);
    return { status: response.status, text: await response.text() };
  };
}

type Ky = { create(options: object): (url: string, options: object) => Promise<Response> };

function ky(call: Fetch): Call {
  const { default: library } = packages().load('ky') as { default: Ky };
  const client = library.create({ fetch: call, throwHttpErrors: false, retry: 0 });
  return async (url, sent = {}) => {
    const response = await client(url, sent);
    return { status: response.status, text: await response.text() };
  };
}

type Axios = { create(options: object): { request(options: object): Promise<{ status: number; data: string }> } };

function axios(call: Fetch): Call {
  const library = packages().load('axios') as Axios;
  const client = library.create({ adapter: 'fetch', env: { fetch: call }, validateStatus: () => true });
  return async (url, { body, ...sent } = {}) => {
    const { status, data } = await client.request({ url, ...sent, data: body, responseType: 'text' });
    return { status, text: data };
  };
}

const LIBRARIES: readonly Library[] = [
  { name: 'node-fetch 2', open: (source, options) => plain(authorizedFetch(source, { ...options, ...nodeFetch() })) },
  { name: 'undici', open: (source, options) => plain(authorizedFetch(source, { ...options, ...undici() })) },
  { name: 'ky', open: (source, options) => ky(authorizedFetch(source, options)) },
  { name: 'ky over undici', open: (source, options) => ky(authorizedFetch(source, { ...options, ...undici() })) },
  {
    name: 'ky over node-fetch 2',
    open: (source, options) => ky(authorizedFetch(source, { ...options, ...nodeFetch() })),
  },
  { name: "axios' adapter for fetch", open: (source, options) => axios(authorizedFetch(source, options)) },
  { name: 'axios over undici', open: (source, options) => axios(authorizedFetch(source, { ...options, ...undici() })) },
];

interface World {
  readonly gateway: Gateway;
  readonly source: FakeTokenSource;
  readonly options: AuthorizedFetchOptions;
}

async function start(refuse?: Reply, more: Partial<AuthorizedFetchOptions> = {}): Promise<World> {
  const gateway = await startGateway(refuse);
  stops.push(() => gateway.stop());
  const source = new FakeTokenSource(2);
  gateway.accepted.add(source.hash(1));
  return { gateway, source, options: { origins: [gateway.url], ...more } };
}

function tokensSeen({ seen }: Gateway): (string | undefined)[] {
  return seen.map(({ tokens }) => (tokens.length === 1 ? tokens[0] : `${tokens.length} tokens`));
}

describe.each(LIBRARIES)('$name', ({ open }) => {
  it('sends one token, and a rejected request once more, as it was', async () => {
    const { gateway, source, options } = await start();
    const headers = { 'content-type': 'application/json', 'x-trace': '7' };
    const answer = await open(source, options)(gateway.url, { method: 'POST', body: '{"a":1}', headers });
    expect(answer).toEqual({ status: 200, text: 'executed POST with 7 bytes' });
    expect(tokensSeen(gateway)).toEqual([source.hash(0), source.hash(1)]);
    for (const { method, body, headers: sent } of gateway.seen) {
      expect([method, body.toString(), sent['content-type'], sent['x-trace']]).toEqual([
        'POST',
        '{"a":1}',
        'application/json',
        '7',
      ]);
    }
  });

  it('loses no call by the body of the first answer, short, long or without an end', async () => {
    const bodies: ((response: ServerResponse) => void)[] = [
      (response) => response.end('short'),
      (response) => response.end('x'.repeat(1024 * KIB)),
      (response) => void response.write('x'.repeat(100 * KIB)),
    ];
    for (const send of bodies) {
      const { gateway, source, options } = await start((_, response) => send(response.writeHead(401)));
      expect(await open(source, options)(gateway.url)).toEqual({ status: 200, text: 'executed GET with 0 bytes' });
    }
  });

  it('passes on an answer that no other token cures, whole', async () => {
    const text = 'x'.repeat(100 * KIB);
    const { gateway, source, options } = await start((_, response) => response.writeHead(401).end(text));
    gateway.accepted.clear();
    const answer = await open(source, options)(gateway.url);
    expect([answer.status, answer.text.length]).toEqual([401, text.length]);
    expect(tokensSeen(gateway)).toEqual([source.hash(0), source.hash(1)]);
  });

  it('sends a larger body whole, and once', async () => {
    const { gateway, source, options } = await start();
    gateway.accepted.add(source.hash(0));
    const call = open(source, options);
    const text = 'x'.repeat(200 * KIB);
    expect((await call(gateway.url, { method: 'PUT', body: text })).text).toBe(
      `executed PUT with ${text.length} bytes`,
    );
    gateway.accepted.clear();
    expect((await call(gateway.url, { method: 'PUT', body: text })).status).toBe(401);
    expect(gateway.seen).toHaveLength(2);
  });

  it('finds what a rule says in a body, and passes on a body that it does not find it in', async () => {
    const reply: Reply = ({ path }, response) =>
      response.writeHead(400).end(path === '/a' ? 'token expired' : 'bad field');
    const { gateway, source, options } = await start(reply, { tokenErrors: [{ status: 400, body: /expired/ }] });
    const call = open(source, options);
    expect(await call(`${gateway.url}/b`)).toEqual({ status: 400, text: 'bad field' });
    expect((await call(`${gateway.url}/a`)).status).toBe(200);
  });

  it('takes the token to no other origin by a redirect, and keeps it within the origin', async () => {
    const otherGateway = await startGateway();
    stops.push(() => otherGateway.stop());
    const { gateway, source, options } = await start((request, response) => {
      const location = request.path === '/here' ? '/there' : `${otherGateway.url}/far`;
      response.writeHead(request.path === '/here' ? 307 : 303, { location }).end();
    });
    gateway.accepted.clear();
    const answer = await open(source, options)(`${gateway.url}/here`, { method: 'POST', body: 'text' });
    expect(answer.status).toBe(401);
    expect(gateway.seen.map(({ path, body, tokens }) => [path, body.toString(), tokens])).toEqual([
      ['/here', 'text', [source.hash(0)]],
      ['/there', 'text', [source.hash(0)]],
    ]);
    expect(otherGateway.seen.map(({ method, path, tokens }) => [method, path, tokens])).toEqual([['GET', '/far', []]]);
    expect(source.replaced).toEqual([]);
  });
});

describe('the classes of a library', () => {
  const own: [string, () => FetchLibrary][] = [
    ['node-fetch 2', nodeFetch],
    ['undici', undici],
  ];

  it.each(own)('%s: its Request and Headers are sent, and sent again', async (_, library) => {
    const { gateway, source, options } = await start();
    const { fetch, Request: OwnRequest, Headers: OwnHeaders } = library();
    const call = authorizedFetch(source, { ...options, fetch });
    const headers = new OwnHeaders({ 'x-trace': '7', authorization: 'Basic a' });
    const response = await call(new OwnRequest(gateway.url, { method: 'POST', body: 'text', headers }));
    expect(await response.text()).toBe('executed POST with 4 bytes');
    expect(tokensSeen(gateway)).toEqual([source.hash(0), source.hash(1)]);
    expect(gateway.seen.map(({ headers: sent }) => sent['x-trace'])).toEqual(['7', '7']);
  });

  it.each(own)('%s: a larger body of its Request is sent whole, and once', async (_, library) => {
    const { gateway, source, options } = await start();
    gateway.accepted.add(source.hash(0));
    const { fetch, Request: OwnRequest } = library();
    const body = 'x'.repeat(200 * KIB);
    const response = await authorizedFetch(source, { ...options, fetch })(
      new OwnRequest(gateway.url, { method: 'POST', body }),
    );
    expect(await response.text()).toBe(`executed POST with ${body.length} bytes`);
  });

  it.each(own)('%s: a Request of Node is sent by it, short or long', async (_, library) => {
    const { gateway, source, options } = await start();
    const call = authorizedFetch(source, { ...options, fetch: library().fetch });
    const response = await call(
      new Request(gateway.url, { method: 'POST', body: 'text', headers: { 'x-trace': '7' } }),
    );
    expect(await response.text()).toBe('executed POST with 4 bytes');
    const long = await call(new Request(gateway.url, { method: 'POST', body: 'x'.repeat(200 * KIB) }));
    expect(await long.text()).toBe(`executed POST with ${200 * KIB} bytes`);
    expect(gateway.seen.map(({ headers }) => headers['x-trace'])).toEqual(['7', '7', undefined]);
  });

  it.each(own)('%s: a Request of its own is sent by Node', async (_, library) => {
    const { gateway, source, options } = await start();
    const { Request: OwnRequest } = library();
    const call = authorizedFetch(source, options);
    const response = await call(new OwnRequest(gateway.url, { method: 'POST', body: 'text' }));
    expect(await response.text()).toBe('executed POST with 4 bytes');
    const long = await call(new OwnRequest(gateway.url, { method: 'POST', body: 'x'.repeat(200 * KIB) }));
    expect(await long.text()).toBe(`executed POST with ${200 * KIB} bytes`);
  });

  it('undici: its form is sent, and sent again', async () => {
    const { gateway, source, options } = await start();
    const { fetch, FormData: OwnForm } = undici();
    const body = new OwnForm();
    body.append('field', 'value');
    body.append('file', new Blob(['content']), 'name.txt');
    const response = await authorizedFetch(source, { ...options, fetch })(gateway.url, { method: 'POST', body });
    expect(response.status).toBe(200);
    for (const seen of gateway.seen) expect(seen.body.toString()).toMatch(/value[^]*name\.txt[^]*content/);
    expect(gateway.seen).toHaveLength(2);
  });

  it('node-fetch 2: a stream of Node is sent as it comes, and its answer passed on', async () => {
    const { gateway, source, options } = await start();
    const call = authorizedFetch(source, { ...options, fetch: nodeFetch().fetch });
    const body = Readable.from([Buffer.from('one '), Buffer.from('two')]) as unknown as ReadableStream;
    expect((await call(gateway.url, { method: 'POST', body })).status).toBe(401);
    expect(gateway.seen.map((seen) => seen.body.toString())).toEqual(['one two']);
  });

  it.each(own)('%s: leaves no connection behind', async (_, library) => {
    const { gateway, source, options } = await start((__, response) =>
      response.writeHead(401).end('x'.repeat(1024 * KIB)),
    );
    const call = authorizedFetch(source, { ...options, fetch: library().fetch });
    for (let calls = 0; calls < 3; calls += 1) await (await call(gateway.url)).text();
    await expect.poll(() => gateway.connections.open.size, { timeout: 5000 }).toBeLessThanOrEqual(2);
  });
});

describe('a rule for a body that does not come', () => {
  const drip = (response: ServerResponse): void => {
    response.write('drip ');
    const timer = setInterval(() => response.write('drip '), 100);
    response.on('close', () => clearInterval(timer));
  };
  const tokenErrors = [{ status: 400, body: /expired/ }];
  const fetches: [string, () => Fetch | undefined][] = [
    ['Node', () => undefined],
    ['undici', () => undici().fetch],
    ['node-fetch 2', () => nodeFetch().fetch],
  ];

  it.each(fetches)('waits for a second at most (%s)', async (_, fetch) => {
    const { gateway, source, options } = await start((__, response) => drip(response.writeHead(400)), { tokenErrors });
    const stop = new AbortController();
    const started = performance.now();
    const response = await authorizedFetch(source, { ...options, fetch: fetch() })(gateway.url, {
      signal: stop.signal,
    });
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(performance.now() - started).toBeLessThan(5000);
    expect([response.status, response.bodyUsed]).toEqual([400, false]);
    stop.abort();
  });

  it.each(fetches)('does not wait for a stream of events (%s)', async (_, fetch) => {
    const { gateway, source, options } = await start(
      (__, response) => drip(response.writeHead(400, { 'content-type': 'text/event-stream; charset=utf-8' })),
      { tokenErrors },
    );
    const stop = new AbortController();
    const call = authorizedFetch(source, { ...options, fetch: fetch() });
    await call(`${gateway.url}/connect`, { signal: stop.signal });
    const started = performance.now();
    const response = await call(gateway.url, { signal: stop.signal });
    expect(performance.now() - started).toBeLessThan(800);
    expect([response.status, response.bodyUsed]).toEqual([400, false]);
    stop.abort();
  });
});
