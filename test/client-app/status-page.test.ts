import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { type StatusPage, startStatusPage } from '../../src/client-app/status-page.ts';
import { failure } from '../support/failure.ts';

const pages: StatusPage[] = [];
afterEach(async () => {
  for (const page of pages.splice(0)) await page.stop();
});

async function start(host = '127.0.0.1', port = 0): Promise<StatusPage> {
  const page = await startStatusPage({ host, port }, () => ({ ok: 7 }));
  pages.push(page);
  return page;
}

/** Uses node:http, because fetch does not allow to set `Host`. */
function get(url: string, options: { method?: string; host?: string; body?: string } = {}) {
  const { method = 'GET', host, body } = options;
  return new Promise<{ status: number | undefined; body: string; headers: object }>((resolve, reject) => {
    request(url, { method, agent: false, headers: host === undefined ? {} : { host } }, (response) => {
      const { statusCode: status, headers } = response;
      void text(response).then((received) => resolve({ status, body: received, headers }), reject);
    })
      .on('error', reject)
      .end(body);
  });
}

describe('the status page', () => {
  it('serves the status as JSON, and forbids caching', async () => {
    const { url } = await start();
    const { status, body, headers } = await get(`${url}/?a=1`);
    expect([status, JSON.parse(body)]).toEqual([200, { ok: 7 }]);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
  });

  it.each<[string, string, number, string]>([
    ['GET', '/healthz', 200, 'ok\n'],
    ['HEAD', '/healthz', 200, ''],
    ['GET', '/other', 404, 'There is only / and /healthz here.\n'],
    ['GET', '//', 404, 'There is only / and /healthz here.\n'],
    ['POST', '/', 405, 'This page can only be read.\n'],
    ['DELETE', '/healthz', 405, 'This page can only be read.\n'],
  ])('answers %s %s with %d', async (method, path, status, body) => {
    const { url } = await start();
    expect(await get(url + path, { method })).toMatchObject({ status, body });
  });

  it.each<[string, number]>([
    ['localhost', 200],
    ['localhost:80', 200],
    ['127.0.0.1:1', 200],
    ['[::1]:1', 200],
    ['evil.example.com', 403],
    ['127.0.0.1.evil.example.com:80', 403],
  ])('answers a request for the host %j on loopback with %d', async (host, status) => {
    const { url } = await start();
    expect((await get(url, { host })).status).toBe(status);
  });

  it('answers for any host beyond loopback, because a probe uses the address of the pod', async () => {
    const { url } = await start('0.0.0.0');
    expect((await get(url.replace('0.0.0.0', '127.0.0.1'), { host: '10.1.2.3:8080' })).status).toBe(200);
  });

  it.each([
    ['IPv4', '127.0.0.1'],
    ['IPv6', '[::1]'],
  ])('answers over %s without a host', async (_family, host) => {
    const { url } = await start('');
    expect((await get(url.replace('[::]', host), { host: '10.1.2.3:8080' })).status).toBe(200);
  });

  it('reports its address, also with IPv6', async () => {
    expect((await start()).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { url } = await start('::1');
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await get(url)).status).toBe(200);
  });

  it('reports why it cannot listen', async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    expect(await failure(startStatusPage({ host: '127.0.0.1', port }, () => ({})))).toMatchObject({
      name: 'UsageError',
      message: `LISTEN: 127.0.0.1:${port} cannot be listened on (EADDRINUSE).`,
    });
  });

  it('does not read the body of a rejected request, and ends that connection', async () => {
    const { url } = await start();
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer.toLowerCase()).toContain('connection: close');
  });

  it('ends with connections open', async () => {
    const page = await start();
    const { hostname, port } = new URL(page.url);
    const socket = connect(Number(port), hostname);
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    pages.length = 0;
    await page.stop();
    await closed;
  });
});
