import { once } from 'node:events';
import { get, type IncomingMessage, request } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/core/token.ts';
import { until } from '../../support/until.ts';
import { grpcMessage, http2Call, http2Session, upgrade } from './calls.ts';
import type { SidecarPlace } from './place.ts';
import { sidecarPlaces } from './places.ts';

const SOON = 10_000;
const BODY = 'y'.repeat(60_000);
const GRPC = { ':path': '/service/orders.Orders/Add', 'content-type': 'application/grpc', te: 'trailers' };

/** Answers each message with itself, and then with the trailers of a success. */
function answerGrpc(place: SidecarPlace): void {
  place.service.work = async (incoming, outgoing) => {
    outgoing.setHeader('content-type', 'application/grpc');
    for await (const part of incoming as AsyncIterable<Buffer>) (outgoing as unknown as Duplex).write(part);
    place.service.executed.push(1);
    (outgoing as Http2ServerResponse).addTrailers({ 'grpc-status': '0' });
    outgoing.end();
  };
}

/** Writes an event, and later another one. */
function answerEvents(place: SidecarPlace, second: Promise<void>): void {
  place.service.work = async (_, outgoing) => {
    outgoing.setHeader('content-type', 'text/event-stream');
    const stream = outgoing as unknown as Duplex;
    stream.write('data: one\n\n');
    await second;
    stream.end('data: two\n\n');
  };
}

async function firstPart(answer: IncomingMessage): Promise<string> {
  const [part] = (await once(answer, 'data')) as [Buffer];
  return part.toString();
}

async function answerTo(url: string): Promise<IncomingMessage> {
  const [answer] = (await once(get(url), 'response')) as [IncomingMessage];
  return answer;
}

/** Sends the beginning of a request, and breaks the connection once the service has it. */
async function abort(place: SidecarPlace): Promise<void> {
  const before = place.service.seen.length;
  const sent = request(`${place.url}/orders`, { method: 'POST', headers: { 'content-length': '60000' } });
  sent.on('error', () => {});
  sent.write('y'.repeat(1000));
  await until('the request', () => place.service.seen.length > before, SOON);
  sent.destroy();
}

