import { copyFileSync, writeFileSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttpsReissuer, type HttpsReissuerOptions } from '../../src/adapters/http/https-reissuer.ts';
import { ReissueError, UsageError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { sha256 } from '../../src/core/token.ts';
import { toVolumeData, USUAL_FORM } from '../../src/core/token-volume.ts';
import type { Reissuer } from '../../src/ports/reissuer.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { failure } from '../support/failure.ts';
import { type LoopbackServer, startHttpServer, startTcpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildToken } from '../support/tokens.ts';

const REJECTED = sha256('rejected');
let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let directory: ReturnType<typeof temporaryDirectory>;
let callerToken: string;
const stops: (() => Promise<void>)[] = [];

beforeAll(() => {
  authority = createCertificateAuthority();
  stranger = createCertificateAuthority();
});
afterAll(() => {
  authority.remove();
  stranger.remove();
});
beforeEach(() => {
  directory = temporaryDirectory();
  callerToken = secret('caller-token');
  writeFileSync(tokenFile(), callerToken);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  directory.remove();
});

const tokenFile = (): string => join(directory.path, 'token');

async function listening(
  handler: RequestListener,
  certificate?: { key: string; cert: string },
): Promise<LoopbackServer> {
  const server = await startHttpServer(handler, certificate);
  stops.push(() => server.stop());
  return server;
}

function reissuerOf(url: string, options: Partial<HttpsReissuerOptions> = {}): Reissuer {
  return createHttpsReissuer({
    url,
    namespace: 'billing',
    secret: 'billing-tokens',
    callerTokenFile: tokenFile(),
    ...options,
  });
}

const answer = (fields: object = {}): string =>
  JSON.stringify({
    outcome: 'reissued',
    stored: true,
    generation: 7,
    issued_at: '2026-01-01T12:00:00.000Z',
    expires_at: '2026-01-01T13:00:00Z',
    ...fields,
  });
const wellAnswered: RequestListener = (_, response) => response.end(answer());

describe('a call', () => {
  it('is a POST with the rejected hash and the caller token of its file', async () => {
    const seen: object[] = [];
    const server = await listening((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { authorization, 'content-type': type, 'accept-encoding': encoding } = request.headers;
        const byCaller = authorization === `Bearer ${callerToken}`;
        seen.push({ method: request.method, path: request.url, byCaller, type, encoding, body: JSON.parse(body) });
        response.end(answer());
      });
    });
    expect(await reissuerOf(server.url).reissue('dynamics', REJECTED)).toEqual({
      outcome: 'reissued',
      stored: true,
      generation: 7,
      accessToken: undefined,
      issuedAt: Date.UTC(2026, 0, 1, 12),
      expiresAt: Date.UTC(2026, 0, 1, 13),
    });
    expect(seen).toEqual([
      {
        method: 'POST',
        path: '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue',
        byCaller: true,
        type: 'application/json',
        encoding: 'identity',
        body: { rejected_sha256: REJECTED, error: 'invalid_token' },
      },
    ]);
  });

  it('says why it asks, and when a generation was first seen in the volume', async () => {
    const bodies: unknown[] = [];
    const server = await listening((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(JSON.parse(chunk.toString())));
      request.on('end', () => response.end(answer()));
    });
    const sighting = { generation: 7, at: Date.UTC(2026, 0, 1, 12) };
    await reissuerOf(server.url).reissue('dynamics', REJECTED, { cause: 'revoked', sighting });
    expect(bodies).toEqual([
      {
        rejected_sha256: REJECTED,
        error: 'invalid_token',
        cause: 'revoked',
        volume: { generation: 7, seen_at: '2026-01-01T12:00:00.000Z' },
      },
    ]);
  });

  const traced = `00-${'1a'.repeat(16)}-${'2b'.repeat(8)}-01`;
  it.each<[string, (() => string | undefined) | undefined, string | undefined]>([
    ['is the one that the application gives', () => traced, traced],
    ['is left out by default', undefined, undefined],
    ['is left out where the application has none', () => undefined, undefined],
    ['is left out where the application gives a text of another form', () => `${traced}\r\nx-other: 1`, undefined],
    ['is left out where the application gives something else', () => null as unknown as string, undefined],
    [
      'is left out where the function of the application fails',
      () => {
        throw new Error('No context.');
      },
      undefined,
    ],
  ])('has a traceparent that %s', async (_, traceparent, expected) => {
    const seen: unknown[] = [];
    const server = await listening((request, response) => {
      seen.push(request.headers['traceparent'], request.headers['x-other']);
      response.end(answer());
    });
    await reissuerOf(server.url, { traceparent }).reissue('dynamics', REJECTED);
    expect(seen).toEqual([expected, undefined]);
  });

  it.each([
    ['/', '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics'],
    ['/behind/a/proxy/', '/behind/a/proxy/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics'],
  ])('for the current token is a GET below the path %s', async (path, expected) => {
    const seen: unknown[] = [];
    const token = buildToken();
    const server = await listening((request, response) => {
      seen.push(request.method, request.url);
      response.end(toVolumeData('token', token)['token.json']);
    });
    expect((await reissuerOf(server.url + path).current('dynamics')).sha256).toBe(token.sha256);
    expect(seen).toEqual(['GET', expected]);
  });

  it('learns the header that carries the token from both answers', async () => {
    const header = { name: 'X-Auth-Token', prefix: '' };
    const server = await listening((request, response) => {
      const document = toVolumeData('token', buildToken(), { ...USUAL_FORM, header })['token.json'] ?? '';
      response.end(request.method === 'GET' ? document : JSON.stringify({ ...JSON.parse(answer()), header }));
    });
    const reissuer = reissuerOf(server.url);
    expect((await reissuer.current('dynamics')).header).toEqual(header);
    expect((await reissuer.reissue('dynamics', REJECTED)).header).toEqual(header);
  });

  it('does not use an answer whose header would change the request', async () => {
    const server = await listening((_request, response) =>
      response.end(JSON.stringify({ ...JSON.parse(answer()), header: { name: 'Host', prefix: '' } })),
    );
    expect(await failure(reissuerOf(server.url).reissue('dynamics', REJECTED))).toMatchObject({
      message: "The token-acquirer's answer has a header whose name has another meaning in HTTP.",
    });
  });

  it('does not leave its path, whatever the names are', async () => {
    const paths: unknown[] = [];
    const server = await listening((request, response) => {
      paths.push(request.url);
      response.writeHead(403).end();
    });
    await failure(reissuerOf(server.url, { secret: 'a/../b' }).current('../../x?y#z'));
    expect(paths).toEqual(['/v1/namespaces/billing/secrets/a%2F..%2Fb/tokens/..%2F..%2Fx%3Fy%23z']);
  });

  it('reads the caller token anew, as the kubelet rotates it', async () => {
    const callers: unknown[] = [];
    const server = await listening((request, response) => {
      callers.push(sha256(request.headers.authorization ?? ''));
      response.end(answer());
    });
    const reissuer = reissuerOf(server.url);
    await reissuer.reissue('dynamics', REJECTED);
    const rotated = secret('rotated-caller-token');
    writeFileSync(tokenFile(), `${rotated}\n`);
    await reissuer.reissue('dynamics', REJECTED);
    expect(callers).toEqual([sha256(`Bearer ${callerToken}`), sha256(`Bearer ${rotated}`)]);
  });

  it('has its own connection and leaves none', async () => {
    const server = await listening(wellAnswered);
    const reissuer = reissuerOf(server.url);
    for (let calls = 0; calls < 3; calls += 1) await reissuer.reissue('dynamics', REJECTED);
    expect(server.connections.opened).toBe(3);
    await expect.poll(() => server.connections.open.size).toBe(0);
  });
});

