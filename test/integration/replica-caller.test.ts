import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createReplicaCaller } from '../../src/adapters/http/replica-caller.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ReplicaAnswer, ReplicaCall, ReplicaCaller, ReplicaTrust } from '../../src/ports/replica-caller.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../support/certificates.ts';
import { type LoopbackServer, startHttpServer, startTcpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';

const SERVICE = 'token-acquirer.token-acquirer.svc';
/** An address of no machine: `openSocket` leads to the server of the test. */
const ADDRESS = '10.255.255.254:8443';
const PATH = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue';

let authority: CertificateAuthority;
let certificate: ServerCertificate;
let trust: ReplicaTrust | undefined;
/** Long, because the machine may be busy. */
let aliveWithin: number;
let bearer: string;
const stops: (() => unknown)[] = [];

beforeAll(() => {
  authority = createCertificateAuthority();
  certificate = authority.issue(`DNS:${SERVICE}`);
});
afterAll(() => authority.remove());
beforeEach(() => {
  trust = { ca: authority.ca, serverName: SERVICE, plain: false };
  aliveWithin = 30_000;
  bearer = secret('caller-of-replica');
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface World {
  readonly server: LoopbackServer;
  readonly caller: ReplicaCaller;
  readonly addresses: string[];
  call(call?: Partial<ReplicaCall>, address?: string): Promise<ReplicaAnswer>;
}

async function world(handler: RequestListener, issued: ServerCertificate = certificate): Promise<World> {
  return calling(await startHttpServer(handler, issued));
}

function calling(server: LoopbackServer): World {
  const addresses: string[] = [];
  const caller = createReplicaCaller({
    trust: () => trust,
    port: 8443,
    aliveWithin,
    openSocket: (address, port) => {
      addresses.push(`${address}:${port}`);
      return connect({ host: '127.0.0.1', port: server.port });
    },
  });
  stops.push(
    () => caller.close(),
    () => server.stop(),
  );
  const call: World['call'] = (given = {}, address = ADDRESS) =>
    caller.call(
      { kind: 'address', address },
      {
        method: 'POST',
        path: PATH,
        bearer: new Redacted(bearer),
        headers: { 'token-acquirer-forwarded-to': 'leader' },
        body: '{"rejected_sha256":"00000000"}',
        bodyLimit: 1000,
        timeout: 2000,
        ...given,
      },
    );
  return { server, caller, addresses, call };
}

function answer(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

function textOf(result: ReplicaAnswer): string {
  return result.kind === 'answered' ? `${result.status} ${result.body.toString()}` : result.why;
}

describe('a call of another replica', () => {
  it('carries the bearer and the body of the caller unchanged', async () => {
    const seen: string[] = [];
    const { call } = await world((request: IncomingMessage, response) => {
      void text(request).then((body) => {
        const { authorization, expect: expected, host } = request.headers;
        const to = request.headers['token-acquirer-forwarded-to'];
        seen.push(`${request.method} ${request.url} ${host} ${expected} ${String(to)} ${body}`);
        answer(response, 200, String(authorization === `Bearer ${bearer}`));
      });
    });
    expect(textOf(await call())).toBe('200 true');
    expect(seen).toEqual([`POST ${PATH} ${SERVICE} 100-continue leader {"rejected_sha256":"00000000"}`]);
  });

  it('gives the answer back unchanged', async () => {
    const { call } = await world((request, response) => {
      request.resume();
      answer(response, 429, '{"code":"paused"}', { 'content-type': 'application/problem+json', 'retry-after': '7' });
    });
    const result = await call();
    expect(textOf(result)).toBe('429 {"code":"paused"}');
    const headers = { 'content-type': 'application/problem+json', 'retry-after': '7' };
    expect(result).toMatchObject({ headers });
  });

  it('needs no body', async () => {
    const { call } = await world((request, response) => answer(response, 200, String(request.method)));
    expect(textOf(await call({ method: 'GET', body: undefined }))).toBe('200 GET');
  });

  it('keeps its connection for the next one', async () => {
    const { call, server } = await world((request, response) => {
      request.on('end', () => answer(response, 200, 'ok')).resume();
    });
    for (let count = 0; count < 5; count += 1) expect(textOf(await call())).toBe('200 ok');
    expect(server.connections.opened).toBe(1);
  });

  it('opens another connection if the kept one was closed', async () => {
    const { call, server } = await world((request, response) => {
      request.on('end', () => answer(response, 200, 'ok')).resume();
    });
    expect(textOf(await call())).toBe('200 ok');
    for (const socket of server.connections.open) socket.resetAndDestroy();
    expect(textOf(await call())).toBe('200 ok');
    expect(server.connections.opened).toBe(2);
  });

  it('opens no more connections than the limit, and answers each call', async () => {
    const { call, server } = await world((request, response) => {
      request.on('end', () => setTimeout(() => answer(response, 200, 'ok'), 5)).resume();
    });
    const results = await Promise.all(Array.from({ length: 300 }, () => call()));
    expect(new Set(results.map(textOf))).toEqual(new Set(['200 ok']));
    expect(server.connections.opened).toBeLessThanOrEqual(16);
  });

  it('follows no redirect', async () => {
    const { call, server } = await world((request, response) => {
      request.on('end', () => answer(response, 307, '', { location: `https://${ADDRESS}/elsewhere` })).resume();
    });
    expect(textOf(await call())).toBe('307 ');
    expect(server.connections.opened).toBe(1);
  });
});

describe('a replica that does not answer', () => {
  it('is silent if nothing listens', async () => {
    const { call, server } = await world((_request, response) => answer(response, 200, 'ok'));
    await server.stop();
    expect(textOf(await call())).toBe('the connection failed (ECONNREFUSED)');
  });

  it('is silent within a second if it accepts connections and does nothing', async () => {
    aliveWithin = 500;
    const { call } = calling(await startTcpServer(() => {}));
    const began = performance.now();
    expect(textOf(await call())).toBe('the connection failed (ETIMEDOUT)');
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('is silent within a second if it hangs once it is connected', async () => {
    aliveWithin = 500;
    const { call, server } = calling(await startTcpServer(() => {}));
    trust = { ca: undefined, serverName: 'localhost', plain: true };
    const began = performance.now();
    expect(textOf(await call({}, `127.0.0.1:${server.port}`))).toBe('it did not show in time that it is alive');
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('may take long once it has shown that it is alive', async () => {
    const { call } = await world((request, response) => {
      request.on('end', () => setTimeout(() => answer(response, 200, 'late'), 1200)).resume();
    });
    expect(textOf(await call({ timeout: 60_000 }))).toBe('200 late');
  });

  it('is silent if the answer takes too long', async () => {
    const { call } = await world((request) => void request.resume());
    expect(textOf(await call({ timeout: 50 }))).toBe('its answer took too long');
  });

  it('is silent if the answer is too long', async () => {
    const { call } = await world((request, response) => {
      request.on('end', () => answer(response, 200, 'x'.repeat(1001))).resume();
    });
    expect(textOf(await call())).toBe('its answer is too long');
  });

  it('is silent if the connection breaks within the answer', async () => {
    const { call } = await world((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345', () => request.socket.destroy());
    });
    expect(textOf(await call())).toBe('the connection failed (ECONNRESET)');
  });

  it('is silent once the call is given up', async () => {
    const { call } = await world((request) => void request.resume());
    const end = new AbortController();
    const result = call({ signal: end.signal });
    setTimeout(() => end.abort(), 50);
    expect((await result).kind).toBe('silent');
    expect(textOf(await call({ signal: end.signal }))).toBe('the call was given up');
  });
});

describe('the trust in another replica', () => {
  it('ends if its certificate is for another name', async () => {
    let requests = 0;
    const { call } = await world((_request, response) => {
      requests += 1;
      answer(response, 200, 'ok');
    }, authority.issue('DNS:other.token-acquirer.svc,IP:10.255.255.254'));
    expect(textOf(await call())).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(requests).toBe(0);
  });

  it('ends if its certificate is from another CA', async () => {
    const other = createCertificateAuthority();
    stops.push(() => other.remove());
    const { call } = await world((_request, response) => answer(response, 200, 'ok'), other.issue(`DNS:${SERVICE}`));
    expect(textOf(await call())).toContain('the connection failed');
  });

  it('is missing before the CA is known', async () => {
    const { call, server } = await world((_request, response) => answer(response, 200, 'ok'));
    trust = undefined;
    expect(textOf(await call())).toBe('the CA of the reissue endpoint is not known yet');
    expect(server.connections.opened).toBe(0);
  });

  it('follows a new CA without a restart', async () => {
    const { call } = await world((request, response) => {
      request.on('end', () => answer(response, 200, 'ok')).resume();
    });
    expect(textOf(await call())).toBe('200 ok');
    const other = createCertificateAuthority();
    stops.push(() => other.remove());
    trust = { ca: other.ca, serverName: SERVICE, plain: false };
    expect(textOf(await call())).toContain('the connection failed');
  });
});

describe('the address in a Lease', () => {
  it.each([
    '127.0.0.1:8443',
    '[::1]:8443',
    '[::ffff:127.0.0.1]:8443',
    '169.254.169.254:80',
    '[fe80::1]:8443',
    '[fd00:ec2::254]:80',
    '168.63.129.16:80',
    '0.0.0.0:8443',
    '[::]:8443',
    '224.0.0.1:8443',
    '255.255.255.255:8443',
    '[ff02::1]:8443',
    'token-acquirer:8443',
    '10.0.0.7',
    '10.0.0.7:0',
    '10.0.0.7:65536',
    '10.0.0.7:8443/path',
    'https://10.0.0.7:8443',
    'user@10.0.0.7:8443',
    '010.0.0.7:8443',
    '0x0a000007:8443',
    '[fe80::1%eth0]:8443',
    '',
  ])('is never called if it is %j', async (address) => {
    const { call, addresses } = await world((_request, response) => answer(response, 200, 'ok'));
    expect(textOf(await call({}, address))).toBe('the Lease names an address that no replica can have');
    expect(addresses).toEqual([]);
  });

  it.each(['10.0.0.7:8443', '192.168.3.4:8443', '100.64.0.9:8443', '[fd00::7]:8443', '[2001:db8::7]:443'])(
    'is called if it is %s',
    async (address) => {
      const { call, addresses } = await world((request, response) => {
        request.on('end', () => answer(response, 200, 'ok')).resume();
      });
      expect(textOf(await call({}, address))).toBe('200 ok');
      expect(addresses).toEqual([address.replaceAll(/[[\]]/g, '')]);
    },
  );

  it('may be loopback only for a process that serves loopback itself', async () => {
    const server = await startHttpServer((request, response) => {
      request.on('end', () => answer(response, 200, 'plain')).resume();
    });
    const { call } = calling(server);
    trust = { ca: undefined, serverName: 'localhost', plain: true };
    expect(textOf(await call({}, `127.0.0.1:${server.port}`))).toBe('200 plain');
    expect(textOf(await call())).toBe('the Lease names an address that no replica can have');
  });
});
