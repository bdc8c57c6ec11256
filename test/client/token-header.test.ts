import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { authorizedFetch } from '../../src/client/authorized-fetch.ts';
import { LatestToken } from '../../src/client/latest-token.ts';
import type { ClientToken } from '../../src/client/token-source.ts';
import type { TokenHeader } from '../../src/core/token-header.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeTokenSource } from '../fakes/fake-token-source.ts';
import { startHttpServer } from '../support/loopback-server.ts';
import { NOON } from '../support/token-source.ts';
import { buildToken } from '../support/tokens.ts';

const KEYSTONE: TokenHeader = { name: 'X-Auth-Token', prefix: '' };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A source whose tokens are all sent in this header. */
function sourceOf(count: number, header: TokenHeader): FakeTokenSource {
  const source = new FakeTokenSource(count);
  for (const token of source.tokens) Object.assign(token, { header });
  return source;
}

const valueOf = (token: ClientToken | undefined, prefix = ''): string => `${prefix}${token?.accessToken.reveal()}`;

/** A service that answers 401 unless the header has the value. It notes the headers of each request. */
async function service(name: string, value: string, location?: string) {
  const seen: IncomingHttpHeaders[] = [];
  const server = await startHttpServer((request, response) => {
    seen.push(request.headers);
    const isAccepted = request.headers[name] === value;
    if (location !== undefined && isAccepted) response.writeHead(302, { location }).end();
    else response.writeHead(isAccepted ? 200 : 401).end();
  });
  stops.push(() => server.stop());
  return { url: server.url, seen };
}

describe('a token that is sent in another header', () => {
  it.each<[sentence: string, header: TokenHeader]>([
    ['as it is', KEYSTONE],
    ['after a prefix', { name: 'X-API-Key', prefix: 'Token ' }],
    ['in Authorization, without a scheme', { name: 'Authorization', prefix: '' }],
  ])('%s is accepted', async (_, header) => {
    const source = sourceOf(1, header);
    const { url } = await service(header.name.toLowerCase(), valueOf(source.tokens[0], header.prefix));
    const call = authorizedFetch(source, { origins: [url] });
    expect((await call(url)).status).toBe(200);
  });

  it("takes the place of the caller's own header of that name, and leaves the caller's Authorization", async () => {
    const source = sourceOf(1, KEYSTONE);
    const { url, seen } = await service('x-auth-token', valueOf(source.tokens[0]));
    const call = authorizedFetch(source, { origins: [url] });
    await call(url, { headers: { 'x-auth-token': 'evil', authorization: 'Basic a' } });
    expect(seen[0]?.authorization).toBe('Basic a');
    expect(seen[0]?.['x-auth-token'] === valueOf(source.tokens[0])).toBe(true);
  });

  it('is replaced after a 401, and the request is sent once more', async () => {
    const source = sourceOf(2, KEYSTONE);
    const { url, seen } = await service('x-auth-token', valueOf(source.tokens[1]));
    const response = await authorizedFetch(source, { origins: [url] })(url, { method: 'POST', body: 'text' });
    expect([response.status, seen.length]).toEqual([200, 2]);
    expect(source.replaced).toEqual([source.hash(0)]);
  });

  it.each([
    ["Node's fetch", undefined],
    ['the fetch of a library', (...given: Parameters<typeof fetch>) => fetch(...given)],
  ])('does not go to another origin, to which a redirect leads, with %s', async (_, library) => {
    const source = sourceOf(1, KEYSTONE);
    const elsewhere = await service('x-auth-token', 'none');
    const { url } = await service('x-auth-token', valueOf(source.tokens[0]), elsewhere.url);
    const response = await authorizedFetch(source, { origins: [url], fetch: library })(url);
    expect([response.status, response.redirected]).toEqual([401, true]);
    expect(elsewhere.seen).toHaveLength(1);
    expect(elsewhere.seen[0]).not.toHaveProperty('x-auth-token');
    expect(source.replaced).toEqual([]);
  });

  it('is not quoted where it cannot be sent', async () => {
    const source = sourceOf(1, KEYSTONE);
    Object.assign(source.tokens[0] ?? {}, { accessToken: { reveal: () => 'a\r\nb' } });
    const call = authorizedFetch(source, { origins: ['https://api.example.com'] });
    await expect(call('https://api.example.com')).rejects.toThrow(
      'The token source gave a token that contains a line break or another control character.',
    );
  });
});

describe('a token in memory whose header changes in the volume', () => {
  it('is sent in the new header from then on, and keeps the expiry that was confirmed', async () => {
    const clock = createFakeClock({ now: NOON });
    const held = new LatestToken('dynamics', clock);
    const token = buildToken({ issuedAt: NOON, expiresAt: NOON + 60_000, generation: 7 });
    held.offer(token);
    held.confirm(7, { wall: NOON + 120_000, monotonic: clock.monotonic() + 120_000 });
    held.offer({ ...token, header: KEYSTONE });
    await clock.advance(90_000);
    expect(held.live()?.header).toEqual(KEYSTONE);
    held.offer(token);
    expect(held.live()?.header).toBeUndefined();
  });

  it('stays as it is where an older token names another header', () => {
    const held = new LatestToken('dynamics', createFakeClock({ now: NOON }));
    held.offer(buildToken({ issuedAt: NOON, generation: 7 }));
    held.offer({ ...buildToken({ issuedAt: NOON - 1, generation: 6 }), header: KEYSTONE });
    expect(held.live()?.header).toBeUndefined();
  });
});
