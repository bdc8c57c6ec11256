import { afterEach, describe, expect, it } from 'vitest';
import type { ProcessEvent } from '../../src/core/events.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ReplicaAnswer, ReplicaCall, ReplicaPlace } from '../../src/ports/replica-caller.ts';
import { Calls } from '../../src/token-acquirer/endpoints/calls.ts';
import { Forwarding } from '../../src/token-acquirer/endpoints/forwarding.ts';
import { createListener } from '../../src/token-acquirer/endpoints/listener.ts';
import type { Role } from '../../src/token-acquirer/leadership/leadership.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { specification } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const LEADER = { pod: 'token-acquirer-a', address: '10.0.0.7:8443' };
const NEXT = { pod: 'token-acquirer-c', address: '10.0.0.9:8443' };
const SILENT: ReplicaAnswer = { kind: 'silent', why: 'it did not show in time that it is alive' };

function answered(
  status: number,
  headers: Record<string, string> = { 'x-request-id': 'of-the-leader' },
): ReplicaAnswer {
  return {
    kind: 'answered',
    status,
    headers: { 'retry-after': '7', 'x-secret': 'no', ...headers },
    body: Buffer.from('{"a":1}'),
  };
}

let close: () => Promise<unknown> = () => Promise.resolve();
afterEach(() => close());

interface Sent {
  readonly place: ReplicaPlace;
  readonly call: ReplicaCall;
}

/** A listener with one route, which answers with its manner what is not answered elsewhere. */
function replica(
  given: Parameters<typeof specification>[0],
  role: Role,
  answers: (ReplicaAnswer | Promise<ReplicaAnswer>)[],
  options: ConstructorParameters<typeof Calls>[0] = {},
) {
  const leadership = new FakeLeadership(role);
  leadership.leader = LEADER;
  const sent: Sent[] = [];
  const events: ProcessEvent[] = [];
  const bearer = secret('caller-forwarded');
  const forwarding = new Forwarding({
    leadership,
    replicas: {
      call: async (place, call) => {
        sent.push({ place, call });
        const aborted = new Promise<ReplicaAnswer>((resolve) =>
          call.signal?.addEventListener('abort', () => resolve({ kind: 'silent', why: 'the call was given up' })),
        );
        return Promise.race([answers.shift() ?? SILENT, aborted]);
      },
      close: () => undefined,
    },
    shards: {
      own: 0,
      formerOwnerOf: () => undefined,
      placeOf: (shard) => ({ kind: 'service', name: `shard-${shard}` }),
    },
    pod: 'token-acquirer-b',
    telemetry: { process: (event) => void events.push(event) },
  });
  const app = createListener(undefined);
  const calls = new Calls(options);
  app.post('/v1/x', async (request, reply) => {
    const { identity, ...one } = specification(given);
    const asked = {
      identity,
      specification: one,
      call: calls.of(request),
      bearer: new Redacted(bearer),
      body: '{"b":2}',
    };
    const manner = await forwarding.settle(request, reply, asked);
    return manner === undefined ? reply : { manner };
  });
  close = () => app.close();
  const post = (headers: Record<string, string> = {}) => app.inject({ method: 'POST', url: '/v1/x?q=1', headers });
  return { post, sent, events, leadership, bearer };
}

