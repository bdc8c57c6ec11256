import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ReissueError } from '../../../src/core/errors.ts';
import { until } from '../../support/until.ts';
import type { SidecarPlace } from './place.ts';
import { sidecarPlaces } from './places.ts';

const BODY = 'y'.repeat(60_000);
const LARGE = 'y'.repeat(200_000);
/** Ten times what a recovery is expected to take. */
const SOON = 10_000;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly challenge: string | null;
}

async function post(
  { url }: SidecarPlace,
  body: RequestInit['body'] = BODY,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const streamed = typeof body !== 'string' && { duplex: 'half' };
  const response = await fetch(`${url}/orders`, { method: 'POST', body, headers, ...streamed } as RequestInit);
  const challenge = response.headers.get('www-authenticate');
  return { status: response.status, text: await response.text(), challenge };
}

function streamOf(parts: readonly string[]): ReadableStream {
  return ReadableStream.from(parts.map((part) => Buffer.from(part)));
}

const EXECUTED = { status: 200, text: 'executed POST with 60000 bytes' };

describe('the Envoy sidecar, when a token was revoked', () => {
  const open = sidecarPlaces();

  it('executes each POST of 60 kB once, where the file follows immediately', async () => {
    const place = await open();
    for (let revocation = 1; revocation <= 20; revocation += 1) {
      place.revoke();
      expect(await post(place)).toMatchObject(EXECUTED);
      expect(place.service.executed).toHaveLength(revocation);
      expect(place.acquirer.reissues).toHaveLength(revocation);
    }
  });

  const trace = (digit: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`;
  it.each<[string, string | undefined, string | undefined]>([
    ['passes the trace of a rejected request on', trace('1'), trace('1')],
    ['passes no longer text on as a trace', `${trace('1')}-${'a'.repeat(10_000)}`, undefined],
    ['passes nothing on for a request without a trace', undefined, undefined],
  ])('%s, where the values ask for traces', async (_, traceparent, expected) => {
    const place = await open({ more: { traces: true } });
    expect((await post(place, BODY, { traceparent: trace('2') })).status).toBe(200);
    for (const calls of [1, 2]) {
      place.revoke();
      expect(await post(place, BODY, traceparent === undefined ? {} : { traceparent })).toMatchObject(EXECUTED);
      expect(place.traceparents).toEqual(Array.from({ length: calls }, () => expected));
    }
  });

  it('passes no trace on by default', async () => {
    const place = await open();
    place.revoke();
    expect(await post(place, BODY, { traceparent: trace('1') })).toMatchObject(EXECUTED);
    expect(place.traceparents).toEqual([undefined]);
  });

  it('executes each POST of 60 kB once, where the file follows 300 ms later', async () => {
    const place = await open();
    place.lag = 300;
    for (let revocation = 1; revocation <= 5; revocation += 1) {
      place.revoke();
      expect(await post(place)).toMatchObject(EXECUTED);
      expect(place.service.executed).toHaveLength(revocation);
      // One call reports the rejection. The calls of further attempts would tell nothing new.
      expect(place.acquirer.reissues).toHaveLength(revocation);
      await until('the file', () => place.mounted() === place.current().sha256, SOON);
    }
  });

  it('waits for the file where it has no reissue endpoint', async () => {
    const place = await open({ reissue: false });
    place.revoke();
    const answer = post(place);
    await until('a rejection', () => place.service.rejections() > 0, SOON);
    await pause(300);
    place.mount(place.renew());
    expect(await answer).toMatchObject(EXECUTED);
    expect(place.service.executed).toHaveLength(1);
    expect(place.acquirer.reissues).toEqual([]);
  });

  // From then on it keeps nothing about a request that is accepted.
  it('takes a late rejection for one of the old token, after the token was in use for half a minute', {
    timeout: 120_000,
  }, async () => {
    const place = await open();
    expect(await post(place)).toMatchObject(EXECUTED);
    await pause(31_000);
    expect(await post(place)).toMatchObject(EXECUTED);
    const held = Promise.withResolvers<void>();
    const old = place.current();
    place.service.beforeRejection = () => held.promise;
    place.revoke();
    const late = post(place);
    await until('the first rejection', () => place.service.rejections() === 1, SOON);
    place.service.beforeRejection = () => {};
    expect(await post(place)).toMatchObject(EXECUTED);
    held.resolve();
    expect(await late).toMatchObject(EXECUTED);
    expect(place.acquirer.reissues).toMatchObject([{ rejected: old.sha256 }]);
    // The first two calls, and both of the revocation.
    expect(place.service.executed).toHaveLength(4);
    expect(place.service.rejections()).toBe(2);
  });

  it('makes no reissue call where the file has changed already', async () => {
    const place = await open();
    place.revoke();
    place.service.beforeRejection = () => {
      place.service.beforeRejection = () => {};
      place.mount(place.renew());
    };
    expect(await post(place)).toMatchObject(EXECUTED);
    expect(place.acquirer.reissues).toEqual([]);
  });

  it('has one token issued for fifty calls', async () => {
    const place = await open();
    place.lag = 100;
    const { generation } = place.current();
    place.revoke();
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(place, 'small')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(place.service.executed).toHaveLength(50);
    expect(place.current().generation).toBe(generation + 1);
  });

  it('executes a call once where the service gives no reason for the 401', async () => {
    const place = await open();
    place.service.challenge = '';
    place.revoke();
    expect(await post(place)).toMatchObject(EXECUTED);
    expect(place.service.executed).toHaveLength(1);
  });

  it('replaces the header that the configuration names, and recovers with it', async () => {
    const place = await open({ route: { header: { name: 'X-Auth-Token', prefix: '' } } });
    place.service.header = 'x-auth-token';
    place.revoke();
    const headers = { 'x-auth-token': 'evil' };
    const response = await fetch(`${place.url}/orders`, { method: 'POST', headers, body: BODY });
    expect(await response.text()).toBe(EXECUTED.text);
    expect(place.service.seen.map(({ tokens }) => tokens.length)).toEqual([1, 1]);
    expect(place.service.executed).toHaveLength(1);
  });

  it('reports the rejected token by its hash', async () => {
    const place = await open();
    const { sha256 } = place.current();
    place.revoke();
    await post(place);
    expect(place.acquirer.reissues).toEqual([{ name: 'dynamics', rejected: sha256 }]);
  });

  it('replays a small stream', async () => {
    const place = await open();
    place.revoke();
    expect(await post(place, streamOf(['y'.repeat(1000), 'y'.repeat(59_000)]))).toMatchObject(EXECUTED);
    expect(place.service.executed).toEqual([60_000]);
  });

  it.each([
    ['a body of more than 64 KiB', (): RequestInit['body'] => LARGE],
    ['a long stream', (): RequestInit['body'] => streamOf(Array.from({ length: 20 }, () => 'y'.repeat(10_000)))],
  ])('passes the answer to %s on, and uses the new token for the next call', async (_, body) => {
    const place = await open();
    place.revoke();
    expect(await post(place, body())).toMatchObject({ status: 401, text: 'no such token' });
    expect(place.service.executed).toEqual([]);
    await until('the reissue', () => place.acquirer.reissues.length === 1, SOON);
    expect(await post(place, body())).toMatchObject({ status: 200, text: 'executed POST with 200000 bytes' });
    expect(place.service.executed).toEqual([200_000]);
  });

  it('passes the answer on where the service rejects every token, after a bounded number of attempts', async () => {
    const place = await open();
    place.service.work = place.service.reject;
    const before = performance.now();
    const answer = await post(place);
    expect(answer).toEqual({ status: 401, text: 'no such token', challenge: place.service.challenge });
    expect(performance.now() - before).toBeLessThan(SOON);
    expect(place.service.rejections()).toBeLessThanOrEqual(20);
    place.service.work = place.service.execute;
    expect(await post(place)).toMatchObject(EXECUTED);
  });

  it('retries a bounded share of a flood that the service rejects', async () => {
    const place = await open({ reissue: false });
    place.service.work = place.service.reject;
    const answers = await Promise.all(Array.from({ length: 200 }, () => post(place, 'small')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    // Without a budget there would be 12 attempts more for each call.
    expect(place.service.rejections()).toBeLessThan(200 * 6);
  });

  it.each(['insufficient_scope', 'invalid_request'])('passes %s on, and retries nothing', async (error) => {
    const place = await open();
    place.service.challenge = `Bearer error="${error}"`;
    place.revoke();
    expect(await post(place)).toMatchObject({ status: 401, challenge: place.service.challenge });
    expect(place.service.rejections()).toBe(1);
    expect(place.acquirer.reissues).toEqual([]);
  });

  it('executes a call once where the service itself orders a retry', async () => {
    const place = await open();
    place.service.work = async (request, response) => {
      response.setHeader('x-token-acquirer-retry', 'true');
      await place.service.execute(request, response);
    };
    const response = await fetch(`${place.url}/orders`, { method: 'POST', body: BODY });
    expect(response.status).toBe(200);
    expect([...response.headers.keys()].filter((name) => name.startsWith('x-token-acquirer'))).toEqual([]);
    expect(place.service.executed).toHaveLength(1);
  });

  it.each([400, 403, 500, 503])('passes a rejection with %i on, and retries nothing', async (status) => {
    const place = await open();
    Object.assign(place.service, { status, challenge: '' });
    place.revoke();
    expect(await post(place)).toMatchObject({ status, text: 'no such token' });
    expect(place.service.rejections()).toBe(1);
    expect(place.acquirer.reissues).toEqual([]);
  });

  it('passes the answer on while the reissue endpoint answers 429, and recovers afterwards', async () => {
    const place = await open();
    place.acquirer.failure = new ReissueError('Too many.', { status: 429, retryAfter: 1000 });
    place.revoke();
    expect(await post(place)).toMatchObject({ status: 401 });
    const calls = place.acquirer.reissues.length;
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThanOrEqual(5);
    place.acquirer.failure = undefined;
    await until('a success', async () => (await post(place)).status === 200, SOON);
    expect(place.service.executed).toHaveLength(1);
  });

  it('passes the answer on while the reissue endpoint is down, and uses the file afterwards', async () => {
    const place = await open();
    await place.stopEndpoint();
    place.revoke();
    const before = performance.now();
    expect(await post(place)).toMatchObject({ status: 401, text: 'no such token' });
    expect(performance.now() - before).toBeLessThan(SOON);
    place.mount(place.renew());
    await until('a success', async () => (await post(place)).status === 200, SOON);
    expect(place.service.executed).toHaveLength(1);
  });

  it('uses a renewed token from its file, and no call is rejected', async () => {
    const place = await open();
    for (let renewal = 1; renewal <= 10; renewal += 1) {
      place.mount(place.renew());
      const { sha256 } = place.current();
      await until(
        'the new token',
        async () => {
          expect((await post(place, 'small')).status).toBe(200);
          return place.service.seen.at(-1)?.tokens[0] === sha256;
        },
        SOON,
      );
    }
    expect(place.service.rejections()).toBe(0);
  });

  it('reads a challenge of 55 kB in a moment', async () => {
    const place = await open();
    place.service.challenge = 'a'.repeat(55_000);
    place.revoke();
    const before = performance.now();
    expect(await post(place)).toMatchObject(EXECUTED);
    expect(performance.now() - before).toBeLessThan(5000);
  });

  it('writes a line with the hash of the token for each rejected attempt', async () => {
    const place = await open();
    const { sha256 } = place.current();
    place.revoke();
    await post(place);
    await until('the line', () => place.sidecar.said().includes('token_rejected'), SOON);
    const lines = place.sidecar
      .said()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { event: 'token_rejected', route: 'service', status: 401, sha256: sha256.slice(0, 8) },
    ]);
  });
});
