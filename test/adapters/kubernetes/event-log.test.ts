import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventLog } from '../../../src/adapters/kubernetes/events/event-log.ts';
import { EventSelection } from '../../../src/adapters/kubernetes/events/event-selection.ts';
import { createSystemClock } from '../../../src/adapters/node/system-clock.ts';
import type { CallFacts, ReissueEvent, ReissueResult, TokenEvent, TokenFacts } from '../../../src/core/events.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Telemetry } from '../../../src/ports/telemetry.ts';
import {
  type ApiRequest,
  type FakeKubernetesApi,
  type JsonObject,
  startKubernetesApi,
} from '../../fakes/kubernetes-api.ts';
import { callFacts, reissueEvent } from '../../support/calls.ts';

const IDENTITY = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };
const NOW = Date.UTC(2026, 0, 1);
const SOON = { timeout: 8000, interval: 10 };

function facts(expiresAt = NOW + 3_600_000): TokenFacts {
  return { generation: 7, sha256: 'ab'.repeat(32), issuedAt: NOW, expiresAt, renewAt: NOW + 1_800_000 };
}

const adopted: TokenEvent = { kind: 'token-adopted', token: facts() };
const issued: TokenEvent = {
  kind: 'token-issued',
  token: facts(),
  server: 'corporate',
  trigger: 'renewal',
  reason: 'RenewalDue',
  took: 12,
};
const stored: TokenEvent = { kind: 'token-stored', token: facts() };
const revoked: TokenEvent = { kind: 'token-revoked', server: 'corporate' };
const revocationFailed: TokenEvent = { ...revoked, kind: 'revocation-failed', result: 'failed', message: 'm' };
const storeFailed: TokenEvent = { kind: 'store-failed', message: 'The Secret is immutable.' };

function failed(code: 'invalid_client' | 'unreachable' | 'same_token', trigger: 'renewal' | 'reissue' = 'renewal') {
  const event = {
    kind: 'token-request-failed',
    server: 'corporate',
    code,
    message: `It is ${code}.`,
    trigger,
    retryIn: 1000,
    took: 5,
  };
  return event as TokenEvent;
}

function reissue(result: ReissueResult, call: Partial<CallFacts> = {}): ReissueEvent {
  return reissueEvent(result, { identity: IDENTITY, call: callFacts(call) });
}

