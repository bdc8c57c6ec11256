import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { PageStage } from '../../src/demo/page/acts.ts';
import { Feed } from '../../src/demo/page/feed.ts';
import { type Page, startPage } from '../../src/demo/page/server.ts';
import { at } from '../demo/events.ts';

interface Sent {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let feed: Feed;
let page: Page;
let acted: number;
const streams: IncomingMessage[] = [];

beforeEach(async () => {
  acted = 0;
  feed = new Feed(() => []);
  page = await startPage({ feed, clock: createSystemClock(), acted: () => (acted += 1) });
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  await page.stop();
});

async function open({ path, method = 'GET', headers = {}, body }: Sent): Promise<IncomingMessage> {
  const outgoing = requestHttp(`${page.url}${path}`, { agent: false, method, headers });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.setEncoding('utf8').on('error', () => {});
  return response;
}

async function send(sent: Sent): Promise<Answer> {
  const response = await open(sent);
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** A stream of events, and what it has brought so far. */
async function follow(): Promise<{ response: IncomingMessage; text: () => string }> {
  const response = await open({ path: '/events' });
  streams.push(response);
  let text = '';
  response.on('data', (chunk: string) => {
    text += chunk;
  });
  return { response, text: () => text };
}

function act(name: string, body: object | string, headers: Record<string, string> = {}): Promise<Answer> {
  return send({
    path: `/acts/${name}`,
    method: 'POST',
    headers: { origin: page.url, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function stage(done: string[], change: Partial<PageStage> = {}): PageStage {
  return {
    revoke: async ({ name }) => void done.push(`revoke ${name}`),
    setInterval: ({ name }, interval) => void done.push(`interval ${name} ${interval}`),
    stopApp: async ({ name }) => void done.push(`stop ${name}`),
    startApp: ({ name }) => void done.push(`start ${name}`),
    setAuthorizationServer: (state) => void done.push(state),
    setGateway: (state) => void done.push(state),
    ...change,
  };
}

const app = 'billing-app';

describe('the files of the page', () => {
  it.each([
    ['/', 'text/html; charset=utf-8'],
    ['/page.js', 'text/javascript; charset=utf-8'],
    ['/page.css', 'text/css; charset=utf-8'],
    ['/icon.svg', 'image/svg+xml'],
    ['/?from=bookmark', 'text/html; charset=utf-8'],
  ])('%s is served as %s, kept by nobody, with nothing allowed from elsewhere', async (path, type) => {
    const { status, headers } = await send({ path });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': type,
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    });
  });

  it('name nothing that does not exist, and nothing from elsewhere', async () => {
    const { body } = await send({ path: '/' });
    const named = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name ?? '');
    expect(named.length).toBeGreaterThan(3);
    for (const name of named) expect((await send({ path: `/${name}` })).status).toBe(200);
  });

  it('have nothing inline that the policy would stop', async () => {
    const { body } = await send({ path: '/' });
    expect(body).not.toMatch(/ style=|<style| on[a-z]+=|<script(?![^>]* src=)/);
  });

  it.each([
    '/tsconfig.json',
    '/../server.ts',
    '/%2e%2e/server.ts',
    '/index.html',
    '/nothing',
    '/acts',
    '/acts/nothing',
  ])('%s is not among them', async (path) => {
    expect((await send({ path })).status).toBe(404);
  });

  it('can only be read', async () => {
    const { status, headers } = await send({ path: '/', method: 'PUT', headers: { origin: page.url } });
    expect([status, headers.allow]).toEqual([405, 'GET']);
  });
});

describe('another website in the same browser', () => {
  const done: string[] = [];
  const body = JSON.stringify({ app });
  const json = { 'content-type': 'application/json' };

  beforeEach(() => page.open(stage(done)));

  it.each<[string, (own: string) => Sent]>([
    ['reads the page by a rebound name', () => ({ path: '/', headers: { host: 'evil.example' } })],
    ['follows the events by a rebound name', () => ({ path: '/events', headers: { host: 'evil.example:80' } })],
    ['follows the events', () => ({ path: '/events', headers: { origin: 'https://evil.example' } })],
    [
      'acts',
      () => ({ path: '/acts/revoke', method: 'POST', headers: { ...json, origin: 'https://evil.example' }, body }),
    ],
    [
      'acts by a rebound name, from there',
      () => ({
        path: '/acts/revoke',
        method: 'POST',
        headers: { ...json, host: 'evil.example', origin: 'http://evil.example' },
        body,
      }),
    ],
    ['acts and hides where it is', () => ({ path: '/acts/revoke', method: 'POST', headers: json, body })],
    [
      'acts by a form',
      (own) => ({
        path: '/acts/revoke',
        method: 'POST',
        headers: { origin: own, 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' },
        body,
      }),
    ],
  ])('is rejected when it %s', async (_name, sent) => {
    const { status, headers } = await send(sent(page.url));
    expect([status, headers['content-type']]).toEqual([403, 'application/problem+json']);
    expect(done).toEqual([]);
  });
});

describe('the acts', () => {
  it('are rejected until the demo has started', async () => {
    expect((await act('revoke', { app })).status).toBe(409);
  });

  it('are done, and the demo learns that somebody acted', async () => {
    const done: string[] = [];
    page.open(stage(done));
    expect((await act('revoke', { app })).status).toBe(204);
    expect((await act('authorization-server', { state: 'slow' })).status).toBe(204);
    expect([done, acted]).toEqual([['revoke billing-app', 'slow'], 2]);
  });

  it('are done one after the other, in the order of the requests', async () => {
    const done: string[] = [];
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const stopApp = async (): Promise<void> => {
      begun.resolve();
      await end.promise;
      done.push('stop');
    };
    page.open(stage(done, { stopApp }));
    const stopping = act('stop', { app });
    await begun.promise;
    const starting = act('start', { app });
    await pause(50);
    expect(done).toEqual([]);
    end.resolve();
    await Promise.all([stopping, starting]);
    expect(done).toEqual(['stop', 'start billing-app']);
  });

  it('are answered with a sentence where they fail, and the next is done', async () => {
    const done: string[] = [];
    const revoke = (): Promise<never> => Promise.reject(new Error('There is no token of billing-app to revoke.'));
    page.open(stage(done, { revoke }));
    const { status, body } = await act('revoke', { app });
    expect([status, JSON.parse(body)]).toEqual([
      502,
      expect.objectContaining({ detail: 'There is no token of billing-app to revoke.' }),
    ]);
    expect((await act('start', { app })).status).toBe(204);
    expect(acted).toBe(1);
  });

  it.each<[string, object | string, Record<string, string>, number]>([
    ['another kind of content', 'app=billing-app', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['no JSON', '{"app"', {}, 400],
    ['an unknown app', { app: 'nobody' }, {}, 400],
    ['too much', { app, more: 'x'.repeat(5000) }, {}, 413],
  ])('are rejected for %s', async (_name, body, headers, status) => {
    const done: string[] = [];
    page.open(stage(done));
    expect((await act('revoke', body, headers)).status).toBe(status);
    expect(done).toEqual([]);
  });

  it('are no GET requests', async () => {
    expect((await send({ path: '/acts/revoke' })).status).toBe(405);
  });
});

describe('the stream of events', () => {
  it('begins with how everything stands, and goes on with what happens', async () => {
    const { response, text } = await follow();
    expect(response.headers['content-type']).toBe('text/event-stream');
    await expect
      .poll(text)
      .toMatch(/^retry: 1000\nevent: snapshot\ndata: \{"now":\d+,"state":\{"buttons":"starting".*\}\n\n/);
    feed.enter(at(0, { kind: 'notice', who: 'demo', message: 'Look\nhere.' }));
    await expect.poll(text).toContain('event: messages\ndata: [{"kind":"line"');
    expect(text()).toContain('Look\\nhere.');
    page.open(stage([]));
    await expect.poll(text).toMatch(/event: state\ndata: \{"buttons":"on".*\}\n\n/);
  });

  it('shows now and then that it is alive', async () => {
    const { text } = await follow();
    await expect.poll(text, { timeout: 10_000 }).toContain(': still here\n\n');
  });

  it('serves a limited number of pages, and others once some have gone', async () => {
    const open32 = await Promise.all(Array.from({ length: 32 }, () => follow()));
    const { status, headers } = await send({ path: '/events' });
    expect([status, headers['retry-after']]).toEqual([503, '5']);
    open32[0]?.response.destroy();
    await expect.poll(async () => (await follow()).response.statusCode).toBe(200);
  });

  it('lets a page go that does not read', async () => {
    const response = await open({ path: '/events' });
    streams.push(response);
    response.pause();
    const closed = new Promise((resolve) => response.once('close', resolve));
    const message = 'x'.repeat(100_000);
    for (let count = 0; count < 200; count += 1) {
      feed.enter(at(count, { kind: 'notice', who: 'demo', message }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.resume();
    await closed;
  });

  it('ends with the demo', async () => {
    const { response } = await follow();
    const closed = new Promise((resolve) => response.once('close', resolve));
    const stopped = page.stop();
    await closed;
    await stopped;
    page = await startPage({ feed, clock: createSystemClock() });
  });
});
