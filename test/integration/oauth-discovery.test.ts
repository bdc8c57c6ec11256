import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createOAuthTokenEndpoint,
  type OAuthTokenEndpointOptions,
} from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import type { TokenEndpoint } from '../../src/ports/token-endpoint.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../support/certificates.ts';
import { type LoopbackServer, startHttpServer, startTcpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { buildTokenRequest, refusedRequest } from '../support/token-requests.ts';

const OIDC = '/.well-known/openid-configuration';
const OAUTH = '/.well-known/oauth-authorization-server';
const NOW = Date.UTC(2026, 0, 1, 12);

const clientSecret = secret('client-secret');
const request = buildTokenRequest({ client_id: 'app', client_secret: clientSecret });
const signal = new AbortController().signal;

type Answer = (response: ServerResponse, url: string) => void;
const json =
  (body: unknown): Answer =>
  (response) =>
    void response.end(JSON.stringify(body));
const status =
  (code: number, headers = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end();
const metadata =
  (members: Record<string, unknown> = {}): Answer =>
  (response, url) =>
    void response.end(JSON.stringify({ issuer: url, token_endpoint: `${url}/token`, ...members }));
const token = (): Answer => json({ access_token: secret('access-token'), token_type: 'Bearer', expires_in: 60 });

interface Peer extends LoopbackServer {
  readonly asked: string[];
  readonly bodies: string[];
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** An authorization server that answers by path; all it does not know is not found. */
async function start(answers: Record<string, Answer>, certificate?: ServerCertificate): Promise<Peer> {
  const asked: string[] = [];
  const bodies: string[] = [];
  const server: LoopbackServer = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      asked.push(incoming.url ?? '');
      bodies.push(body);
      (answers[incoming.url ?? ''] ?? status(404))(response, server.url);
    });
  }, certificate);
  stops.push(server.stop);
  return { ...server, asked, bodies };
}

interface Given extends Partial<OAuthTokenEndpointOptions> {
  readonly settings?: Partial<OAuthServerSettings>;
  readonly clock?: FakeClock;
}

function endpointAt(
  issuer: string,
  { settings = {}, clock = createFakeClock({ now: NOW }), ...options }: Given = {},
): TokenEndpoint {
  const corporate = { issuer, clientAuthentication: 'client_secret_post', ...settings } as const;
  return createOAuthTokenEndpoint({ corporate }, { clock, ...options });
}

