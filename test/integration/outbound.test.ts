import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createOutbound, type OutboundOptions } from '../../src/adapters/http/outbound.ts';
import { OutboundError } from '../../src/adapters/http/outbound-error.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { type ConnectProxy, startConnectProxy } from '../support/connect-proxy.ts';
import { failure } from '../support/failure.ts';
import { type LoopbackServer, startHttpServer, startTcpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';

const SHORT = 300;
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function http(handler: RequestListener, certificate?: { key: string; cert: string }): Promise<LoopbackServer> {
  const server = await startHttpServer(handler, certificate);
  stops.push(server.stop);
  return server;
}

async function tcp(onConnection: (socket: Socket) => void): Promise<LoopbackServer> {
  const server = await startTcpServer(onConnection);
  stops.push(server.stop);
  return server;
}

async function proxy(...parameters: Parameters<typeof startConnectProxy>): Promise<ConnectProxy> {
  const started = await startConnectProxy(...parameters);
  stops.push(started.stop);
  return started;
}

const resolvesTo = (...addresses: string[]): NonNullable<OutboundOptions['resolve']> => {
  return async () => addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
};

async function refusal(url: string, options: OutboundOptions = {}, signal?: AbortSignal): Promise<OutboundError> {
  const outbound = createOutbound(options);
  const error = await failure(
    outbound(url, { method: 'POST', body: 'a=b', ...(signal === undefined ? {} : { signal }) }),
  );
  expect(error).toBeInstanceOf(OutboundError);
  return error as OutboundError;
}

/** How many sockets this process opened in the meantime. */
async function socketsOpenedBy(act: () => Promise<unknown>): Promise<number> {
  let opened = 0;
  const count = (): void => void (opened += 1);
  subscribe('net.client.socket', count);
  try {
    await act();
  } finally {
    unsubscribe('net.client.socket', count);
  }
  return opened;
}

async function allClosed(open: ReadonlySet<Socket>): Promise<void> {
  await expect.poll(() => open.size, { timeout: 3000, interval: 5 }).toBe(0);
}

describe('an outbound request', () => {
  it('sends method, headers and body, asks for no compression, and hands back status, headers and body', async () => {
    const server = await http((request, response) => {
      const { method, headers } = request;
      request.setEncoding('utf8').on('data', (body: string) => {
        response.writeHead(201, { 'x-answer': 'yes' }).end(JSON.stringify({ method, headers, body }));
      });
    });
    const headers = { authorization: 'Bearer t', 'accept-encoding': 'gzip' };
    const response = await createOutbound()(`${server.url}/x`, { method: 'POST', headers, body: 'a=b' });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-answer')).toBe('yes');
    expect(await response.json()).toMatchObject({
      method: 'POST',
      body: 'a=b',
      headers: { authorization: 'Bearer t', 'accept-encoding': 'identity', 'content-length': '3', connection: 'close' },
    });
  });

  it('hands back errors and answers without a body', async () => {
    const server = await http((request, response) => response.writeHead(Number(request.url?.slice(1))).end());
    for (const status of [204, 304, 400, 503]) {
      const response = await createOutbound()(`${server.url}/${status}`);
      expect([response.status, await response.text()]).toEqual([status, '']);
    }
  });

  it.each([301, 302, 303, 307, 308])('hands back a redirect %i and does not follow it', async (status) => {
    const asked: (string | undefined)[] = [];
    const server = await http((request, response) => {
      asked.push(request.url);
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    const response = await createOutbound()(`${server.url}/here`, { method: 'POST', body: 'secret' });
    expect(response.status).toBe(status);
    expect(asked).toEqual(['/here']);
  });

  it('opens a connection for each request and closes it, so that none is idle when the server closes it', async () => {
    const server = await http((_request, response) => {
      response.setHeader('connection', 'keep-alive').end('ok');
      setTimeout(() => response.socket?.destroy(), 10);
    });
    const outbound = createOutbound();
    for (let use = 0; use < 3; use++) expect(await (await outbound(server.url)).text()).toBe('ok');
    expect(server.connections.opened).toBe(3);
    await allClosed(server.connections.open);
  });
});

describe('an outbound request that is not sent', () => {
  it.each([
    ['plain http to a name', 'http://login.example.com/token'],
    ['plain http to a name that begins like loopback', 'http://localhost.example.com/token'],
    ['plain http to a private address', 'http://10.0.0.1/token'],
    ['plain http to the unspecified address', 'http://0.0.0.0/token'],
    ['plain http to an IPv6 address', 'http://[2001:db8::1]/token'],
    ['another scheme', 'ftp://127.0.0.1/token'],
    ['no URL', 'login.example.com'],
    ['user info', 'https://ada@login.example.com/token'],
    ['a metadata address', 'https://169.254.169.254/latest'],
    ['a metadata address in decimal', 'https://2852039166/latest'],
    ['a metadata address in hexadecimal and octal', 'https://0xA9.0376.0251.0xFE/latest'],
    ['another link-local address', 'https://169.254.0.1/'],
    ['an IPv6 link-local address', 'https://[fe80::1]/'],
    ['the IPv6 metadata address of AWS', 'https://[fd00:ec2::254]/'],
    ['the IPv6 metadata address of Google', 'https://[fd20:ce::254]/'],
    ['the metadata address of Azure', 'https://168.63.129.16/'],
    ['the metadata address of Alibaba', 'https://100.100.100.200/'],
    ['a metadata address mapped into IPv6', 'https://[::ffff:169.254.169.254]/'],
    ['the same in hexadecimal', 'https://[::ffff:a9fe:a9fe]/'],
    ['a metadata address behind NAT64', 'https://[64:ff9b::a9fe:a9fe]/'],
    ['a metadata address behind 6to4', 'https://[2002:a9fe:a9fe::1]/'],
    ['a metadata address behind a local prefix of NAT64', 'https://[64:ff9b:1::a9fe:a9fe]/'],
    ['the metadata address of Azure, translated', 'https://[::ffff:0:a83f:8110]/'],
    ['a metadata address over plain http', 'http://169.254.169.254/latest'],
  ])('rejects %s without a lookup or a connection', async (_what, url) => {
    let lookups = 0;
    const resolve = async (): Promise<LookupAddress[]> => {
      lookups += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const opened = await socketsOpenedBy(async () => {
      expect(await refusal(url, { resolve })).toMatchObject({ code: 'refused_address', progress: 'not-sent' });
    });
    expect([opened, lookups]).toEqual([0, 0]);
  });

  it('names neither user info nor path in its rejection', async () => {
    const password = secret('url-password');
    const error = await refusal(`https://ada:${password}@login.example.com/${password}`);
    expect(error.message).toBe('No request is sent to login.example.com: its URL contains a user name or password.');
    const broken = await refusal(`https://ada:${password}@:0:0/`);
    expect(JSON.stringify([broken.message, broken.stack])).not.toContain(password);
  });

  it.each([
    ['a metadata address', 'https://login.example.com/', ['169.254.169.254']],
    ['a metadata address next to a good one', 'https://login.example.com/', ['127.0.0.1', 'fe80::1%eth0']],
    ['a metadata address mapped into IPv6', 'https://login.example.com/', ['::ffff:169.254.169.254']],
    ['another machine, for plain http', 'http://localhost/', ['127.0.0.1', '10.0.0.1']],
  ])('rejects a name that resolves to %s', async (_what, url, addresses) => {
    expect(await refusal(url, { resolve: resolvesTo(...addresses) })).toMatchObject({
      code: 'refused_address',
      progress: 'not-sent',
    });
  });

  it('goes to loopback over plain http by address and by name', async () => {
    const server = await http((_request, response) => response.end('ok'));
    for (const host of ['127.0.0.1', '127.1', '2130706433', 'localhost']) {
      const outbound = createOutbound({ resolve: resolvesTo('127.0.0.1') });
      expect((await outbound(`http://${host}:${server.port}/`)).status).toBe(200);
    }
  });
});

describe('an outbound request that meets', () => {
  const cases: [what: string, serve: (socket: Socket) => void, code: string, progress: string][] = [
    ['a server that hangs', () => {}, 'timeout', 'unknown'],
    ['a reset after the request', (s) => s.once('data', () => s.resetAndDestroy()), 'unreachable', 'unknown'],
    ['an end without an answer', (s) => s.once('data', () => s.end()), 'unreachable', 'unknown'],
    [
      'a body that breaks off',
      (s) => s.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'),
      'unreachable',
      'unknown',
    ],
    ['an answer that is not HTTP', (s) => s.end('SSH-2.0-OpenSSH_9.2\r\n\r\n'), 'invalid_response', 'unknown'],
    ['endless headers', (s) => s.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`), 'invalid_response', 'unknown'],
    [
      'an impossible status',
      (s) => s.end('HTTP/1.1 099 No\r\ncontent-length: 0\r\n\r\n'),
      'invalid_response',
      'unknown',
    ],
    [
      'a switch of protocols',
      (s) => s.end('HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
      'invalid_response',
      'unknown',
    ],
    [
      'a body that is not gzip',
      (s) => s.end(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nplain`),
      'invalid_response',
      'unknown',
    ],
    [
      'a gzip body that never ends',
      (s) => s.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b`, 'latin1'),
      'timeout',
      'unknown',
    ],
  ];

  it.each(cases)('%s', async (_what, serve, code, progress) => {
    const server = await tcp(serve);
    const options = code === 'timeout' ? { timeout: SHORT } : {};
    expect(await refusal(server.url, options)).toMatchObject({ code, progress });
    await allClosed(server.connections.open);
  });

  it.each([
    ['headers', 'HTTP/1.1 200 OK\r\n', 'x-drip: 1\r\n'],
    ['a body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
    ['interim answers', '', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ])(
    'bounds the whole exchange, not each pause, where %s drip, and destroys the socket',
    async (_what, start, drip) => {
      const server = await tcp((socket) => {
        socket.write(start);
        const timer = setInterval(() => socket.write(drip), SHORT / 10);
        socket.on('close', () => clearInterval(timer));
      });
      const begun = performance.now();
      expect(await refusal(server.url, { timeout: SHORT })).toMatchObject({ code: 'timeout', progress: 'unknown' });
      expect(performance.now() - begun).toBeLessThan(10 * SHORT);
      await allClosed(server.connections.open);
    },
  );

  it('reports a closed port as sent nothing', async () => {
    const server = await tcp(() => {});
    await server.stop();
    const error = await refusal(server.url);
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    expect(error.message).toBe(
      `The request to 127.0.0.1:${server.port} could not be sent: no connection (ECONNREFUSED).`,
    );
  });

  it('reports a name that does not resolve as sent nothing', async () => {
    const resolve = async (): Promise<never> => {
      throw Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' });
    };
    const error = await refusal('https://login.example.com/', { resolve });
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    expect(error.message).toContain('(ENOTFOUND)');
    expect(await refusal('https://login.example.com/', { resolve: resolvesTo() })).toMatchObject({
      code: 'unreachable',
    });
  });

  it('gives up on a name server that hangs in time, and asks it once for all that wait', async () => {
    let lookups = 0;
    let answer: (addresses: LookupAddress[]) => void = () => {};
    const resolve = (): Promise<LookupAddress[]> => {
      lookups += 1;
      return new Promise((resolved) => (answer = resolved));
    };
    const outbound = createOutbound({ timeout: SHORT, resolve });
    const waiting = Array.from({ length: 20 }, () => failure(outbound('https://login.example.com/')));
    for (const error of await Promise.all(waiting))
      expect(error).toMatchObject({ code: 'timeout', progress: 'not-sent' });
    expect(lookups).toBe(1);
    answer([{ address: '127.0.0.1', family: 4 }]);
    await new Promise((settled) => setImmediate(settled));
    void failure(outbound('https://login.example.com/'));
    await expect.poll(() => lookups).toBe(2);
  });

  it('passes a body of the greatest size, and no byte more', async () => {
    const server = await http((request, response) => response.end(Buffer.alloc(Number(request.url?.slice(1)), 'x')));
    const outbound = createOutbound();
    expect((await (await outbound(`${server.url}/65536`)).text()).length).toBe(65_536);
    expect(await failure(outbound(`${server.url}/65537`))).toMatchObject({
      code: 'invalid_response',
      progress: 'unknown',
    });
    expect(await failure(outbound(`${server.url}/50000000`))).toMatchObject({ code: 'invalid_response' });
    await allClosed(server.connections.open);
  });

  it.each<[string, (body: Buffer) => Buffer]>([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', (body) => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ])('a %s body is inflated to 64 KiB and no further', async (coding, compress) => {
    const server = await http(({ url = '' }, response) => {
      response.setHeader('content-encoding', coding).end(compress(Buffer.alloc(Number(url.slice(1)), 'x')));
    });
    const outbound = createOutbound();
    expect((await (await outbound(`${server.url}/65536`)).text()).length).toBe(65_536);
    for (const size of [65_537, 20_000_000]) {
      const error = await failure(outbound(`${server.url}/${size}`));
      expect(error).toMatchObject({ code: 'invalid_response', progress: 'unknown' });
      expect((error as Error).message).toContain('had an answer that is longer than 65536 bytes');
    }
  });

  it('reads an empty body that calls itself gzip', async () => {
    const server = await http((_request, response) => response.setHeader('content-encoding', 'gzip').end());
    expect(await (await createOutbound()(server.url)).text()).toBe('');
  });

  it('reads a body that calls itself identity', async () => {
    const server = await http((_request, response) => response.setHeader('content-encoding', 'identity').end('ok'));
    expect(await (await createOutbound()(server.url)).text()).toBe('ok');
  });

  it('does not quote an invalid header', async () => {
    const value = secret('header');
    const headers = { authorization: `${value}\r\nx: y` };
    const server = await http((_request, response) => response.end());
    const error = await failure(createOutbound()(server.url, { headers }));
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    expect((error as Error).stack).not.toContain(value);
  });
});

describe('cancelling an outbound request', () => {
  it('opens no connection where it comes before the request', async () => {
    const opened = await socketsOpenedBy(async () => {
      const error = await refusal('http://127.0.0.1:9/', {}, AbortSignal.abort());
      expect(error).toMatchObject({ code: 'cancelled', progress: 'not-sent' });
    });
    expect(opened).toBe(0);
  });

  it('ends the connection while the answer is awaited, and reports that the request may have been seen', async () => {
    const cancel = new AbortController();
    const server = await tcp((socket) => socket.once('data', () => cancel.abort()));
    expect(await refusal(server.url, {}, cancel.signal)).toMatchObject({
      code: 'cancelled',
      progress: 'unknown',
    });
    await allClosed(server.connections.open);
  });
});

describe('an outbound request over TLS', () => {
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  beforeAll(() => {
    authority = createCertificateAuthority();
    stranger = createCertificateAuthority();
  });
  afterAll(() => [authority, stranger].forEach((one) => one.remove()));

  async function https(subjectAltName?: string): Promise<LoopbackServer & { requests: () => number }> {
    let requests = 0;
    const server = await http((_request, response) => {
      requests += 1;
      response.end('ok');
    }, authority.issue(subjectAltName));
    return { ...server, requests: () => requests };
  }

  it('trusts a private CA where it is given, by address and by name', async () => {
    const server = await https();
    const outbound = createOutbound({ ca: () => authority.ca, resolve: resolvesTo('127.0.0.1') });
    expect(await (await outbound(server.url)).text()).toBe('ok');
    expect(await (await outbound(`https://localhost:${server.port}`)).text()).toBe('ok');
  });

  it('asks for the CA at each request, so that a new one is in force immediately', async () => {
    const server = await https();
    const other = createCertificateAuthority();
    const bundles = [other.ca, authority.ca];
    const outbound = createOutbound({ ca: () => bundles.shift() ?? '' });
    expect(await failure(outbound(server.url))).toMatchObject({ code: 'unreachable' });
    expect((await outbound(server.url)).status).toBe(200);
    other.remove();
  });

  it.each<[string, string | undefined, () => OutboundOptions, string]>([
    [
      'without the private CA',
      undefined,
      () => ({}),
      'The certificate of 127.0.0.1 was issued by "test CA", which is not trusted. Put the certificate of that CA into caFile.',
    ],
    [
      'with another CA',
      undefined,
      () => ({ ca: () => stranger.ca, caPlace: 'the CA file /ca.crt' }),
      'The certificate of 127.0.0.1 was issued by "test CA", and not by a CA in the CA file /ca.crt. Put the certificate of that CA there.',
    ],
    [
      'with another name in the certificate',
      'DNS:other.example.com',
      () => ({ ca: () => authority.ca }),
      'The certificate of 127.0.0.1 is for another name: it is for other.example.com.',
    ],
  ])('sends nothing %s', async (_what, subjectAltName, options, why) => {
    const server = await https(subjectAltName);
    const error = await refusal(server.url, options());
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    expect(error.message).toMatch(/no connection \([A-Z_]+\)\. /);
    expect(error.message).toContain(why);
    expect(server.requests()).toBe(0);
  });

  it('sends nothing to a server that hangs in the handshake', async () => {
    const server = await tcp(() => {});
    expect(await refusal(server.url.replace('http:', 'https:'), { timeout: SHORT })).toMatchObject({
      code: 'timeout',
      progress: 'not-sent',
    });
    await allClosed(server.connections.open);
  });

  it('sends nothing to a server that does not speak TLS', async () => {
    const server = await http((_request, response) => response.end());
    expect(await refusal(server.url.replace('http:', 'https:'))).toMatchObject({
      code: 'unreachable',
      progress: 'not-sent',
    });
  });

  it('honors neither NODE_TLS_REJECT_UNAUTHORIZED=0 nor HTTPS_PROXY nor NODE_USE_ENV_PROXY', async () => {
    const server = await https();
    const otherProxy = await proxy();
    const script = `
      const { createOutbound } = await import(${JSON.stringify(new URL('../../src/adapters/http/outbound.ts', import.meta.url).href)});
      const print = (code) => process.stdout.write(code + '\\n');
      await createOutbound()(process.argv[1]).then(() => print('sent'), (error) => print(error.code + ' ' + error.progress));`;
    const environment = {
      ...process.env,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      HTTPS_PROXY: otherProxy.url,
      NODE_USE_ENV_PROXY: '1',
    };
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, server.url], { env: environment });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    expect(output).toBe('unreachable not-sent\n');
    expect(server.requests()).toBe(0);
    expect(otherProxy.asked).toEqual([]);
  });

  describe('through a proxy', () => {
    it('tunnels https, so that the proxy sees a host and a port', async () => {
      const server = await https();
      const forward = await proxy();
      const outbound = createOutbound({ ca: () => authority.ca, proxy: forward.url });
      expect(await (await outbound(`${server.url}/token`, { method: 'POST', body: 'a=b' })).text()).toBe('ok');
      expect(forward.asked).toEqual([`127.0.0.1:${server.port}`]);
      await allClosed(forward.open);
    });

    it('lets the proxy resolve the name', async () => {
      const forward = await proxy((_request, socket) => socket.end('HTTP/1.1 502 No\r\n\r\n'));
      const resolve = async (): Promise<never> => Promise.reject(new Error('no lookup is due here'));
      await refusal('https://login.example.com/', { proxy: forward.url, resolve });
      expect(forward.asked).toEqual(['login.example.com:443']);
    });

    it.each(['127.0.0.1', '*', 'example.com,127.0.0.1', '10.0.0.0/8 127.0.0.0/8'])(
      'goes past it to what NO_PROXY=%s names',
      async (noProxy) => {
        const server = await https();
        const forward = await proxy();
        const outbound = createOutbound({ ca: () => authority.ca, proxy: forward.url, noProxy });
        expect((await outbound(server.url)).status).toBe(200);
        expect(forward.asked).toEqual([]);
      },
    );

    it('verifies the certificate at the far end', async () => {
      const server = await https();
      const forward = await proxy();
      expect(await refusal(server.url, { proxy: forward.url })).toMatchObject({
        code: 'unreachable',
        progress: 'not-sent',
      });
      expect(server.requests()).toBe(0);
      await allClosed(forward.open);
    });

    it('never sends plain http to it', async () => {
      const server = await http((_request, response) => response.end('ok'));
      const forward = await proxy();
      expect((await createOutbound({ proxy: forward.url })(server.url)).status).toBe(200);
      expect(forward.asked).toEqual([]);
    });

    it('rejects metadata addresses anyway', async () => {
      const forward = await proxy();
      const error = await refusal('https://169.254.169.254/', { proxy: forward.url });
      expect(error).toMatchObject({ code: 'refused_address' });
      expect(forward.asked).toEqual([]);
    });

    it.each([
      ['wants credentials', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'proxy_denied'],
      ['speaks no HTTP', 'nonsense\r\n\r\n', 'unreachable'],
      ['hangs', '', 'timeout'],
      ['drips', 'HTTP/1.1 200 OK\r\n', 'timeout'],
    ])('sends nothing where it %s, and leaves no connection', async (_what, answer, code) => {
      const forward = await proxy((_request, socket) => socket.write(answer));
      const timeout = code === 'timeout' ? SHORT : 10_000;
      const error = await refusal('https://login.example.com/', { proxy: forward.url, timeout });
      expect(error).toMatchObject({ code, progress: 'not-sent' });
      await allClosed(forward.open);
    });

    it.each([
      [400, 'proxy_denied'],
      [403, 'proxy_denied'],
      [404, 'proxy_denied'],
      [408, 'unreachable'],
      [429, 'unreachable'],
      [502, 'unreachable'],
      [503, 'unreachable'],
      [302, 'unreachable'],
    ])('names the status %i of its answer (%s)', async (status, code) => {
      const forward = await proxy((_request, socket) => socket.write(`HTTP/1.1 ${status} \x1b[31mNo\r\n\r\nbody`));
      const error = await refusal('https://login.example.com/', { proxy: forward.url });
      expect(error).toMatchObject({ code, progress: 'not-sent' });
      expect(error.message).toBe(
        `The request to login.example.com could not be sent: the proxy ${new URL(forward.url).host} answered CONNECT with HTTP ${status}.`,
      );
      await allClosed(forward.open);
    });

    it.each([
      ['no credentials are given', '', '', /: it wants a user name and a password; put them into the URL of proxy/],
      ['they are wrong', 'ada:wrong@', '', /: it does not accept the user name and the password in the URL of proxy/],
      [
        'it offers Basic among others',
        '',
        'Proxy-Authenticate: Negotiate, Basic realm="x"\r\n',
        /it wants a user name/,
      ],
      [
        'it does not offer Basic',
        '',
        'Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n',
        /not offer Basic/,
      ],
    ])('says what to do about a 407 where %s', async (_what, credentials, header, message) => {
      const forward = await proxy((_request, socket) => socket.write(`HTTP/1.1 407 No\r\n${header}\r\n`));
      const address = forward.url.replace('//', `//${credentials}`);
      const error = await refusal('https://login.example.com/', { proxy: address });
      expect(error).toMatchObject({ code: 'proxy_denied', progress: 'not-sent' });
      expect(error.message).toMatch(message);
      expect(error.message).toContain('HTTP 407');
    });

    it.each([
      ['none', '', undefined],
      ['plain ones', 'ada:word@', 'ada:word'],
      ['encoded ones', 'a%40b:w%3Ard%25@', 'a@b:w:rd%'],
      ['ones with a stray "%"', 'ada:50%@', 'ada:50%'],
      ['a user name only', 'ada@', 'ada:'],
    ])('sends the credentials of its URL: %s', async (_what, credentials, pair) => {
      const server = await https();
      const forward = await proxy();
      const address = forward.url.replace('//', `//${credentials}`);
      expect((await createOutbound({ ca: () => authority.ca, proxy: address })(server.url)).status).toBe(200);
      expect(forward.credentials).toEqual([pair && `Basic ${Buffer.from(pair).toString('base64')}`]);
    });

    it('is trusted over https by the private CA, which counts for it, too', async () => {
      const server = await https();
      const forward = await proxy(undefined, authority.issue());
      const outbound = createOutbound({ ca: () => authority.ca, proxy: forward.url });
      expect(await (await outbound(server.url)).text()).toBe('ok');
      expect(forward.asked).toEqual([`127.0.0.1:${server.port}`]);
      await allClosed(forward.open);
    });

    it('gets no credentials over https with a certificate of another CA', async () => {
      const other = createCertificateAuthority();
      const forward = await proxy(undefined, other.issue());
      other.remove();
      const address = forward.url.replace('//', '//ada:word@');
      const error = await refusal('https://login.example.com/', { ca: () => authority.ca, proxy: address });
      expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
      expect(error.message).toContain(`could not be sent: no connection to the proxy ${new URL(forward.url).host} (`);
      expect(error.message).toContain(
        '). The certificate of 127.0.0.1 was issued by "test CA", and not by a CA in caFile.',
      );
      expect(forward.asked).toEqual([]);
    });

    it('is asked for an IPv6 address in brackets', async () => {
      const forward = await proxy((_request, socket) => socket.end('HTTP/1.1 502 No\r\n\r\n'));
      await refusal('https://[2001:db8::1]/', { proxy: forward.url });
      expect(forward.asked).toEqual(['[2001:db8::1]:443']);
    });

    it('sends nothing where it is missing, and does not print its password', async () => {
      const forward = await proxy();
      await forward.stop();
      stops.splice(0);
      const password = secret('proxy-password');
      const address = forward.url.replace('//', `//ada:${password}@`);
      const error = await refusal('https://login.example.com/', { proxy: address });
      expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
      expect(error.stack).not.toContain(password);
    });
  });
});
