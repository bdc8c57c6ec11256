import { afterEach, describe, expect, it } from 'vitest';
import { type CallRecord, Example } from '../../src/client-app/example.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { FakeTokenSource } from '../fakes/fake-token-source.ts';
import { type Gateway, type Reply, startGateway } from '../support/gateway.ts';

let opened: Gateway | undefined;
const examples: Example[] = [];
afterEach(async () => {
  for (const example of examples.splice(0)) example.stop();
  await opened?.stop();
});

interface World {
  readonly gateway: Gateway;
  readonly source: FakeTokenSource;
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly records: CallRecord[];
  readonly example: Example;
  /** Returns the record of the next call, a second after the previous one. */
  next(): Promise<CallRecord>;
}

async function start({ tokens = 1, refuse }: { tokens?: number; refuse?: Reply } = {}): Promise<World> {
  const started = await startGateway(refuse);
  opened = started;
  const source = new FakeTokenSource(tokens);
  const clock = createFakeClock();
  const records: CallRecord[] = [];
  const serviceUrl = new URL(`${started.url}/incidents`);
  const called = (record: CallRecord): unknown => records.push(record);
  const example = new Example({ serviceUrl, callEvery: 1000, source, clock, called });
  examples.push(example);
  void example.run();
  let seen = 0;
  const next = async (): Promise<CallRecord> => {
    if (seen > 0) await clock.advance(1000);
    await expect.poll(() => records.length).toBe(seen + 1);
    seen += 1;
    return records[seen - 1] as CallRecord;
  };
  return { gateway: started, source, clock, records, example, next };
}

describe('the example', () => {
  it('calls on its cycle and prints each call', async () => {
    const { gateway, source, next, example } = await start();
    gateway.accepted.add(source.hash(0));
    for (let calls = 1; calls <= 3; calls += 1) {
      const { outcome, status, requests, token, message } = await next();
      expect({ outcome, status, requests, message }).toEqual({
        outcome: 'ok',
        status: 200,
        requests: 1,
        message: undefined,
      });
      expect(token).toEqual({ generation: 1, sha256: source.hash(0).slice(0, 8), expiresAt: expect.any(Number) });
      expect(example.status).toMatchObject({ ok: calls, failed: 0 });
    }
    expect(gateway.seen.map(({ path }) => path)).toEqual(['/incidents', '/incidents', '/incidents']);
  });

  it('prints a call that succeeded by a replay, with the token of the replay', async () => {
    const { gateway, source, next } = await start({ tokens: 2 });
    gateway.accepted.add(source.hash(1));
    const { outcome, requests, token } = await next();
    expect([outcome, requests, token?.sha256]).toEqual(['ok', 2, source.hash(1).slice(0, 8)]);
    expect(await next()).toMatchObject({ outcome: 'ok', requests: 1 });
  });

  it.each<[string, Partial<CallRecord>, { tokens?: number; refuse?: Reply }]>([
    ['a token that is rejected', { outcome: 'rejected', status: 401, requests: 1 }, {}],
    ['a token that is also rejected after a replay', { outcome: 'rejected', status: 401, requests: 2 }, { tokens: 5 }],
    [
      'a service that fails',
      { outcome: 'failed', status: 500 },
      { refuse: (_, response) => response.writeHead(500).end() },
    ],
  ])('prints %s, and continues', async (_, expected, options) => {
    const { next, example } = await start(options);
    expect(await next()).toMatchObject(expected);
    expect(await next()).toMatchObject(expected);
    expect(example.status).toMatchObject({ ok: 0, failed: 2, last: expected });
  });

  it('prints a service that cannot be reached, and continues', async () => {
    const { gateway, next } = await start();
    await gateway.stop();
    await next();
    expect(await next()).toMatchObject({ outcome: 'unreachable', status: undefined, message: 'ECONNREFUSED' });
  });

  it('prints a missing token without any of its facts', async () => {
    const source = new FakeTokenSource(0);
    const clock = createFakeClock();
    const records: CallRecord[] = [];
    const serviceUrl = new URL('http://127.0.0.1:9/');
    const example = new Example({
      serviceUrl,
      callEvery: 1000,
      source,
      clock,
      called: (record) => records.push(record),
    });
    examples.push(example);
    void example.run();
    await expect.poll(() => records.length).toBe(1);
    expect(records[0]).toMatchObject({ outcome: 'no-token', requests: 0, token: undefined });
    expect(records[0]?.message).toBe('The fake has no token.');
  });

  it('ends immediately on its signal, also within a call', async () => {
    const held = await startGateway(() => {});
    opened = held;
    const records: CallRecord[] = [];
    const example = new Example({
      serviceUrl: new URL(held.url),
      callEvery: 1000,
      source: new FakeTokenSource(1),
      clock: createFakeClock(),
      called: (record) => records.push(record),
    });
    const running = example.run();
    await expect.poll(() => held.seen.length).toBe(1);
    example.stop();
    await running;
    expect(records).toEqual([]);
  });
});
