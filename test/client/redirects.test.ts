import { describe, expect, it } from 'vitest';
import { sendOn } from '../../src/client/redirects.ts';
import { failure } from '../support/failure.ts';

const HERE = 'https://api.example.com/here';

interface Hop {
  readonly status: number;
  readonly location?: string;
}

interface Request {
  readonly method?: string;
  readonly body?: string;
  readonly redirect?: 'follow' | 'manual' | 'error';
  readonly repeatable?: boolean;
  readonly tokenHeader?: string;
}

/** Sends through a `fetch` that answers one hop after the other, then 200. */
async function send(
  { method = 'GET', body, redirect, repeatable = true, tokenHeader = 'Authorization' }: Request,
  hops: readonly Hop[],
) {
  const waiting = [...hops];
  const sent: { url: string; init: RequestInit; headers: Record<string, string> }[] = [];
  const headers = new Headers({ authorization: 'Bearer a', cookie: 'b', 'content-type': 'text/plain', 'x-trace': '7' });
  const fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    sent.push({ url: String(input), init, headers: Object.fromEntries(init.headers as Headers) });
    const { status, location } = waiting.shift() ?? { status: 200 };
    return new Response(null, { status, headers: location === undefined ? {} : { location } });
  };
  const init = { method, headers, ...(body !== undefined && { body }), ...(redirect !== undefined && { redirect }) };
  const answering = sendOn(fetch, { input: HERE, url: HERE, init, repeatable, tokenHeader });
  return { sent, answering };
}

describe('a redirect with the fetch of a library', () => {
  it.each<[number, string, string]>([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [301, 'PUT', 'PUT'],
    [302, 'DELETE', 'DELETE'],
    [303, 'HEAD', 'HEAD'],
  ])('follows %d of %s with %s', async (status, method, next) => {
    const body = method === 'HEAD' ? {} : { body: 'text' };
    const { sent, answering } = await send({ method, ...body }, [{ status, location: '/there?a=1' }]);
    const response = await answering;
    expect([response.status, response.redirected, response.url]).toEqual([
      200,
      true,
      'https://api.example.com/there?a=1',
    ]);
    const [, second] = sent;
    const keeps = next === method;
    expect([second?.init.method, second?.init.body]).toEqual([next, keeps && method !== 'HEAD' ? 'text' : undefined]);
    expect(second?.headers).toEqual({
      authorization: 'Bearer a',
      cookie: 'b',
      'x-trace': '7',
      ...(keeps && { 'content-type': 'text/plain' }),
    });
  });

  it.each(['https://api.example.com:8443/', 'http://api.example.com/', 'https://sub.api.example.com/'])(
    'carries no token to %s, and none on the way back',
    async (location) => {
      const { sent, answering } = await send({}, [{ status: 302, location }]);
      expect((await answering).redirected).toBe(true);
      expect(sent.map(({ init }) => init.redirect)).toEqual(['manual', 'follow']);
      expect(sent[1]?.headers).toEqual({ 'content-type': 'text/plain', 'x-trace': '7' });
    },
  );

  it('carries no token to another origin where another header has it', async () => {
    const tokenHeader = 'X-Trace';
    const { sent, answering } = await send({ tokenHeader }, [{ status: 302, location: 'https://other.example.com/' }]);
    await answering;
    expect(sent.map(({ headers }) => headers['x-trace'])).toEqual(['7', undefined]);
  });

  it('carries the token in its header to the same origin', async () => {
    const hops = [
      { status: 302, location: '/there' },
      { status: 302, location: '/third' },
    ];
    const { sent, answering } = await send({ tokenHeader: 'X-Trace' }, hops);
    await answering;
    expect(sent.map(({ headers }) => headers['x-trace'])).toEqual(['7', '7', '7']);
  });

  it.each(['manual', 'error'] as const)('is left to the caller with %s', async (redirect) => {
    const { sent, answering } = await send({ redirect }, [{ status: 302, location: '/there' }]);
    expect((await answering).status).toBe(302);
    expect(sent.map(({ init }) => init.redirect)).toEqual([redirect]);
  });

  it.each<[string, Hop]>([
    ['an answer without a location', { status: 302 }],
    ['an answer 300', { status: 300, location: '/there' }],
    ['an answer 304', { status: 304, location: '/there' }],
  ])('passes on %s', async (_, hop) => {
    const { sent, answering } = await send({}, [hop]);
    const response = await answering;
    expect([response.status, response.redirected, sent.length]).toEqual([hop.status, false, 1]);
  });

  it.each(['https://', 'javascript:0', 'data:,text', 'file:///etc/passwd'])(
    'fails for the location %j',
    async (location) => {
      const { answering } = await send({}, [{ status: 302, location }]);
      expect(await failure(answering)).toBeInstanceOf(TypeError);
    },
  );

  it('fails if it needs the body again, which cannot be sent twice', async () => {
    const { answering } = await send({ method: 'POST', body: 'text', repeatable: false }, [
      { status: 307, location: '/there' },
    ]);
    expect(await failure(answering)).toBeInstanceOf(TypeError);
    const toGet = await send({ method: 'POST', body: 'text', repeatable: false }, [
      { status: 303, location: '/there' },
    ]);
    expect((await toGet.answering).status).toBe(200);
  });

  it('ends after twenty redirects', async () => {
    const hops = (count: number): Hop[] => Array.from({ length: count }, () => ({ status: 302, location: '/on' }));
    expect((await (await send({}, hops(20))).answering).status).toBe(200);
    expect(await failure((await send({}, hops(21))).answering)).toMatchObject({ message: 'More than 20 redirects.' });
  });
});
