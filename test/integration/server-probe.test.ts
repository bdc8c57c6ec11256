import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutbound, type OutboundOptions } from '../../src/adapters/http/outbound.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { probeServer } from '../../src/adapters/oauth/server-probe.ts';
import { issueCertificate, makeAuthority } from '../../src/adapters/tls/authority.ts';
import type { Reach } from '../../src/core/doctor/observed.ts';
import type { OAuthServerSettings } from '../../src/ports/protocols.ts';
import { createCertificateAuthority, type ServerCertificate } from '../support/certificates.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { registerKeys } from '../support/self-managed.ts';

const DAY = 86_400_000;
const NOW = Math.floor(Date.now() / 1000) * 1000;

type Answer = (request: IncomingMessage, response: ServerResponse, url: string) => void;

let server: LoopbackServer | undefined;
let requests: string[];
beforeEach(() => {
  requests = [];
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function serve(answer: Answer, certificate?: ServerCertificate): Promise<string> {
  const started = await startHttpServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'without credential'}`);
    answer(request, response, started.url);
  }, certificate);
  server = started;
  return started.url;
}

const publishing: Answer = (request, response, url) => {
  const isMetadata = request.url === '/.well-known/openid-configuration';
  response.end(isMetadata ? JSON.stringify({ issuer: url, token_endpoint: `${url}/token` }) : '{}');
};

function probe(
  url: string,
  settings: Partial<OAuthServerSettings> = { issuer: url },
  options: OutboundOptions = {},
): Promise<Reach> {
  const clock = createSystemClock();
  const signal = AbortSignal.timeout(20_000);
  const outbound = createOutbound({ timeout: 2000, ...options });
  const own = { protocol: 'oauth', clientAuthentication: 'client_secret_post', ...settings };
  return probeServer({ name: 'corporate', url, settings: own }, { outbound, clock, signal });
}

describe('the probe of an authorization server', () => {
  it('reads its metadata, calls its token endpoint, and sends no credential', async () => {
    const url = await serve(publishing);
    expect(await probe(url)).toEqual({ kind: 'answered', skew: 0, redirect: undefined });
    expect(new Set(requests)).toEqual(
      new Set(['GET /.well-known/openid-configuration without credential', 'GET /token without credential']),
    );
  });

  it('calls only the token endpoint where that is named', async () => {
    const url = await serve((_request, response) => response.writeHead(405).end());
    expect(await probe(`${url}/token`, { tokenEndpoint: `${url}/token` })).toMatchObject({ kind: 'answered' });
    expect(requests).toEqual(['GET /token without credential']);
  });

  it('takes any answer of a server of another protocol', async () => {
    const url = await serve((_request, response) => response.writeHead(404).end());
    const settings = { protocol: 'http_login', issuer: 'not of this protocol' } as Partial<OAuthServerSettings>;
    expect(await probe(url, settings)).toMatchObject({ kind: 'answered' });
  });

  it.each([
    ['ahead', -300_000, 295_000],
    ['behind', 300_000, -305_000],
  ])('measures how far the clock here is %s', async (_what, shift, least) => {
    const url = await serve((request, response, own) => {
      response.setHeader('date', new Date(Date.now() + shift).toUTCString());
      publishing(request, response, own);
    });
    const reach = await probe(url);
    expect(reach.kind === 'answered' && reach.skew).toBeGreaterThan(least);
    expect(reach.kind === 'answered' && Math.abs(reach.skew)).toBeGreaterThan(290_000);
  });

  it('measures nothing where the answer has no date', async () => {
    const url = await serve((request, response, own) => {
      response.sendDate = false;
      publishing(request, response, own);
    });
    expect(await probe(url)).toMatchObject({ kind: 'answered', skew: 0 });
  });

  it('measures nothing by an answer that a cache had kept', async () => {
    const url = await serve((request, response, own) => {
      response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString()).setHeader('age', '3600');
      publishing(request, response, own);
    });
    expect(await probe(url)).toMatchObject({ kind: 'answered', skew: 0 });
  });

  it.each([301, 302, 307, 308])(
    'sees that its metadata is elsewhere (%i), without what a query holds',
    async (status) => {
      const location = 'https://new.example.com/realm?session=1';
      const url = await serve((_request, response) => response.writeHead(status, { location }).end());
      expect(await probe(url)).toMatchObject({ kind: 'answered', redirect: 'https://new.example.com/realm' });
    },
  );

  it.each<[number, string | undefined]>([
    [301, 'https://new.example.com/token'],
    [302, undefined],
  ])('takes %i of a token endpoint for a move only if it is one', async (status, redirect) => {
    const location = 'https://new.example.com/token';
    const url = await serve((_request, response) => response.writeHead(status, { location }).end());
    expect(await probe(url, { tokenEndpoint: url })).toMatchObject({ kind: 'answered', redirect });
  });

  it('sees that a redirect leads nowhere', async () => {
    const url = await serve((_request, response) => response.writeHead(301).end());
    expect(await probe(url)).toMatchObject({ redirect: `${url}/.well-known/openid-configuration` });
  });
});

describe('the probe fails, with a sentence, because of', () => {
  const failed = (failure: string, message: RegExp) => ({
    kind: 'failed',
    failure,
    message: expect.stringMatching(message) as unknown,
  });

  it.each(['ENOTFOUND', 'EAI_AGAIN'])('a name that does not resolve (%s)', async (code) => {
    const resolve = () => Promise.reject(Object.assign(new Error('no'), { code }));
    const url = 'https://login.example.com';
    expect(await probe(url, { issuer: url }, { resolve })).toEqual(failed('name', new RegExp(code)));
  });

  it('a port where nobody listens', async () => {
    const url = await serve(publishing);
    await server?.stop();
    expect(await probe(url)).toEqual(failed('connection', /ECONNREFUSED/));
  });

  it('a server that does not answer', async () => {
    const url = await serve(() => {});
    expect(await probe(url, { issuer: url }, { timeout: 100 })).toEqual(failed('connection', /no complete answer/));
  });

  it('a certificate of an unknown CA', async () => {
    const authority = createCertificateAuthority();
    const url = await serve(publishing, authority.issue());
    expect(await probe(url)).toEqual(failed('certificate', /test CA.*not trusted/));
    expect(await probe(url, { issuer: url }, { ca: () => authority.ca })).toMatchObject({ kind: 'answered' });
    authority.remove();
  });

  it('a certificate that has expired', async () => {
    const times = { notBefore: NOW - 30 * DAY, notAfter: NOW - DAY };
    const authority = await makeAuthority(['localhost'], { notBefore: NOW - 30 * DAY, notAfter: NOW + DAY });
    const keys = await issueCertificate(authority, ['localhost'], times);
    for (const key of [authority.privateKey.reveal(), keys.key]) registerKeys(key);
    const url = await serve(publishing, keys);
    const named = url.replace('127.0.0.1', 'localhost');
    const reach = await probe(named, { issuer: named }, { ca: () => authority.certificate });
    expect(reach).toEqual(failed('certificate', /expired at/));
  });

  it('http outside of loopback', async () => {
    const url = 'http://login.example.com';
    expect(await probe(url)).toEqual(failed('address', /plain http is for loopback only/));
  });

  it('the metadata of another issuer', async () => {
    const url = await serve((_request, response) => {
      response.end(
        JSON.stringify({ issuer: 'https://other.example.com', token_endpoint: 'https://other.example.com/t' }),
      );
    });
    expect(await probe(url)).toEqual(failed('answer', /another issuer/));
  });

  it('no metadata at all', async () => {
    const url = await serve((_request, response) => response.writeHead(404).end());
    expect(await probe(url)).toEqual(failed('answer', /no usable metadata/));
  });
});
