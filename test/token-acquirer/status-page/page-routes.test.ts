import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PageBeginning, PageUpdate } from '../../../src/token-acquirer/endpoints/status-page/page-message.ts';
import { MadeStatusPage, manyTokens } from '../../support/status-page.ts';

const PATIENCE = { timeout: 20_000, interval: 20 };

let made: MadeStatusPage;
const streams: IncomingMessage[] = [];

beforeEach(async () => {
  made = await MadeStatusPage.start(manyTokens(3, Date.now()));
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  await made.stop();
});

async function open(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<IncomingMessage> {
  const outgoing = requestHttp(`${made.url}${path}`, { agent: false, method, headers });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.setEncoding('utf8').on('error', () => undefined);
  return response;
}

async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await open(path, headers, method);
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

interface Followed {
  readonly response: IncomingMessage;
  beginning(): PageBeginning | undefined;
  updates(): PageUpdate[];
  ended(): boolean;
}

async function follow(): Promise<Followed> {
  const response = await open('/page/events');
  streams.push(response);
  let text = '';
  let ended = false;
  response.on('data', (chunk: string) => (text += chunk));
  response.on('close', () => (ended = true));
  const parse = (event: string): unknown[] =>
    [...text.matchAll(new RegExp(`event: ${event}\ndata: (.*)\n\n`, 'g'))].map(
      ([, data]) => JSON.parse(data ?? '') as unknown,
    );
  return {
    response,
    beginning: () => parse('picture')[0] as PageBeginning | undefined,
    updates: () => parse('changes') as PageUpdate[],
    ended: () => ended,
  };
}

async function followed(): Promise<Followed> {
  const stream = await follow();
  await expect.poll(() => stream.beginning() !== undefined, PATIENCE).toBe(true);
  return stream;
}

const FILES = ['/', '/page/page.js', '/page/theme.css', '/page/icon.svg'];

describe('the files of the status page', () => {
  it.each([
    ['/', 'text/html; charset=utf-8'],
    ['/?from=bookmark', 'text/html; charset=utf-8'],
    ['/page/page.js', 'text/javascript; charset=utf-8'],
    ['/page/elements.js', 'text/javascript; charset=utf-8'],
    ['/page/theme.css', 'text/css; charset=utf-8'],
    ['/page/icon.svg', 'image/svg+xml'],
  ])(
    '%s is served as %s, kept by nobody, with nothing allowed from elsewhere, and without a cookie',
    async (path, type) => {
      const { status, headers } = await get(path);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': type,
        'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
      });
      expect(headers['set-cookie']).toBeUndefined();
    },
  );

  it('name nothing that does not exist, and nothing from elsewhere', async () => {
    const { body } = await get('/');
    const named = [...body.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, name]) => name ?? '');
    expect(named.length).toBeGreaterThan(3);
    for (const name of named) expect((await get(`/${name}`)).status).toBe(200);
  });

  it('import only files that exist', async () => {
    const left = ['page.js'];
    const seen = new Set(left);
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const { status, body } = await get(`/page/${name}`);
      expect(status).toBe(200);
      for (const [, imported = ''] of body.matchAll(/ from '\.\/([^']+)'/g)) {
        if (!seen.has(imported)) left.push(imported);
        seen.add(imported);
      }
    }
    expect(seen.size).toBeGreaterThan(5);
  });

  it('have nothing inline that the policy would stop', async () => {
    expect((await get('/')).body).not.toMatch(/ style=|<style| on[a-z]+=|<script(?![^>]* src=)/);
  });

  it.each(['/page', '/page/', '/page/index.html', '/page/tsconfig.json', '/page/..%2fpage-files.ts', '/index.html'])(
    '%s is not among them',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  it.each(['POST', 'PUT', 'DELETE'])('are only read: %s', async (method) => {
    for (const path of ['/', '/page/events']) expect((await get(path, {}, method)).status).toBe(404);
  });
});

describe('while the configuration has no status page', () => {
  it.each([...FILES, '/page/events'])('nothing is at %s', async (path) => {
    made.isOn = false;
    expect((await get(path)).status).toBe(404);
    expect(made.looks).toBe(0);
  });

  it('the pages that were open lose their stream', async () => {
    const stream = await followed();
    made.isOn = false;
    await expect.poll(() => stream.ended(), PATIENCE).toBe(true);
    expect((await get('/page/events')).status).toBe(404);
  });
});

describe('another machine of the network', () => {
  it.each([...FILES, '/page/events'])('gets nothing at %s', async (url) => {
    const headers = { host: '10.0.0.5:9090' };
    const answer = await made.app.inject({ url, headers, remoteAddress: '10.0.0.7' });
    expect(answer.statusCode).toBe(403);
    expect(answer.json<{ detail: string }>().detail).toContain('The status page is for the loopback address only.');
    expect(made.looks).toBe(0);
  });
});