describe('a call that is forwarded', () => {
  it('goes to the address of the leader with the bearer and the body of the caller', async () => {
    const { post, sent, bearer } = replica({}, 'following', [answered(200)]);
    await post();
    const [one] = sent;
    expect(one?.place).toEqual({ kind: 'address', address: LEADER.address });
    expect(one?.call).toMatchObject({
      method: 'POST',
      path: '/v1/x?q=1',
      body: '{"b":2}',
      headers: { 'token-acquirer-forwarded-to': 'leader', 'token-acquirer-forwarded-by': 'token-acquirer-b' },
    });
    expect(one?.call.bearer.reveal()).toBe(bearer);
  });

  it.each([
    [
      'that the log shows',
      true,
      `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
      `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    ],
    ['that the log does not show', false, `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, undefined],
    ['of another form', true, `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01-`, undefined],
  ])('is sent with a trace only if the log shows it: one %s', async (_, traces, traceparent, expected) => {
    const { post, sent, events } = replica({}, 'following', [answered(200)], { traces });
    await post({ traceparent });
    expect(sent[0]?.call.headers['traceparent']).toBe(expected);
    const traceId = expected === undefined ? undefined : '1'.repeat(32);
    const [event] = events;
    expect(event?.kind === 'call-forwarded' && event.call.trace?.traceId).toBe(traceId);
  });

  it('brings back the status, the body and the headers that are about the answer', async () => {
    const { post } = replica({}, 'following', [answered(429)]);
    const { statusCode, headers, body } = await post();
    expect([statusCode, body]).toEqual([429, '{"a":1}']);
    expect(headers).toMatchObject({ 'retry-after': '7', 'x-request-id': 'of-the-leader' });
    expect(headers).not.toHaveProperty('x-secret');
  });

  it('goes to the Service of another shard', async () => {
    const { post, sent } = replica({ shard: 3 }, 'leading', [answered(200)]);
    expect((await post()).statusCode).toBe(200);
    expect(sent[0]?.place).toEqual({ kind: 'service', name: 'shard-3' });
    expect(sent[0]?.call.headers).toMatchObject({ 'token-acquirer-forwarded-to': 'shard' });
  });

  it.each([
    [{ rotates: false }, true],
    [{ rotates: true }, false],
  ])('is answered from the store if no replica of that shard answers: %j', async (given, mayRequest) => {
    const { post, leadership } = replica({ shard: 3, ...given }, 'following', [SILENT]);
    expect((await post()).json()).toEqual({ manner: { standsIn: true, mayRequest } });
    expect(leadership.doubted).toEqual([]);
  });

  it('gets 503 then for a token that only that shard has', async () => {
    const { post } = replica({ shard: 3, delivery: 'endpoint' }, 'following', [SILENT]);
    const { statusCode, headers } = await post();
    expect([statusCode, headers['retry-after']]).toEqual([503, '5']);
  });

  it('gets 421 where it may not be answered, and goes nowhere', async () => {
    const { post, sent } = replica({}, 'following', [answered(200)]);
    const { statusCode, body } = await post({ 'token-acquirer-forwarded-to': 'leader' });
    expect([statusCode, (JSON.parse(body) as { code: string }).code]).toEqual([421, 'not_leader']);
    expect((await post({ 'token-acquirer-forwarded-to': 'something-new' })).statusCode).toBe(421);
    expect(sent).toEqual([]);
  });
});

describe('a leader that does not answer', () => {
  it.each([
    ['it is silent', SILENT],
    ['it does not lead any more', answered(421)],
    ['it is closing', answered(503, {})],
  ])('is doubted if %s, and the replica answers itself', async (_why, answer) => {
    const { post, leadership, events } = replica({}, 'following', [answer]);
    expect((await post()).json()).toEqual({ manner: { standsIn: true, mayRequest: true } });
    expect(leadership.doubted).toEqual([LEADER]);
    expect(events.map(({ kind }) => kind)).toEqual(['call-forwarded', 'warning']);
  });

  it('is replaced by the next one', async () => {
    const { post, sent, leadership } = replica({}, 'following', [SILENT, answered(200)]);
    leadership.doubt = () => void (leadership.leader = NEXT);
    expect((await post()).statusCode).toBe(200);
    expect(sent.map(({ place }) => place)).toEqual([LEADER, NEXT].map(({ address }) => ({ kind: 'address', address })));
  });

  it('holds up no other call', async () => {
    const never = new Promise<ReplicaAnswer>(() => undefined);
    const { post, events } = replica({}, 'following', [never, never, SILENT]);
    const manners = await Promise.all([post(), post(), post()]);
    for (const answer of manners) expect(answer.json()).toEqual({ manner: { standsIn: true, mayRequest: true } });
    expect(events.filter(({ kind }) => kind === 'warning')).toHaveLength(1);
  });

  it('leaves a token that only it holds and may request unanswered', async () => {
    const { post, leadership } = replica({ grant: 'refresh_token', delivery: 'endpoint' }, 'following', []);
    leadership.leader = undefined;
    const { statusCode, body } = await post();
    expect([statusCode, (JSON.parse(body) as { code: string }).code]).toEqual([503, 'leader_unavailable']);
  });
});
