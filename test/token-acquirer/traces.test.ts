import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/adapters/telemetry/log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import { Calls } from '../../src/token-acquirer/endpoints/calls.ts';
import { createListener } from '../../src/token-acquirer/endpoints/listener.ts';
import { addReissueRoutes } from '../../src/token-acquirer/endpoints/reissue-routes.ts';
import { FakeCallerAuthenticator } from '../fakes/fake-caller-authenticator.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, type Started, seconds, specification, start } from '../support/acquirer.ts';
import { secret } from '../support/secrets.ts';

const TOKEN = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';
const BILLING = secret('caller-billing');
const GATEWAY = secret('caller-gateway');
const FIELDS = ['trace_id', 'span_id', 'trace_flags'];

type Line = Readonly<Record<string, unknown>>;

/** The header of a trace with this digit, and its fields in the log. */
function trace(digit: string) {
  const fields = { trace_id: digit.repeat(32), span_id: digit.repeat(16), trace_flags: '01' };
  return { header: `00-${fields.trace_id}-${fields.span_id}-01`, fields };
}

const FIRST = trace('1');
const SECOND = trace('2');

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

interface Sent {
  readonly traceparent?: string | string[];
  readonly path?: 'reissue' | 'rejections';
  readonly bearer?: string;
  readonly rejected?: string;
}

interface Running extends Started {
  /** Does not wait for the answer. */
  send(sent: Sent): Promise<LightMyRequestResponse>;
  /** The lines since the start that follow from calls, in order. */
  lines(...events: string[]): Line[];
}

/** A replica with one token, whose log shows the traces of calls. */
async function running({ traces = true }: { traces?: boolean } = {}): Promise<Running> {
  const world = createWorld();
  world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
  const started = await start(world, { specifications: [specification({ evidence: { reporters: ['gateway'] } })] });
  await started.clock.advance(seconds(60));
  started.events.length = 0;
  const lines: Line[] = [];
  const log = createLog(createLogger({ write: (text) => void lines.push(JSON.parse(text) as Line) }), world.clock);
  const callers = new FakeCallerAuthenticator();
  callers.allow(BILLING, 'billing-app');
  callers.allow(GATEWAY, 'gateway');
  const { acquirer, clock, telemetry } = started;
  const listener = createListener(undefined);
  app = listener;
  await addReissueRoutes(listener, { acquirer, callers, clock, telemetry, calls: new Calls({ traces }) });
  const rejected = started.only().cycle.held.token?.sha256;
  return {
    ...started,
    send: async ({ traceparent, path = 'reissue', bearer = BILLING, ...sent }) => {
      const answer = listener.inject({
        method: 'POST',
        url: `${TOKEN}/${path}`,
        headers: { authorization: `Bearer ${bearer}`, ...(traceparent !== undefined && { traceparent }) },
        payload: { rejected_sha256: sent.rejected ?? rejected },
      });
      for (let turn = 0; turn < 20; turn += 1) await clock.settle();
      return answer;
    },
    lines: (...events) => {
      const { identity } = started.only().cycle.specification;
      for (const { event } of started.events.splice(0)) log.token(identity, event);
      for (const event of started.processEvents.splice(0)) log.process(event);
      return lines.filter(({ event }) => events.includes(String(event)));
    },
  };
}

function tracesOf(lines: readonly Line[]): unknown[] {
  return lines.map((line) => [line['event'], line['trace_id']]);
}