describe('the selection of Kubernetes Events', () => {
  type Step = TokenEvent | ReissueEvent;

  function reasons(steps: readonly Step[], now = NOW): string[] {
    const selection = new EventSelection();
    return steps.flatMap((step) =>
      (step.kind === 'reissue' ? selection.reissue(step) : selection.token(IDENTITY, step, now)).map(
        ({ type, reason }) => `${type} ${reason}`,
      ),
    );
  }

  it.each<{ name: string; steps: readonly Step[]; now?: number; summaries: string[] }>([
    { name: 'has an Event for the first token', steps: [issued, stored], summaries: ['Normal TokenReady'] },
    { name: 'has no Event for a successful renewal', steps: [adopted, issued, stored, issued, stored], summaries: [] },
    {
      name: 'has an Event for each reason of a failed renewal, and for its recovery',
      steps: [
        adopted,
        failed('invalid_client'),
        failed('invalid_client'),
        failed('unreachable'),
        failed('unreachable'),
        issued,
        issued,
      ],
      summaries: ['Warning RenewalFailed', 'Warning RenewalFailed', 'Normal TokenRenewed'],
    },
    {
      name: 'has one Event for an expired token, and one for the next token',
      steps: [adopted, failed('unreachable'), failed('unreachable'), issued],
      now: NOW + 3_600_000,
      summaries: ['Warning RenewalFailed', 'Warning TokenExpired', 'Normal TokenReady'],
    },
    {
      name: 'has no Event for an expiry before the first token',
      steps: [failed('unreachable')],
      summaries: ['Warning RenewalFailed'],
    },
    {
      name: 'has an Event for a failed reissue',
      steps: [adopted, failed('unreachable', 'reissue')],
      summaries: ['Warning ReissueFailed'],
    },
    {
      name: 'has an Event for the same token again',
      steps: [adopted, failed('same_token')],
      summaries: ['Warning SameToken'],
    },
    {
      name: 'has an Event for a failed write to the store, and for its recovery',
      steps: [adopted, storeFailed, storeFailed, stored, stored],
      summaries: ['Warning StoreFailed', 'Normal TokenStored'],
    },
    {
      name: 'has an Event for another reason of a failed write',
      steps: [storeFailed, { kind: 'store-failed', message: 'It is gone.' }],
      summaries: ['Warning StoreFailed', 'Warning StoreFailed'],
    },
    {
      name: 'has an Event for a failed revocation, and for its recovery',
      steps: [adopted, revoked, revocationFailed, revocationFailed, revoked, revoked],
      summaries: ['Warning RevocationFailed', 'Normal ReplacedTokenRevoked'],
    },
    {
      name: 'has an Event for each transition',
      steps: [
        { kind: 'suspended', message: 'm' },
        { kind: 'resumed', message: 'm' },
        { kind: 'execution-state-unknown', message: 'm' },
        { kind: 'pods-left-behind', message: 'm' },
        { kind: 'pods-not-selected', message: 'm' },
        { kind: 'volume-follows-late', message: 'm' },
        { kind: 'lifetime-not-stated', message: 'm' },
        { kind: 'interval-invalid', message: 'm' },
        { kind: 'interval-short', message: 'm' },
        { kind: 'token-repaired', token: facts(), message: 'm' },
        { kind: 'token-withdrawn', message: 'm' },
      ],
      summaries: [
        'Normal Suspended',
        'Normal Resumed',
        'Warning ExecutionStateUnknown',
        'Warning PodsLeftBehind',
        'Warning PodsNotSelected',
        'Warning VolumeFollowsLate',
        'Warning LifetimeNotStated',
        'Warning IntervalInvalid',
        'Warning IntervalShort',
        'Warning TokenRepaired',
        'Normal TokenWithdrawn',
      ],
    },
    {
      name: 'has one Event for an internal error and one for an unreadable stored token',
      steps: [
        { kind: 'cycle-failed', message: 'm' },
        { kind: 'cycle-failed', message: 'm' },
        { kind: 'stored-token-unreadable', message: 'm' },
        { kind: 'stored-token-unreadable', message: 'm' },
      ],
      summaries: ['Warning CycleFailed', 'Warning StoredTokenUnreadable'],
    },
    {
      name: 'has no Event for routine records',
      steps: [
        { kind: 'token-rescheduled', token: facts(), message: 'm' },
        { kind: 'volume-seen', generation: 7, lag: 300 },
        reissue('newer'),
        reissue('coalesced'),
        reissue('rate_limited'),
        reissue('stopping'),
        reissue('reissued'),
      ],
      summaries: [],
    },
    {
      name: 'has an Event for paused and unstored reissues, until one succeeds',
      steps: [reissue('paused'), reissue('paused'), reissue('store_unavailable'), reissue('reissued')],
      summaries: ['Warning ReissuePaused', 'Warning ReissueNotStored', 'Normal Reissued'],
    },
    {
      name: 'has no Event for a call that only tests the chain',
      steps: [reissue('paused', { test: true }), reissue('store_unavailable', { test: true }), reissue('reissued')],
      summaries: [],
    },
  ])('$name', ({ steps, now, summaries }) => {
    expect(reasons(steps, now)).toEqual(summaries);
  });

  it('is separate for each token, and ends with it', () => {
    const selection = new EventSelection();
    const tell = (identity = IDENTITY) => selection.token(identity, storeFailed, NOW).length;
    expect([tell(), tell(), tell({ ...IDENTITY, name: 'other' })]).toEqual([1, 0, 1]);
    selection.forget(IDENTITY);
    expect(tell()).toBe(1);
  });
});