describe('another website in the same browser', () => {
  it.each<[string, Record<string, string>]>([
    ['that rebinds its name to this machine', { host: 'evil.example:9090' }],
    ['that says where it is from', { origin: 'https://evil.example' }],
    ['that embeds it', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['on another port of this machine', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
  ])('%s gets no file and no event', async (_what, headers) => {
    for (const path of [...FILES, '/page/events']) expect((await get(path, headers)).status).toBe(403);
    expect(made.looks).toBe(0);
  });

  it('may only link to the page', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await get('/', headers)).status).toBe(200);
  });
});

describe('the stream of a page', () => {
  it('begins with all tokens, the process and the last events', async () => {
    made.events.process({ kind: 'warning', message: 'Something is odd.' });
    const { response, beginning } = await followed();
    expect(response.headers['content-type']).toBe('text/event-stream');
    const { tokens, process, events, now } = beginning() ?? {};
    expect(tokens?.map(({ id }) => id)).toEqual(made.report.tokens.map(({ token }) => token));
    expect(process).toEqual({ problems: [], leader: [] });
    expect(events).toMatchObject([{ number: 1, text: 'Something is odd.' }]);
    expect(Math.abs((now ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it('goes on with the rows that change, and with new events', async () => {
    const { updates } = await followed();
    const [, second] = made.report.tokens;
    made.change(second?.token ?? '', { state: 'Pending' });
    made.events.process({ kind: 'warning', message: 'It changed.' });
    const changed = (): PageUpdate[] => updates().filter(({ tokens }) => tokens !== undefined);
    await expect.poll(() => changed().length, PATIENCE).toBe(1);
    expect(changed()[0]?.tokens).toMatchObject([{ id: second?.token, state: 'Pending' }]);
    await expect
      .poll(() => updates().flatMap(({ events = [] }) => events), PATIENCE)
      .toMatchObject([{ text: 'It changed.' }]);
  });

  it('shows that it is alive while nothing changes, in few bytes', async () => {
    const { updates } = await followed();
    await expect.poll(() => updates().length, PATIENCE).toBeGreaterThan(1);
    for (const update of updates()) expect(Object.keys(update).toSorted()).toEqual(['now', 'of']);
  });

  it('is the same for a page that comes later', async () => {
    const first = await followed();
    await expect.poll(() => first.updates().length, PATIENCE).toBeGreaterThan(0);
    const [token] = made.report.tokens;
    made.change(token?.token ?? '', { state: 'Suspended', conditions: [] });
    const stateIn = (tokens: PageUpdate['tokens']) => tokens?.find(({ id }) => id === token?.token)?.state;
    await expect.poll(() => first.updates().map(({ tokens }) => stateIn(tokens)), PATIENCE).toContain('Suspended');
    expect(stateIn((await followed()).beginning()?.tokens)).toBe('Suspended');
  });

  it('is one of eight at most, and a place becomes free', async () => {
    const open_ = await Promise.all(Array.from({ length: 8 }, () => followed()));
    const { status, headers, body } = await get('/page/events');
    expect([status, headers['retry-after']]).toEqual([503, '5']);
    expect(body).toContain('Too many status pages are open.');
    open_[0]?.response.destroy();
    await expect.poll(async () => (await follow()).response.statusCode, PATIENCE).toBe(200);
  });

  it('costs nothing before the first page and after the last one', async () => {
    expect(made.looks).toBe(0);
    const { response } = await followed();
    await expect.poll(() => made.looks, PATIENCE).toBeGreaterThan(1);
    response.destroy();
    // The loop ends by itself: from some time on, nobody looks any more.
    let looks = -1;
    const stands = async (): Promise<boolean> => {
      const before = looks;
      looks = made.looks;
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return before === made.looks;
    };
    await expect.poll(stands, PATIENCE).toBe(true);
  });

  it('ends with the process, and none begins any more', async () => {
    const stream = await followed();
    made.endStreams();
    await expect.poll(() => stream.ended(), PATIENCE).toBe(true);
    expect((await get('/page/events')).status).toBe(503);
  });

  it('carries 10,000 tokens in less than 2 MB, and then only what changes', async () => {
    await made.stop();
    made = await MadeStatusPage.start(manyTokens(10_000, Date.now()));
    const { beginning, updates } = await followed();
    expect(beginning()?.tokens).toHaveLength(10_000);
    expect(JSON.stringify(beginning()).length).toBeLessThan(2_000_000);
    made.change(made.report.tokens[77]?.token ?? '', { state: 'Expired' });
    await expect.poll(() => updates().flatMap(({ tokens = [] }) => tokens).length, PATIENCE).toBe(1);
  });
});
