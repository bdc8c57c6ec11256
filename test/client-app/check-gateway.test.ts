import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callOnce } from '../../src/adapters/http/bounded-call.ts';
import { checkThroughGateway, type GatewayCheck } from '../../src/client-app/check/gateway.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type LoopbackServer, startHttpServer, startTcpServer } from '../support/loopback-server.ts';
import { buildToken } from '../support/tokens.ts';

const TOKEN = buildToken();
const { accessToken } = TOKEN;
let gateway: Gateway;
const servers: LoopbackServer[] = [];
beforeEach(async () => {
  gateway = await startGateway();
  gateway.accepted.add(TOKEN.sha256);
});
afterEach(async () => {
  await gateway.stop();
  for (const server of servers.splice(0)) await server.stop();
});

async function urlOf(server: Promise<LoopbackServer>): Promise<URL> {
  servers.push(await server);
  return new URL('/incidents', servers.at(-1)?.url);
}

const common = { name: 'dynamics', ca: undefined, tokenHeader: undefined, makeCall: callOnce };
const check = (url: URL, more: Partial<GatewayCheck> = {}) =>
  checkThroughGateway({ ...common, url, accessToken, ...more });

describe('the check of a call through the gateway', () => {
  it('sends the token once, to the configured URL', async () => {
    const url = new URL('/incidents?open', gateway.url);
    expect(await check(url)).toEqual({
      result: 'passed',
      subject: 'call with dynamics',
      sentence: `${gateway.url} let it through.`,
    });
    expect(gateway.seen).toMatchObject([{ method: 'GET', path: '/incidents?open', tokens: [TOKEN.sha256] }]);
  });

  it('sends the token in the header that its volume names', async () => {
    await check(new URL('/incidents', gateway.url), { tokenHeader: { name: 'X-Auth-Token', prefix: 'Token ' } });
    const [seen] = gateway.seen.slice(-1);
    expect(seen?.tokens).toEqual([]);
    expect(seen?.headers['x-auth-token'] === `Token ${TOKEN.accessToken.reveal()}`).toBe(true);
  });

  it.each([
    ['no URL', undefined, accessToken, 'not tried: no URL behind the gateway is given (SERVICE_URL).'],
    ['no token', new URL('http://127.0.0.1:9'), undefined, 'not tried: there is no token.'],
  ])('is skipped with %s', async (_, url, token, sentence) => {
    expect(await checkThroughGateway({ ...common, url, accessToken: token })).toEqual({
      result: 'not-tried',
      subject: 'call with dynamics',
      sentence,
    });
  });

  it.each<[string, number, Record<string, string>, string]>([
    [
      'rejects the token with a reason',
      401,
      { 'www-authenticate': 'Bearer realm="x", error="invalid_token"' },
      "The gateway rejects the token (401, invalid_token): compare issuer, audience and scope of the token with the gateway's requirements.",
    ],
    ['rejects the token', 401, {}, 'The gateway rejects the token (401): compare'],
    [
      'accepts the token but forbids the call',
      403,
      { 'www-authenticate': 'Bearer error="insufficient_scope"' },
      'The gateway knows the token but forbids the call (403, insufficient_scope): have the scope or role for /incidents granted.',
    ],
    ['answers 404', 404, {}, 'Behind the gateway there is nothing at /incidents (404): correct the URL.'],
    ['limits calls', 429, {}, 'The gateway limits calls (429): run the test again later.'],
    [
      'redirects to a login page',
      302,
      { location: '/login' },
      'The gateway redirects (302), for example to a login page',
    ],
    ['does not allow GET', 405, {}, 'The gateway answered 405: set a URL for which a plain GET succeeds.'],
    ['cannot reach the service', 502, {}, 'The gateway answered 502: it, or the service behind it, failed.'],
    ['is overloaded', 503, {}, 'The gateway answered 503: it, or the service behind it, failed.'],
  ])('fails if the gateway %s', async (_, status, headers, sentence) => {
    const url = await urlOf(startHttpServer((_request, response) => response.writeHead(status, headers).end()));
    const finding = await check(url);
    expect(finding.result).toBe('failed');
    expect(finding.sentence).toContain(sentence);
  });

  it('does not quote a challenge that is not an error code', async () => {
    const headers = { 'www-authenticate': `Bearer error="${accessToken.reveal()} is wrong"` };
    const url = await urlOf(startHttpServer((_, response) => response.writeHead(401, headers).end()));
    const { sentence } = await check(url);
    expect(sentence.includes(accessToken.reveal())).toBe(false);
    expect(sentence).toMatch(/^The gateway rejects the token \(401\)/);
  });

  it.each<[string, () => Promise<URL>, string]>([
    [
      'is down',
      async () => new URL(`http://127.0.0.1:${await freePort()}`),
      'The gateway is down: nothing listens at 127',
    ],
    [
      'has an unknown name',
      async () => new URL('http://gateway.invalid'),
      "The gateway's name gateway.invalid is not known (",
    ],
    [
      'closes the connection',
      () => urlOf(startTcpServer((socket) => socket.resetAndDestroy())),
      'The gateway closed the connection (127',
    ],
  ])('fails if the gateway %s', async (_, url, sentence) => {
    const finding = await check(await url());
    expect([finding.result, finding.sentence]).toEqual(['failed', expect.stringContaining(sentence)]);
  });

  it('distinguishes a self-signed certificate from one of another CA', async () => {
    const [authority, other] = [createCertificateAuthority(), createCertificateAuthority()];
    try {
      const url = await urlOf(startHttpServer((_, response) => response.end(), authority.issue()));
      expect((await check(url, { ca: authority.ca })).result).toBe('passed');
      expect((await check(url)).sentence).toMatch(
        /is not trusted .*: set its CA \(SERVICE_CA_FILE; for helm test: test\.certificateAuthority\)/,
      );
      expect((await check(url, { ca: other.ca })).sentence).toMatch(
        /The given CA does not trust the gateway's certificate/,
      );
    } finally {
      authority.remove();
      other.remove();
    }
  });
});