describe('the Events of a Secret', () => {
  let fake: FakeKubernetesApi;
  let waits: number[];
  let moved: number;
  let log: Telemetry;
  let faults: string[];

  beforeEach(async () => {
    fake = await startKubernetesApi();
    for (const namespace of ['billing', 'orders']) fake.objects.put(`/api/v1/namespaces/${namespace}`, {});
    const system = createSystemClock();
    // Each test has its own, because the log of the previous test may still write.
    const [waited, messages]: [number[], string[]] = [[], []];
    waits = waited;
    faults = messages;
    moved = 0;
    const clock: Clock = {
      now: system.now,
      monotonic: () => system.monotonic() + moved,
      wait(delay, signal) {
        waited.push(delay);
        return system.wait(1, signal);
      },
    };
    const onFault = (message: string): void => void messages.push(message);
    log = createEventLog(fake.connect(), { clock, onFault, pod: 'token-acquirer-1' });
  });
  afterEach(() => fake.stop());

  function eventsIn(namespace: string): JsonObject[] {
    return fake.objects.list(`/api/v1/namespaces/${namespace}/events`);
  }

  function events(): JsonObject[] {
    return eventsIn('billing');
  }

  function writes(): ApiRequest[] {
    return fake.requests.filter(({ path }) => path.includes('/events'));
  }

  const suspended = (message = 'The client app is not running.'): TokenEvent => ({ kind: 'suspended', message });

  it('refer to it in its namespace, and name the token and the reporter', async () => {
    log.token(IDENTITY, suspended());
    await expect.poll(events, SOON).toHaveLength(1);
    const time = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T/);
    expect(events()[0]).toMatchObject({
      metadata: { namespace: 'billing', name: expect.stringMatching(/^billing-tokens\../) },
      involvedObject: { apiVersion: 'v1', kind: 'Secret', namespace: 'billing', name: 'billing-tokens' },
      type: 'Normal',
      reason: 'Suspended',
      message: 'Token dynamics: The client app is not running.',
      count: 1,
      source: { component: 'token-acquirer' },
      reportingComponent: 'token-acquirer',
      reportingInstance: 'token-acquirer-1',
      firstTimestamp: time,
      lastTimestamp: time,
    });
  });

  it('report reissues, and no other act of the process', async () => {
    log.process({ kind: 'stopped' });
    log.process({ kind: 'warning', message: 'm' });
    log.process(reissue('paused'));
    await expect.poll(events, SOON).toMatchObject([{ reason: 'ReissuePaused' }]);
  });

  it('report a problem with a Secret of the process, and its end', async () => {
    const secret = { namespace: 'orders', secret: 'own' };
    const event = { condition: 'AuthorityStored', reason: 'SecretDoesNotExist', message: 'Run this.', secret } as const;
    log.process({ kind: 'process-unhealthy', ...event });
    log.process({ kind: 'process-recovered', ...event, reason: 'Stored', message: 'The CA is stored.' });
    log.process({ kind: 'process-unhealthy', ...event, secret: undefined });
    await expect
      .poll(() => eventsIn('orders'), SOON)
      .toMatchObject([
        { type: 'Warning', reason: 'SecretDoesNotExist', message: 'Run this.', involvedObject: { name: 'own' } },
        { type: 'Normal', reason: 'Stored', message: 'The CA is stored.' },
      ]);
    expect(eventsIn('billing')).toEqual([]);
  });

  it('are one Event for repetitions within a minute, and later one with a count', async () => {
    for (let times = 0; times < 3; times += 1) log.token(IDENTITY, suspended());
    await expect.poll(events, SOON).toHaveLength(1);
    await pause(100);
    expect(writes()).toHaveLength(1);
    moved += 60_000;
    log.token(IDENTITY, suspended());
    await expect.poll(() => events()[0]?.['count'], SOON).toBe(4);
    expect(writes().map(({ method }) => method)).toEqual(['POST', 'PATCH']);
    expect(writes()[1]?.contentType).toBe('application/merge-patch+json');
    expect(Object.keys(JSON.parse(writes()[1]?.body ?? '') as object)).toEqual(['count', 'lastTimestamp']);
  });

  it('count the calls of an unknown caller', async () => {
    const called = (calls: number): TokenEvent => ({
      kind: 'caller-unknown',
      message: 'A ServiceAccount asks.',
      calls,
    });
    log.token(IDENTITY, called(1));
    const one = { type: 'Warning', reason: 'CallerNotInClients', message: 'Token dynamics: A ServiceAccount asks.' };
    await expect.poll(events, SOON).toMatchObject([{ ...one, count: 1 }]);
    await expect.poll(() => waits, SOON).toHaveLength(1);
    moved += 61_000;
    log.token(IDENTITY, called(60));
    await expect.poll(events, SOON).toMatchObject([{ ...one, count: 61 }]);
  });

  it('are created again if the API server no longer has them', async () => {
    log.token(IDENTITY, suspended());
    await expect.poll(() => waits, SOON).toHaveLength(1);
    fake.objects.delete(`/api/v1/namespaces/billing/events/${nameOf(events()[0])}`);
    moved += 60_000;
    log.token(IDENTITY, suspended());
    await expect.poll(events, SOON).toMatchObject([{ count: 1 }]);
  });

  function nameOf(event: JsonObject | undefined): string {
    const metadata = event?.['metadata'] as { name: string } | undefined;
    return metadata?.name ?? '';
  }

  it.each([
    { name: 'of ASCII', message: 'x'.repeat(5000) },
    { name: 'with three bytes per character', message: '鍵'.repeat(5000) },
    { name: 'with four bytes per character', message: `a${'🔑'.repeat(5000)}` },
  ])('have a message of at most 1024 bytes, also $name', async ({ message }) => {
    log.token(IDENTITY, suspended(message));
    await expect.poll(events, SOON).toHaveLength(1);
    const text = events()[0]?.['message'] as string;
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024);
    expect(Buffer.byteLength(text)).toBeGreaterThan(1015);
    expect(text).toMatch(/^Token dynamics: .*…$/);
    expect(text).not.toContain('\ufffd');
  });

  it('are written one after the other, with a pause, and dropped if too many wait', async () => {
    fake.intercept(({ path }) => (path.endsWith('/events') ? { delay: Number.POSITIVE_INFINITY } : undefined));
    const began = performance.now();
    for (let index = 0; index < 100_000; index += 1) log.token(IDENTITY, suspended(`Number ${index}.`));
    expect(performance.now() - began).toBeLessThan(5000);
    await expect.poll(writes, SOON).toHaveLength(1);
    await pause(100);
    expect(writes()).toHaveLength(1);
  });

  it('leave a pause between them', async () => {
    for (let index = 0; index < 5; index += 1) log.token(IDENTITY, suspended(`Number ${index}.`));
    await expect.poll(events, SOON).toHaveLength(5);
    await expect.poll(() => waits, SOON).toEqual([50, 50, 50, 50, 50]);
  });

  it('are reported once if the API server forbids them, and tried again after a while', async () => {
    const allow = fake.deny({ verb: 'create', resource: 'events', namespace: 'billing' });
    for (let index = 0; index < 5; index += 1) log.token(IDENTITY, suspended(`Number ${index}.`));
    log.token({ ...IDENTITY, namespace: 'orders' }, suspended());
    await expect.poll(() => waits, SOON).toHaveLength(2);
    expect(faults).toEqual([
      expect.stringMatching(/^Events in the namespace billing cannot be written: .*create events/),
    ]);
    expect([writes().length, events().length, eventsIn('orders').length]).toEqual([2, 0, 1]);
    moved += 300_000;
    log.token(IDENTITY, suspended('Again.'));
    await expect.poll(() => waits, SOON).toHaveLength(3);
    expect([writes().length, faults.length]).toEqual([3, 1]);
    allow();
    moved += 300_000;
    log.token(IDENTITY, suspended('Now.'));
    await expect.poll(events, SOON).toHaveLength(1);
  });

  it.each([
    { name: 'fails', fault: { status: 500 }, message: 'the API server failed (500)' },
    { name: 'resets', fault: { reset: true }, message: 'cannot be reached' },
    { name: 'wants fewer requests', fault: { status: 429 }, message: '(429)' },
  ])('are dropped while the API server $name, which is logged once', async ({ fault, message }) => {
    const restore = fake.intercept(({ path }) => (path.endsWith('/events') ? fault : undefined));
    for (let index = 0; index < 3; index += 1) log.token(IDENTITY, suspended(`Number ${index}.`));
    await expect.poll(writes, SOON).toHaveLength(3);
    restore();
    log.token(IDENTITY, suspended('Now.'));
    await expect.poll(events, SOON).toMatchObject([{ message: 'Token dynamics: Now.' }]);
    expect(faults).toEqual([expect.stringContaining(message)]);
  });

  it('are reported once and dropped for a missing namespace', async () => {
    const identity = { ...IDENTITY, namespace: 'gone' };
    log.token(identity, suspended('One.'));
    log.token(identity, suspended('Two.'));
    await expect.poll(() => faults, SOON).toEqual([expect.stringContaining('namespace gone')]);
    await pause(150);
    expect(writes()).toHaveLength(1);
  });
});