describe('discovery', () => {
  it.each([
    ['OpenID Connect metadata', { [OIDC]: metadata() }, [OIDC, '/token']],
    ['RFC 8414 metadata where there is no other', { [OAUTH]: metadata() }, [OIDC, OAUTH, '/token']],
    ['RFC 8414 metadata where the other is broken', { [OIDC]: json([]), [OAUTH]: metadata() }, [OIDC, OAUTH, '/token']],
    [
      'RFC 8414 metadata where the other is forbidden',
      { [OIDC]: status(403), [OAUTH]: metadata() },
      [OIDC, OAUTH, '/token'],
    ],
  ])('finds the token endpoint by %s', async (_what, answers, asked) => {
    const peer = await start({ ...answers, '/token': token() });
    await endpointAt(peer.url).request(request, signal);
    expect(peer.asked).toEqual(asked);
  });

  it('takes an issuer with a path to where each standard puts its metadata', async () => {
    const members: Answer = (response, url) =>
      void response.end(JSON.stringify({ issuer: `${url}/realms/corp`, token_endpoint: `${url}/realms/corp/token` }));
    const peer = await start({ [`${OAUTH}/realms/corp`]: members, '/realms/corp/token': token() });
    await endpointAt(`${peer.url}/realms/corp`).request(request, signal);
    expect(peer.asked).toEqual([`/realms/corp${OIDC}`, `${OAUTH}/realms/corp`, '/realms/corp/token']);
  });

  it('sends no credential while it looks', async () => {
    const peer = await start({ [OIDC]: metadata(), '/token': token() });
    await endpointAt(peer.url).request(request, signal);
    expect(peer.bodies.map((body) => body.includes(clientSecret))).toEqual([false, true]);
  });

  it('is remembered for an hour', async () => {
    const peer = await start({ [OIDC]: metadata(), '/token': token() });
    const clock = createFakeClock({ now: NOW });
    const endpoint = endpointAt(peer.url, { clock });
    await endpoint.request(request, signal);
    await clock.advance(3_599_999);
    await endpoint.request(request, signal);
    expect(peer.asked).toEqual([OIDC, '/token', '/token']);
    await clock.advance(1);
    await endpoint.request(request, signal);
    expect(peer.asked.slice(3)).toEqual([OIDC, '/token']);
  });

  it.each<[string, Answer]>([
    ['returns a server error', status(503)],
    ['has a page instead', (response) => void response.end('<p>')],
    ['breaks off', (response) => response.socket?.destroy()],
  ])('goes on being used where it %s when it is asked for again, which it is once a minute', async (_what, broken) => {
    const answers: Record<string, Answer> = { [OIDC]: metadata(), '/token': token() };
    const peer = await start(answers);
    const clock = createFakeClock({ now: NOW });
    const endpoint = endpointAt(peer.url, { clock });
    await endpoint.request(request, signal);
    answers[OIDC] = broken;
    await clock.advance(3_600_000);
    for (let round = 0; round < 3; round += 1) await endpoint.request(request, signal);
    const looks = (): number => peer.asked.filter((path) => path === OIDC).length;
    expect(peer.asked.filter((path) => path === '/token')).toHaveLength(4);
    expect(looks()).toBe(2);
    answers[OIDC] = metadata();
    await clock.advance(60_000);
    await endpoint.request(request, signal);
    expect(looks()).toBe(3);
  });

  it('is one for all who ask together', async () => {
    const peer = await start({ [OIDC]: metadata(), '/token': token() });
    const endpoint = endpointAt(peer.url);
    await Promise.all(Array.from({ length: 20 }, () => endpoint.request(request, signal)));
    expect(peer.asked.filter((path) => path === OIDC)).toHaveLength(1);
  });

  it('is done again after the token endpoint could not be reached, for it may have moved', async () => {
    const stopped = await start({});
    await stopped.stop();
    let tokenEndpoint = `${stopped.url}/token`;
    const peer = await start({
      [OIDC]: (response, url) => metadata({ token_endpoint: tokenEndpoint })(response, url),
      '/new': token(),
    });
    const settings = { tokenEndpointOrigin: stopped.url };
    const endpoint = endpointAt(peer.url, { settings });
    expect(await refusedRequest(endpoint, request)).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    tokenEndpoint = `${peer.url}/new`;
    await endpoint.request(request, signal);
    expect(peer.asked).toEqual([OIDC, OIDC, '/new']);
  });

  it('is not done again because a token was rejected', async () => {
    const peer = await start({ [OIDC]: metadata(), '/token': status(401) });
    const endpoint = endpointAt(peer.url);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await refusedRequest(endpoint, request)).toMatchObject({ code: 'invalid_client', progress: 'answered' });
    }
    expect(peer.asked).toEqual([OIDC, '/token', '/token']);
  });

  it('has the token endpoint elsewhere only where that was named', async () => {
    const otherServer = await start({ '/token': token() });
    const peer = await start({ [OIDC]: metadata({ token_endpoint: `${otherServer.url}/token` }) });
    const error = await refusedRequest(endpointAt(peer.url), request);
    expect(error).toMatchObject({ code: 'refused_address', progress: 'not-sent', failure: 'configuration' });
    expect(error.message).toContain(`names a token endpoint at another origin, ${otherServer.url}: `);
    expect(otherServer.connections.opened).toBe(0);

    const settings = { tokenEndpointOrigin: otherServer.url };
    await endpointAt(peer.url, { settings }).request(request, signal);
    expect(otherServer.asked).toEqual(['/token']);
  });

  it.each([
    ['a metadata address', 'https://169.254.169.254'],
    ['plain http outside loopback', 'http://10.0.0.1'],
  ])('does not lead to %s, even where that was named', async (_what, tokenEndpointOrigin) => {
    const peer = await start({ [OIDC]: metadata({ token_endpoint: `${tokenEndpointOrigin}/token` }) });
    const error = await refusedRequest(endpointAt(peer.url, { settings: { tokenEndpointOrigin } }), request);
    expect(error).toMatchObject({ code: 'refused_address', progress: 'not-sent' });
  });

  it.each<[string, Record<string, Answer>, Record<string, unknown>, RegExp]>([
    ['there is no metadata', {}, { code: 'invalid_response' }, /publishes no usable metadata under .* check issuer/],
    ['the metadata is HTML', { [OIDC]: (r) => void r.end('<p>') }, { code: 'invalid_response' }, /no usable metadata/],
    [
      'the metadata is too large',
      { [OIDC]: (r) => void r.end(Buffer.alloc(70_000, ' ')) },
      { code: 'invalid_response' },
      /longer than 65536 bytes/,
    ],
    [
      'it is of another issuer',
      { [OIDC]: metadata({ issuer: 'https://evil.example' }) },
      { code: 'invalid_response' },
      /metadata of another issuer: set issuer/,
    ],
    [
      'it names no token endpoint',
      { [OIDC]: metadata({ token_endpoint: undefined }) },
      { code: 'invalid_response' },
      /without a usable token_endpoint/,
    ],
    [
      'its token endpoint is no URL',
      { [OIDC]: metadata({ token_endpoint: '/token' }) },
      { code: 'invalid_response' },
      /without a usable token_endpoint/,
    ],
    [
      'its token endpoint is no text',
      { [OIDC]: metadata({ token_endpoint: ['x'] }) },
      { code: 'invalid_response' },
      /without a usable token_endpoint/,
    ],
    [
      'it redirects',
      { [OIDC]: status(302, { location: OAUTH }), [OAUTH]: status(302, { location: OIDC }) },
      { code: 'invalid_response' },
      /no usable metadata/,
    ],
    [
      'it asks for patience',
      { [OIDC]: status(429, { 'retry-after': '7' }) },
      { code: 'rate_limited', retryAfter: 7000 },
      /asks for fewer requests/,
    ],
    [
      'it returns a server error',
      { [OIDC]: status(503, { 'retry-after': '9' }) },
      { code: 'server_error', retryAfter: 9000 },
      /returned a server error/,
    ],
    ['it breaks off', { [OIDC]: (r) => r.socket?.destroy() }, { code: 'unreachable' }, /lost its connection/],
  ])('where %s, nothing was sent and the message says what to do', async (_what, answers, expected, message) => {
    const peer = await start({ ...answers, '/token': token() });
    const endpoint = endpointAt(peer.url);
    const error = await refusedRequest(endpoint, request);
    expect(error).toMatchObject({ ...expected, progress: 'not-sent' });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`127.0.0.1:${peer.port}`);
    expect((error.cause as Error | undefined)?.message ?? 'none', 'a cause is only named').toMatch(/^\w+$/);
    expect(peer.asked).not.toContain('/token');
  });

  it('is given up in time where it hangs, and tried anew', async () => {
    let hang = true;
    const peer = await start({
      [OIDC]: (response, url) => (hang ? undefined : metadata()(response, url)),
      '/token': token(),
    });
    const endpoint = endpointAt(peer.url, { timeout: 1000 });
    expect(await refusedRequest(endpoint, request)).toMatchObject({ code: 'timeout', progress: 'not-sent' });
    hang = false;
    await endpoint.request(request, signal);
  });

  it('goes on for the others when one that waits for it gives up', async () => {
    const reached = Promise.withResolvers<ServerResponse>();
    const peer = await start({ [OIDC]: (response) => reached.resolve(response), '/token': token() });
    const endpoint = endpointAt(peer.url);
    const cancel = new AbortController();
    const patient = endpoint.request(request, signal);
    const impatient = refusedRequest(endpoint, request, cancel.signal);
    const response = await reached.promise;
    cancel.abort();
    expect(await impatient).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    metadata()(response, peer.url);
    expect((await patient).tokenType).toBe('Bearer');
  });

  it.each(['login.example.com', '', 'http://login.example.com', 'https://ada:pw@login.example.com'])(
    'rejects the issuer %j without a connection',
    async (issuer) => {
      const resolve = async (): Promise<never> => Promise.reject(new Error('no lookup is due here'));
      const error = await refusedRequest(endpointAt(issuer, { resolve }), request);
      expect(error).toMatchObject({ code: 'refused_address', progress: 'not-sent' });
      expect(error.message).not.toContain('pw');
    },
  );
});

