import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutbound } from '../../src/adapters/http/outbound.ts';
import { createOAuthTokenEndpoint } from '../../src/adapters/oauth/oauth-token-endpoint.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { failure } from '../support/failure.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { buildTokenRequest } from '../support/token-requests.ts';

const KEPT = { method: 'POST', body: 'a=b', keepsConnection: true };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function http(handler: RequestListener, certificate?: { key: string; cert: string }): Promise<LoopbackServer> {
  const server = await startHttpServer(handler, certificate);
  stops.push(server.stop);
  return server;
}

const answering: RequestListener = (request, response) => void request.resume().on('end', () => response.end('ok'));

/** Ends each connection at its second request, without an answer, as if it had closed the connection just before. */
function closingLate(answer: () => string): RequestListener {
  const known = new WeakSet<Socket>();
  return (request, response) => {
    if (known.has(request.socket)) return request.socket.destroy();
    known.add(request.socket);
    return request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(answer()));
  };
}

describe('a connection that is kept', () => {
  it('serves the requests of a burst one after another', async () => {
    const server = await http(answering);
    const outbound = createOutbound();
    for (let request = 0; request < 50; request += 1)
      expect(await (await outbound(server.url, KEPT)).text()).toBe('ok');
    expect(server.connections.opened).toBe(1);
  });

  it('serves one request at a time', async () => {
    const server = await http(answering);
    const outbound = createOutbound();
    const lane = async (): Promise<void> => {
      for (let request = 0; request < 20; request += 1) await outbound(server.url, KEPT);
    };
    await Promise.all(Array.from({ length: 20 }, lane));
    expect(server.connections.opened).toBeLessThanOrEqual(20);
  });

  it('is closed soon after the burst', async () => {
    const server = await http(answering);
    await createOutbound()(server.url, KEPT);
    expect(server.connections.open.size).toBe(1);
    await expect.poll(() => server.connections.open.size, { timeout: 10_000 }).toBe(0);
  });

  it('is not used for a request that does not ask for it', async () => {
    const server = await http(answering);
    const outbound = createOutbound();
    await outbound(server.url, KEPT);
    await outbound(server.url, { method: 'POST', body: 'a=b' });
    expect(server.connections.opened).toBe(2);
  });

  it('is not kept if the server announces that it closes it', async () => {
    const server = await http((_request, response) => response.setHeader('connection', 'close').end('ok'));
    const outbound = createOutbound();
    for (let request = 0; request < 3; request += 1) await outbound(server.url, KEPT);
    expect(server.connections.opened).toBe(3);
  });

  it('is not kept after an answer that cannot be used', async () => {
    const server = await http((_request, response) => response.end('x'.repeat(70_000)));
    const outbound = createOutbound();
    expect(await failure(outbound(server.url, KEPT))).toMatchObject({ code: 'invalid_response', isStale: false });
    await expect.poll(() => server.connections.open.size, { timeout: 500 }).toBe(0);
  });

  it('is not kept after a timeout or a cancellation', async () => {
    const server = await http(() => undefined);
    const outbound = createOutbound({ timeout: 200 });
    expect(await failure(outbound(server.url, KEPT))).toMatchObject({ code: 'timeout', progress: 'unknown' });
    const signal = AbortSignal.timeout(50);
    expect(await failure(outbound(server.url, { ...KEPT, signal }))).toMatchObject({ code: 'cancelled' });
    await expect.poll(() => server.connections.open.size, { timeout: 500 }).toBe(0);
  });

  it('is stale if it ends without an answer', async () => {
    const server = await http(closingLate(() => 'ok'));
    const outbound = createOutbound();
    await outbound(server.url, KEPT);
    const expected = { code: 'unreachable', progress: 'unknown' };
    expect(await failure(outbound(server.url, KEPT))).toMatchObject({ ...expected, isStale: true });
  });

  it('is not stale if it was a new one, or ended within an answer', async () => {
    let requests = 0;
    const server = await http((request, response) => {
      requests += 1;
      if (requests === 1) request.socket.destroy();
      else if (requests === 2) response.end('ok');
      else response.writeHead(200, { 'content-length': 9 }).write('half', () => request.socket.destroy());
    });
    const outbound = createOutbound();
    expect(await failure(outbound(server.url, KEPT))).toMatchObject({ code: 'unreachable', isStale: false });
    await outbound(server.url, KEPT);
    expect(await failure(outbound(server.url, KEPT))).toMatchObject({ code: 'unreachable', isStale: false });
  });

  it('is not used once other CAs are trusted', async () => {
    const [first, second] = [createCertificateAuthority(), createCertificateAuthority()];
    stops.push(async () => [first, second].forEach((one) => one.remove()));
    const server = await http(answering, first.issue());
    let trusted = first.ca;
    const outbound = createOutbound({ ca: () => trusted });
    await outbound(server.url, KEPT);
    await outbound(server.url, KEPT);
    expect(server.connections.opened).toBe(1);
    trusted = second.ca;
    expect(await failure(outbound(server.url, KEPT))).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
  });

  it('is for one address of a server', async () => {
    const [one, other] = [await http(answering), await http((_request, response) => response.end('other'))];
    const outbound = createOutbound();
    expect(await (await outbound(one.url, KEPT)).text()).toBe('ok');
    expect(await (await outbound(other.url, KEPT)).text()).toBe('other');
  });
});