describe('the Envoy sidecar', () => {
  const open = sidecarPlaces();

  it('passes method, path, query, headers and body on, and puts the host of the service', async () => {
    const place = await open();
    const headers = { 'x-custom': 'kept', 'content-type': 'text/csv' };
    const path = '/orders/%C3%A4%20b;v=1?q=a%2Fb&q=2';
    const response = await fetch(`${place.url}${path}`, { method: 'PUT', headers, body: BODY });
    expect(await response.text()).toBe('executed PUT with 60000 bytes');
    const [seen] = place.service.seen;
    expect(seen).toMatchObject({ method: 'PUT', path, headers });
    expect(seen?.headers['host']).toBe(new URL(place.service.url).host);
    expect(Object.keys(seen?.headers ?? {}).filter((name) => /^x-(envoy|forwarded|request)/.test(name))).toEqual([]);
    expect(seen?.tokens).toEqual([place.current().sha256]);
  });

  it.each(['/', '/serviceable/orders', '/other', '/service-2/a'])(
    'answers 404 to the path %s, which names no service',
    async (path) => {
      const place = await open();
      const response = await fetch(`${place.sidecar.url}${path}`);
      expect(response.status).toBe(404);
      expect(place.service.seen).toEqual([]);
    },
  );

  it.each(['/service/../other', '/service/%2e%2e/other', '/service/./../other'])(
    'lets no path leave the folder of its service: %s',
    async (path) => {
      const place = await open();
      const { hostname, port } = new URL(place.sidecar.url);
      const [answer] = (await once(get({ hostname, port, path }), 'response')) as [IncomingMessage];
      answer.resume();
      if (answer.statusCode === 200) expect(place.service.seen[0]?.path).not.toMatch(/\.\./);
      else expect(place.service.seen).toEqual([]);
    },
  );

  describe('with HTTP/2', () => {
    it('recovers a call', async () => {
      const place = await open({ http2: true });
      const session = await http2Session(place.url);
      place.revoke();
      const answer = await http2Call(session, { ':path': '/service/orders' }, Buffer.from(BODY));
      expect(answer.headers[':status']).toBe(200);
      expect(answer.body.toString()).toBe('executed POST with 60000 bytes');
      expect(place.service.executed).toHaveLength(1);
      session.destroy();
    });

    it('recovers a unary call of gRPC, with its trailers', async () => {
      const place = await open({ http2: true });
      answerGrpc(place);
      const session = await http2Session(place.url);
      place.revoke();
      const message = grpcMessage('order 1');
      const { headers, trailers, body } = await http2Call(session, GRPC, message);
      expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc' });
      expect(trailers['grpc-status']).toBe('0');
      expect(body).toEqual(message);
      expect(place.service.executed).toHaveLength(1);
      expect(place.service.seen.at(-1)).toMatchObject({ path: '/orders.Orders/Add', headers: { te: 'trailers' } });
      session.destroy();
    });

    it('recovers a call of gRPC that the service itself rejects as UNAUTHENTICATED', async () => {
      const place = await open({ http2: true });
      answerGrpc(place);
      const rejectionHeaders = { 'content-type': 'application/grpc', 'grpc-status': '16' };
      Object.assign(place.service, { status: 200, challenge: '', rejectionHeaders });
      const session = await http2Session(place.url);
      place.revoke();
      const { trailers } = await http2Call(session, GRPC, grpcMessage('order 1'));
      expect(trailers['grpc-status']).toBe('0');
      expect(place.service.executed).toHaveLength(1);
      expect(place.acquirer.reissues).toHaveLength(1);
      session.destroy();
    });

    it('passes messages of a bidirectional stream of gRPC on as they come', async () => {
      const place = await open({ http2: true });
      answerGrpc(place);
      const session = await http2Session(place.url);
      const stream = session.request({ ':method': 'POST', ...GRPC });
      for (const content of ['one', 'two', 'three']) {
        stream.write(grpcMessage(content));
        const [part] = (await once(stream, 'data')) as [Buffer];
        expect(part).toEqual(grpcMessage(content));
      }
      stream.end();
      const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>];
      expect(trailers['grpc-status']).toBe('0');
      session.destroy();
    });
  });

  describe('with server-sent events', () => {
    it('passes each event on when it comes, also after a revocation', async () => {
      const place = await open();
      const gate = Promise.withResolvers<void>();
      answerEvents(place, gate.promise);
      place.revoke();
      const answer = await answerTo(`${place.url}/events`);
      expect([answer.statusCode, await firstPart(answer)]).toEqual([200, 'data: one\n\n']);
      gate.resolve();
      expect(await firstPart(answer)).toBe('data: two\n\n');
    });

    it('ends no stream that is silent for 17 s', { timeout: 60_000 }, async () => {
      const place = await open();
      answerEvents(place, pause(17_000));
      const answer = await answerTo(`${place.url}/events`);
      expect(await firstPart(answer)).toBe('data: one\n\n');
      expect(await firstPart(answer)).toBe('data: two\n\n');
    });
  });

  describe('with WebSocket', () => {
    async function echoPlace(): Promise<SidecarPlace> {
      const place = await open();
      place.service.onUpgrade(({ socket, tokens }) => {
        if (!tokens.every((token) => place.service.accepted.has(token)) || tokens.length !== 1) {
          socket.end(
            'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error="invalid_token"\r\nContent-Length: 0\r\n\r\n',
          );
          return;
        }
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
        socket.pipe(socket);
      });
      return place;
    }

    it('passes both directions on', async () => {
      const place = await echoPlace();
      const upgraded = await upgrade(`${place.url}/socket`);
      if (!('socket' in upgraded)) throw new Error(`It was answered ${upgraded.answer.statusCode}.`);
      for (const content of ['one', 'two']) {
        upgraded.socket.write(content);
        const [part] = (await once(upgraded.socket, 'data')) as [Buffer];
        expect(part.toString()).toBe(content);
      }
      upgraded.socket.destroy();
    });

    it('opens the connection after a revocation at the latest in a second call', async () => {
      const place = await echoPlace();
      place.revoke();
      const tried = await upgrade(`${place.url}/socket`);
      if ('answer' in tried) expect(tried.answer.statusCode).toBe(401);
      await until('the reissue', () => place.acquirer.reissues.length === 1, SOON);
      const upgraded = 'socket' in tried ? tried : await upgrade(`${place.url}/socket`);
      expect('socket' in upgraded).toBe(true);
      if ('socket' in upgraded) upgraded.socket.destroy();
    });
  });

  describe('when the caller goes away', () => {
    it('ends the call to the service, executes nothing and serves the next call', async () => {
      const place = await open();
      for (let round = 0; round < 20; round += 1) await abort(place);
      expect(place.service.executed).toEqual([]);
      await until('the end of the calls', () => place.service.connections() <= 1, SOON);
      const response = await fetch(`${place.url}/orders`, { method: 'POST', body: BODY });
      expect(response.status).toBe(200);
      expect(place.service.executed).toEqual([60_000]);
    });

    it('makes no further attempts', async () => {
      const place = await open({ reissue: false });
      place.revoke();
      await abort(place);
      await pause(500);
      const attempts = place.service.rejections();
      await pause(1000);
      expect(place.service.rejections()).toBe(attempts);
      place.mount(place.renew());
      await pause(500);
      expect(place.service.executed).toEqual([]);
    });
  });

  it('sends the token that its file has, whatever characters it has', async () => {
    const place = await open();
    const { sha256: expected } = place.current();
    await fetch(`${place.url}/orders`);
    const sent = place.service.seen[0]?.headers['authorization']?.replace('Bearer ', '') ?? '';
    expect(sha256(sent)).toBe(expected);
  });
});