describe('the certificate', () => {
  const trusting = (): Partial<HttpsReissuerOptions> => ({ caFile: authority.caFile });

  it('is checked with the CA file, and that is read anew', async () => {
    const server = await listening(wellAnswered, authority.issue());
    const caFile = join(directory.path, 'ca.crt');
    copyFileSync(stranger.caFile, caFile);
    const reissuer = reissuerOf(server.url, { caFile });
    expect(await failure(reissuer.reissue('dynamics', REJECTED))).toMatchObject({ status: undefined });
    copyFileSync(authority.caFile, caFile);
    expect(await reissuer.reissue('dynamics', REJECTED)).toMatchObject({ outcome: 'reissued' });
  });

  it.each<[string, () => { key: string; cert: string }, () => Partial<HttpsReissuerOptions>, string]>([
    [
      'of a CA that is not trusted',
      () => authority.issue(),
      () => ({}),
      '"test CA", which is not trusted. Put the certificate of that CA into caFile.',
    ],
    [
      'of another CA',
      () => stranger.issue(),
      trusting,
      '"test CA", and not by a CA in caFile. Put the certificate of that CA there.',
    ],
    ['for another host', () => authority.issue('DNS:other.example.com'), trusting, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('%s is rejected, whatever the environment says', async (_, issue, options, message) => {
    let asked = 0;
    const server = await listening((_request, response) => {
      asked += 1;
      response.end(answer());
    }, issue());
    const reissuer = reissuerOf(server.url, options());
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const error = (await failure(reissuer.reissue('dynamics', REJECTED))) as Error;
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    expect(error).toBeInstanceOf(ReissueError);
    expect(error.message).toContain(message);
    expect(asked).toBe(0);
  });
});

describe('a call through a port-forward', () => {
  const NAME = 'token-acquirer.identity.svc';

  it('checks the certificate for the name that is given, and goes where the URL says', async () => {
    const server = await listening(wellAnswered, authority.issue(`DNS:${NAME}`));
    const reissuer = reissuerOf(server.url, { caFile: authority.caFile, serverName: NAME });
    expect(await reissuer.reissue('dynamics', REJECTED)).toMatchObject({ outcome: 'reissued' });
  });

  it.each<[string, Partial<HttpsReissuerOptions>, string]>([
    [
      'without a name',
      {},
      '(ERR_TLS_CERT_ALTNAME_INVALID). The certificate of 127.0.0.1 is for another name: it is for token-acquirer.identity.svc.',
    ],
    [
      'with another name',
      { serverName: 'other.svc' },
      'The certificate of other.svc is for another name: it is for token-acquirer.identity.svc.',
    ],
    [
      'without the CA',
      { serverName: NAME, caFile: undefined },
      '"test CA", which is not trusted. Put the certificate of that CA into caFile.',
    ],
  ])('a call %s fails, and says why', async (_sentence, options, message) => {
    const server = await listening(wellAnswered, authority.issue(`DNS:${NAME}`));
    const reissuer = reissuerOf(server.url, { caFile: authority.caFile, ...options });
    expect(((await failure(reissuer.reissue('dynamics', REJECTED))) as Error).message).toContain(message);
  });

  it('takes the caller token itself in place of a file', async () => {
    const given = secret('caller-by-hand');
    const seen: (string | undefined)[] = [];
    const server = await listening((request, response) => {
      seen.push(request.headers.authorization);
      response.end(answer());
    });
    const byHand = { callerTokenFile: '/nowhere', callerToken: new Redacted(given) };
    await reissuerOf(server.url, byHand).reissue('dynamics', REJECTED);
    expect(seen[0] === `Bearer ${given}`).toBe(true);
  });

  it('rejects an invalid caller token before anything is sent, and does not quote it', async () => {
    const server = await listening(wellAnswered);
    const given = `${secret('caller-with-line')}\nx:y`;
    const error = await failure(
      reissuerOf(server.url, { callerToken: new Redacted(given) }).reissue('dynamics', REJECTED),
    );
    expect((error as Error).message).toBe(
      'The caller token contains a line break or another control character: give that of a ServiceAccount.',
    );
    expect(server.connections.opened).toBe(0);
  });
});

describe('an answer that will not do', () => {
  it.each<[string, (response: ServerResponse) => void, string, number]>([
    ['no JSON', (r) => r.end('<html>'), 'is not a JSON object', 200],
    ['no object', (r) => r.end('null'), 'is not a JSON object', 200],
    ['no outcome', (r) => r.end(answer({ outcome: 1 })), 'has no outcome', 200],
    ['no word of storing', (r) => r.end(answer({ stored: 'yes' })), 'does not say whether the token is stored', 200],
    ['no generation', (r) => r.end(answer({ generation: 1.5 })), 'has no generation', 200],
    ['no time of issue', (r) => r.end(answer({ issued_at: 5 })), 'has no issued_at', 200],
    ['no expiry', (r) => r.end(answer({ expires_at: 'soon' })), 'has no expires_at', 200],
    [
      'a token with a line end',
      (r) => r.end(answer({ access_token: `${secret('crlf')}\r\nx:y` })),
      'has an access_token that contains a line break or another control character',
      200,
    ],
    [
      'a token with a blank',
      (r) => r.end(answer({ access_token: 'a b' })),
      'has an access_token that contains a space or a tab',
      200,
    ],
    [
      'a token that is too long',
      (r) => r.end(answer({ access_token: 'a'.repeat(16_385) })),
      'has an access_token that is 16385 characters long',
      200,
    ],
    ['a token that is none', (r) => r.end(answer({ access_token: 5 })), 'has an access_token that is not a text', 200],
    ['too long', (r) => r.end('x'.repeat(64 * 1024 + 1)), 'is longer than 65536 bytes', 200],
    ['201', (r) => r.writeHead(201).end(answer()), 'answered 201.', 201],
    ['a redirect', (r) => r.writeHead(307, { location: '/' }).end(), 'answered 307.', 307],
    ['a 401', (r) => r.writeHead(401).end(), 'It does not accept the caller token', 401],
    ['a 403', (r) => r.writeHead(403).end(), 'This caller is not among the clients of the token', 403],
    [
      'a 502 with a code',
      (r) => r.writeHead(502).end('{"code":"invalid_grant"}'),
      'answered 502 (invalid_grant).',
      502,
    ],
    ['a 502 with too much of a code', (r) => r.writeHead(502).end('{"code":"No, really"}'), 'answered 502.', 502],
    ['a 502 with null', (r) => r.writeHead(502).end('null'), 'answered 502.', 502],
  ])('%s', async (_, send, message, status) => {
    const server = await listening((_request, response) => send(response));
    const error = (await failure(reissuerOf(server.url).reissue('dynamics', REJECTED))) as ReissueError;
    expect(error).toBeInstanceOf(ReissueError);
    expect(error.message).toContain(message);
    expect(error.status).toBe(status);
  });

  it('says nothing of what the body holds', async () => {
    const leaked = secret('in-the-body');
    const server = await listening((_, response) => {
      response.writeHead(502).end(JSON.stringify({ detail: leaked, code: leaked, title: callerToken }));
    });
    const { message, stack } = (await failure(reissuerOf(server.url).current('dynamics'))) as Error;
    expect([message, stack].join()).not.toContain('canary');
  });

  it.each<[string, string]>([
    ['no document', '{}'],
    ['a document with a line end in its token', ''],
  ])('to a GET: %s', async (_, body) => {
    const value = `${secret('crlf')}\n`;
    const malformed = { ...JSON.parse(toVolumeData('t', buildToken())['t.json'] ?? ''), access_token: value };
    const server = await listening((_request, response) =>
      response.end(body === '' ? JSON.stringify({ ...malformed, sha256: sha256(value) }) : body),
    );
    expect(await failure(reissuerOf(server.url).current('dynamics'))).toMatchObject({
      message: "The token-acquirer's answer is not a token document.",
      status: 200,
    });
  });
});

describe('Retry-After', () => {
  const NOW = Date.UTC(2026, 0, 1, 12);
  it.each<[string, string, number | undefined]>([
    ['in seconds', '7', 7000],
    ['with a fraction', '1.5', 1500],
    ['as a date', 'Thu, 01 Jan 2026 12:00:09 GMT', 9000],
    ['as a date that is past', 'Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['as anything else', 'later', undefined],
  ])('%s', async (_, text, retryAfter) => {
    const server = await listening((_request, response) => response.writeHead(429, { 'retry-after': text }).end());
    const reissuer = reissuerOf(server.url, { now: () => NOW });
    expect(await failure(reissuer.reissue('dynamics', REJECTED))).toMatchObject({ status: 429, retryAfter });
  });

  it('may come as X-RateLimit-Reset from a gateway in between', async () => {
    const headers = { 'x-ratelimit-reset': String(NOW / 1000 + 8) };
    const server = await listening((_request, response) => response.writeHead(429, headers).end());
    const reissuer = reissuerOf(server.url, { now: () => NOW });
    expect(await failure(reissuer.reissue('dynamics', REJECTED))).toMatchObject({ status: 429, retryAfter: 8000 });
  });
});

describe('an endpoint that does not answer', () => {
  it.each<[string, Parameters<typeof startTcpServer>[0]]>([
    ['is silent', () => {}],
    ['drips its body', (socket) => drip(socket)],
  ])('%s: the call ends in time and leaves no connection', async (_, behave) => {
    const server = await startTcpServer(behave);
    stops.push(() => server.stop());
    const started = performance.now();
    const error = await failure(reissuerOf(server.url, { timeout: 200 }).reissue('dynamics', REJECTED));
    expect(error).toMatchObject({ name: 'ReissueError', status: undefined });
    expect((error as Error).message).toContain('gave no whole answer within 200 ms');
    expect(performance.now() - started).toBeLessThan(2000);
    await expect.poll(() => server.connections.open.size).toBe(0);
  });

  it('accepts a connection and then hangs: the call gives up early, so that the next one may reach another replica', async () => {
    const server = await startTcpServer(() => {});
    stops.push(() => server.stop());
    const started = performance.now();
    const hung = reissuerOf(server.url.replace('http:', 'https:'), { connectWithin: 200 });
    const error = await failure(hung.reissue('dynamics', REJECTED));
    expect(error).toMatchObject({ name: 'ReissueError', status: undefined });
    expect((error as Error).message).toContain('opened no connection in time');
    expect(performance.now() - started).toBeLessThan(5000);
    await expect.poll(() => server.connections.open.size).toBe(0);
  });

  it.each<[string, Parameters<typeof startTcpServer>[0]]>([
    ['hangs up', (socket) => socket.destroy()],
    ['speaks something else', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['breaks off', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"outcome"')],
  ])('%s', async (_, behave) => {
    const server = await startTcpServer(behave);
    stops.push(() => server.stop());
    const error = (await failure(reissuerOf(server.url).reissue('dynamics', REJECTED))) as ReissueError;
    expect(error).toBeInstanceOf(ReissueError);
    expect(error.message).toMatch(/^The token-acquirer at 127\.0\.0\.1:\d+ cannot be reached \(\w+\)\.$/);
    expect(error.status).toBeUndefined();
  });

  it('is reported where its server has stopped', async () => {
    const server = await listening(wellAnswered);
    await server.stop();
    const error = (await failure(reissuerOf(server.url).reissue('dynamics', REJECTED))) as Error;
    expect(error.message).toContain('cannot be reached (ECONNREFUSED)');
  });
});

function drip(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n');
  const timer = setInterval(() => socket.write('x'), 20);
  socket.on('close', () => clearInterval(timer));
}

describe('a caller without a usable file', () => {
  it.each<[string, () => Partial<HttpsReissuerOptions>, string]>([
    ['no token file', () => ({ callerTokenFile: '/absent/token' }), '/absent/token cannot be read (ENOENT)'],
    ['no CA file', () => ({ caFile: '/absent/ca.crt' }), 'The CA file /absent/ca.crt cannot be read (ENOENT)'],
    [
      'a token file that holds no token',
      () => {
        writeFileSync(tokenFile(), 'not a token\nat all\n');
        return {};
      },
      'holds a token that contains a space or a tab: project a ServiceAccount token there.',
    ],
  ])('makes no call: %s', async (_, options, message) => {
    const server = await listening(wellAnswered);
    const error = (await failure(reissuerOf(server.url, options()).reissue('dynamics', REJECTED))) as Error;
    expect(error).toBeInstanceOf(ReissueError);
    expect(error.message).toContain(message);
    expect(server.connections.opened).toBe(0);
  });
});

describe('a reissue URL', () => {
  it.each(['https://token-acquirer:8443', 'http://127.0.0.1:1', 'http://localhost:1/', 'http://[::1]:1'])(
    'can be %s',
    (url) => {
      expect(() => reissuerOf(url)).not.toThrow();
    },
  );

  it.each<[string, string]>([
    ['', 'is not an http or https URL'],
    ['token-acquirer:8443', 'is not an http or https URL'],
    ['file:///etc/passwd', 'is not an http or https URL'],
    ['http://token-acquirer:8443', 'is plain http, which is for loopback only'],
    ['http://127.0.0.1.example.com', 'is plain http, which is for loopback only'],
    ['https://user:hunter2@token-acquirer', 'has a user, query or fragment'],
    ['https://token-acquirer/?a=hunter2', 'has a user, query or fragment'],
    ['https://hunter2 hunter2', 'is not an http or https URL'],
  ])('cannot be %j', (url, message) => {
    expect(() => reissuerOf(url)).toThrow(UsageError);
    expect(() => reissuerOf(url)).toThrow(message);
    expect(() => reissuerOf(url)).not.toThrow('hunter2');
  });
});
