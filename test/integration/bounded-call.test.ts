import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callOnce } from '../../src/adapters/http/bounded-call.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { type LoopbackServer, startHttpServer, startTcpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';

let authority: CertificateAuthority;
const servers: LoopbackServer[] = [];
beforeAll(() => {
  authority = createCertificateAuthority();
});
afterAll(() => authority.remove());
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function running(server: Promise<LoopbackServer>): Promise<URL> {
  servers.push(await server);
  return new URL(servers.at(-1)?.url ?? '');
}

const get = (url: URL, more: object = {}) => callOnce({ method: 'GET', url, ...more });

describe('a call', () => {
  it('says who calls, and takes the answer as it is, a redirect too', async () => {
    const bearer = new Redacted(secret('caller'));
    const seen: unknown[] = [];
    const url = await running(
      startHttpServer((request, response) => {
        const { authorization, 'accept-encoding': encoding } = request.headers;
        seen.push([request.method, request.url, authorization === `Bearer ${bearer.reveal()}`, encoding]);
        response.writeHead(302, { location: '/login' }).end('elsewhere');
      }),
    );
    expect(await get(new URL('/a?b', url), { bearer })).toMatchObject({
      kind: 'answered',
      status: 302,
      body: 'elsewhere',
      whole: true,
      headers: { location: '/login' },
    });
    expect(seen).toEqual([['GET', '/a?b', true, 'identity']]);
  });

  it('sends a body of a known length, and no token where there is none', async () => {
    const seen: unknown[] = [];
    const url = await running(
      startHttpServer((request, response) => {
        const { authorization, 'content-type': type, 'content-length': length } = request.headers;
        seen.push([authorization, type, length]);
        request.resume();
        response.end();
      }),
    );
    await callOnce({ method: 'POST', url, body: '{"ä":1}' });
    expect(seen).toEqual([[undefined, 'application/json', '8']]);
  });

  it('reads 64 KiB of an answer that does not end', async () => {
    const url = await running(
      startHttpServer((_, response) => {
        const more = (): void => void response.write('x'.repeat(100_000), more);
        response.on('error', () => undefined);
        more();
      }),
    );
    const result = await get(url);
    expect(result.kind === 'answered' && [result.body.length, result.whole]).toEqual([64 * 1024, false]);
  });

  it('reads a compressed answer to 64 KiB, though it asked for none', async () => {
    const url = await running(
      startHttpServer((request, response) => {
        const body = gzipSync('x'.repeat(Number(request.url?.slice(1))));
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(body);
      }),
    );
    const result = await get(new URL('/65536', url));
    expect(result.kind === 'answered' && [result.body.length, result.whole]).toEqual([64 * 1024, true]);
    expect(await get(new URL('/65537', url))).toEqual({ kind: 'unreached', why: 'broken', code: 'CONTENT_ENCODING' });
  });

  it('trusts the CA that it is given, and no other', async () => {
    const other = createCertificateAuthority();
    try {
      const url = await running(startHttpServer((_, response) => response.end('here'), authority.issue()));
      expect(await get(url, { ca: authority.ca })).toMatchObject({ kind: 'answered', status: 200 });
      expect(await get(url, { ca: other.ca })).toMatchObject({ kind: 'unreached', why: 'untrusted' });
      expect(await get(url)).toMatchObject({ kind: 'unreached', why: 'untrusted' });
    } finally {
      other.remove();
    }
  });

  it('does not trust a certificate of another name', async () => {
    const certificate = authority.issue('DNS:elsewhere.example.com');
    const url = await running(startHttpServer((_, response) => response.end(), certificate));
    expect(await get(url, { ca: authority.ca })).toEqual({
      kind: 'unreached',
      why: 'untrusted',
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      certificate: {
        problem: 'other-name',
        explanation:
          'The certificate of 127.0.0.1 is for another name: it is for elsewhere.example.com. Use a name that it is for, or have 127.0.0.1 added to it.',
      },
    });
  });

  it('trusts it no more when the environment says that nothing is to be checked', async () => {
    const url = await running(startHttpServer((_, response) => response.end(), authority.issue()));
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await get(url)).toMatchObject({ why: 'untrusted' });
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });
});

describe('a call that gets no answer', () => {
  it('finds nobody listening', async () => {
    const url = new URL(`http://127.0.0.1:${await freePort()}`);
    expect(await get(url)).toEqual({ kind: 'unreached', why: 'down', code: 'ECONNREFUSED' });
  });

  it('finds nobody listening at any of the addresses of a name', async () => {
    const url = new URL(`http://localhost:${await freePort()}`);
    expect(await get(url)).toEqual({ kind: 'unreached', why: 'down', code: 'ECONNREFUSED' });
  });

  it('finds no such name', async () => {
    const result = await get(new URL('http://nobody.invalid'));
    expect(result).toMatchObject({ kind: 'unreached', why: 'no-such-name' });
  });

  it.each<[string, () => Promise<LoopbackServer>]>([
    ['that says nothing', () => startTcpServer(() => undefined)],
    [
      'whose answer does not end',
      () => startHttpServer((_, response) => void response.writeHead(200, { 'content-length': '9' }).write('x')),
    ],
  ])('gives up a server %s', async (_, start) => {
    const url = await running(start());
    expect(await get(url, { timeout: 100 })).toEqual({ kind: 'unreached', why: 'timeout', code: 'TIMEOUT' });
  });

  it.each<[string, () => Promise<LoopbackServer>]>([
    ['hangs up', () => startTcpServer((socket) => socket.resetAndDestroy())],
    ['speaks no HTTP', () => startTcpServer((socket) => void socket.end('SSH-2.0-OpenSSH\r\n'))],
    [
      'hangs up in the middle of its answer',
      () =>
        startHttpServer((_, response) => {
          response.writeHead(200, { 'content-length': '9' }).write('x');
          setTimeout(() => response.socket?.resetAndDestroy(), 20);
        }),
    ],
  ])('finds a server that %s', async (_, start) => {
    expect(await get(await running(start()))).toMatchObject({ kind: 'unreached', why: 'broken' });
  });
});