describe('the trace of a reissue call', () => {
  it('is in the lines of the call, the token request and the write, with the names of OpenTelemetry', async () => {
    const { send, lines, endpoint } = await running();
    endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { statusCode } = await send({ traceparent: FIRST.header });
    expect(statusCode).toBe(200);
    const found = lines('reissue', 'token-issued', 'token-stored');
    expect(found).toHaveLength(3);
    expect(new Set(found.map(({ event }) => event))).toEqual(new Set(['reissue', 'token-issued', 'token-stored']));
    for (const line of found) expect(line).toMatchObject(FIRST.fields);
  });

  it('is that of the call that started the request, while each call keeps its own', async () => {
    const { send, lines, endpoint, clock } = await running();
    endpoint.hold();
    endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const answers = [send({ traceparent: FIRST.header })];
    await clock.settle();
    answers.push(send({ traceparent: SECOND.header }), send({}));
    for (let turn = 0; turn < 40; turn += 1) await clock.settle();
    endpoint.release();
    const outcomes = (await Promise.all(answers)).map((answer) => answer.json<{ outcome: string }>().outcome);
    expect(outcomes).toEqual(['reissued', 'coalesced', 'coalesced']);
    const one = FIRST.fields.trace_id;
    expect(tracesOf(lines('token-issued', 'token-stored'))).toEqual([
      ['token-stored', one],
      ['token-issued', one],
    ]);
    const traces = lines('reissue').map((line) => [line['result'], line['trace_id']]);
    expect(traces).toHaveLength(3);
    expect(traces).toEqual(
      expect.arrayContaining([
        ['reissued', one],
        ['coalesced', SECOND.fields.trace_id],
        ['coalesced', undefined],
      ]),
    );
  });

  it('is in the line of a failed request', async () => {
    const { send, lines, endpoint } = await running();
    endpoint.script(new TokenRequestError('server_error', 'It returned a server error.', { progress: 'answered' }));
    const { statusCode } = await send({ traceparent: FIRST.header });
    expect(statusCode).toBe(502);
    const one = FIRST.fields.trace_id;
    expect(tracesOf(lines('token-request-failed', 'reissue'))).toEqual(
      expect.arrayContaining([
        ['token-request-failed', one],
        ['reissue', one],
      ]),
    );
  });

  it('is in the lines of writes until the token is written, and not of later ones', async () => {
    const { send, lines, endpoint, store, clock, only } = await running();
    endpoint.script(tokenResponse({ expiresIn: 3600 }));
    store.fail(new StoreError('The store is unavailable.'), 1);
    await send({ traceparent: FIRST.header });
    await clock.advance(seconds(60));
    const one = FIRST.fields.trace_id;
    expect(tracesOf(lines('store-failed', 'token-stored'))).toEqual([
      ['store-failed', one],
      ['token-stored', one],
    ]);
    const { identity, key } = only().cycle.specification;
    store.edit(identity, { [key]: 'changed' });
    await clock.advance(seconds(60));
    const [, , ...later] = tracesOf(lines('store-failed', 'token-stored'));
    expect(later).toEqual([['token-stored', undefined]]);
  });

  it('is not that of the next renewal', async () => {
    const { send, lines, endpoint, clock } = await running();
    endpoint.script(tokenResponse({ expiresIn: 3600 }), tokenResponse({ expiresIn: 3600 }));
    await send({ traceparent: FIRST.header });
    lines();
    await clock.advance(seconds(3000));
    const issued = lines('token-issued').map((line) => [line['trigger'], line['trace_id']]);
    expect(issued).toEqual([
      ['reissue', FIRST.fields.trace_id],
      ['renewal', undefined],
    ]);
  });

  it('is in the line of a call that is rejected', async () => {
    const { send, lines } = await running();
    expect((await send({ traceparent: FIRST.header, bearer: secret('caller-nobody') })).statusCode).toBe(401);
    expect(tracesOf(lines('call-refused'))).toEqual([['call-refused', FIRST.fields.trace_id]]);
  });

  it('is that of the report of a gateway, too', async () => {
    const { send, lines, endpoint } = await running();
    endpoint.script(tokenResponse({ expiresIn: 3600 }));
    const { statusCode } = await send({ traceparent: FIRST.header, path: 'rejections', bearer: GATEWAY });
    expect(statusCode).toBe(202);
    const found = lines('evidence', 'token-issued', 'token-stored');
    expect(found).toHaveLength(3);
    for (const line of found) expect(line).toMatchObject(FIRST.fields);
  });

  it('is not shown by default', async () => {
    const { send, lines, endpoint } = await running({ traces: false });
    endpoint.script(tokenResponse({ expiresIn: 3600 }));
    await send({ traceparent: FIRST.header });
    const found = lines('reissue', 'token-issued', 'token-stored');
    expect(found).toHaveLength(3);
    for (const line of found) for (const field of FIELDS) expect(line).not.toHaveProperty(field);
  });

  it.each<[string, string | string[]]>([
    ['10 kB', `00-${'a'.repeat(10_000)}-${'b'.repeat(16)}-01`],
    ['two headers', [FIRST.header, SECOND.header]],
    ['upper-case digits', trace('A').header],
    ['a quote', `${FIRST.header}"`],
    ['a later version with a hostile end', `01-${'1'.repeat(32)}-${'1'.repeat(16)}-01-<script>`],
  ])('never shows more than a header of the right form has: %s', async (_, traceparent) => {
    const { send, lines, endpoint } = await running();
    endpoint.script(tokenResponse({ expiresIn: 3600 }));
    expect((await send({ traceparent })).statusCode).toBe(200);
    const found = lines('reissue', 'token-issued', 'token-stored');
    expect(found).toHaveLength(3);
    for (const line of found) {
      expect([undefined, FIRST.fields.trace_id]).toContain(line['trace_id']);
      expect(JSON.stringify(line)).not.toMatch(/aaaaaaaa|AAAAAAAA|script|\\"/);
    }
  });
});