describe('with a private CA', () => {
  let authority: CertificateAuthority;
  beforeAll(() => {
    authority = createCertificateAuthority();
  });
  afterAll(() => authority.remove());

  it('discovers and asks over TLS', async () => {
    const peer = await start({ [OIDC]: metadata(), '/token': token() }, authority.issue());
    await endpointAt(peer.url, { settings: { caFile: authority.caFile } }).request(request, signal);
    expect(peer.asked).toEqual([OIDC, '/token']);
  });

  it('does not follow metadata from https to plain http', async () => {
    const plain = await start({ '/token': token() });
    const peer = await start({ [OIDC]: metadata({ token_endpoint: `${plain.url}/token` }) }, authority.issue());
    const error = await refusedRequest(endpointAt(peer.url, { settings: { caFile: authority.caFile } }), request);
    expect(error).toMatchObject({ code: 'refused_address', progress: 'not-sent' });
    expect(plain.connections.opened).toBe(0);
  });

  it('sends nothing to a server whose certificate is of another CA', async () => {
    const peer = await start({ '/token': token() }, authority.issue());
    const settings = { tokenEndpoint: `${peer.url}/token` };
    expect(await refusedRequest(endpointAt(peer.url, { settings }), request)).toMatchObject({
      code: 'unreachable',
      progress: 'not-sent',
    });
    expect(peer.asked).toEqual([]);
  });

  it('has no patience without end for a handshake that hangs', async () => {
    const hanging = await startTcpServer((_socket: Socket) => {});
    stops.push(hanging.stop);
    const issuer = hanging.url.replace('http:', 'https:');
    expect(await refusedRequest(endpointAt(issuer, { timeout: 300 }), request)).toMatchObject({
      code: 'timeout',
      progress: 'not-sent',
    });
  });
});