describe('before a request is sent', () => {
  it('its connection is open, and nothing was received', async () => {
    let received = 0;
    const server = await http((request, response) => {
      received += 1;
      answering(request, response);
    });
    const seen: unknown[] = [];
    const beforeSending = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      seen.push([server.connections.open.size, received]);
    };
    await createOutbound()(server.url, { method: 'POST', body: 'a=b', beforeSending });
    expect(seen).toEqual([[1, 0]]);
    expect(received).toBe(1);
  });

  it('an error ends it, and closes its connection', async () => {
    let received = 0;
    const server = await http(() => void (received += 1));
    const error = new Error('The state cannot be written.');
    const beforeSending = (): Promise<never> => Promise.reject(error);
    expect(await failure(createOutbound()(server.url, { method: 'POST', body: 'a=b', beforeSending }))).toBe(error);
    await expect.poll(() => server.connections.open.size, { timeout: 2000 }).toBe(0);
    expect(received).toBe(0);
  });

  it('the end of its connection is no loss: nothing was sent', async () => {
    const server = await http(answering);
    const beforeSending = async (): Promise<void> => {
      for (const socket of server.connections.open) socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    const error = await failure(createOutbound()(server.url, { method: 'POST', body: 'a=b', beforeSending }));
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
  });

  it('is never reached without a connection', async () => {
    const server = await http(answering);
    await server.stop();
    let called = 0;
    const beforeSending = async (): Promise<void> => void (called += 1);
    const error = await failure(createOutbound()(server.url, { method: 'POST', body: 'a=b', beforeSending }));
    expect(error).toMatchObject({ code: 'unreachable', progress: 'not-sent' });
    expect(called).toBe(0);
  });
});

describe('token requests', () => {
  const { signal } = new AbortController();
  const clientSecret = secret('client-secret');
  const values = { client_id: 'billing', client_secret: clientSecret };
  const endpointAt = ({ url }: LoopbackServer) =>
    createOAuthTokenEndpoint(
      { corporate: { tokenEndpoint: `${url}/token`, clientAuthentication: 'client_secret_basic' } },
      { clock: createFakeClock() },
    );
  const token = (): string =>
    JSON.stringify({ access_token: secret('access'), expires_in: 60, refresh_token: secret('r') });

  it('share connections within a burst', async () => {
    const server = await http((request, response) => void request.resume().on('end', () => response.end(token())));
    const endpoint = endpointAt(server);
    const lane = async (): Promise<void> => {
      for (let request = 0; request < 25; request += 1) await endpoint.request(buildTokenRequest(values), signal);
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    expect(server.connections.opened).toBeLessThanOrEqual(8);
  });

  it('are made again once, on a new connection, if the server had just closed a kept one', async () => {
    const server = await http(closingLate(token));
    const endpoint = endpointAt(server);
    for (let request = 0; request < 3; request += 1) await endpoint.request(buildTokenRequest(values), signal);
    expect(server.connections.opened).toBe(3);
  });

  it('that spend a refresh token have a new connection each, and are never made again', async () => {
    const bodies: string[] = [];
    let isClosing = false;
    const server = await http((request, response) => {
      void text(request).then((body) => {
        bodies.push(body);
        return isClosing ? request.socket.destroy() : response.end(token());
      });
    });
    const endpoint = endpointAt(server);
    await endpoint.request(buildTokenRequest(values), signal);
    const rotating = buildTokenRequest(values, { grant: 'refresh_token', refreshToken: new Redacted(secret('first')) });
    await endpoint.request(rotating, signal);
    await endpoint.request(rotating, signal);
    expect(server.connections.opened).toBe(3);
    isClosing = true;
    expect(await failure(endpoint.request(rotating, signal))).toMatchObject({
      code: 'unreachable',
      progress: 'unknown',
    });
    expect(bodies).toHaveLength(4);
  });
});
