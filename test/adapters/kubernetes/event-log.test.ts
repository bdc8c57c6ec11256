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

describe('What is worth an event of Kubernetes', () => {
  type Step = TokenEvent | ReissueEvent;

  function reasons(steps: readonly Step[], now = NOW): string[] {
    const selection = new EventSelection();
    return steps.flatMap((step) =>
      (step.kind === 'reissue' ? selection.reissue(step) : selection.token(IDENTITY, step, now)).map(
        ({ type, reason }) => `${type} ${reason}`,
      ),
    );
  }

  it.each<{ name: string; steps: readonly Step[]; now?: number; told: string[] }>([
    { name: 'the first token', steps: [issued, stored], told: ['Normal TokenReady'] },
    { name: 'not renewals that go well', steps: [adopted, issued, stored, issued, stored], told: [] },
    {
      name: 'a renewal that is refused, once for each reason, and that it goes well again',
      steps: [
        adopted,
        failed('invalid_client'),
        failed('invalid_client'),
        failed('unreachable'),
        failed('unreachable'),
        issued,
        issued,
      ],
      told: ['Warning RenewalFailed', 'Warning RenewalFailed', 'Normal TokenRenewed'],
    },
    {
      name: 'a token that expired, once, and the one after it',
      steps: [adopted, failed('unreachable'), failed('unreachable'), issued],
      now: NOW + 3_600_000,
      told: ['Warning RenewalFailed', 'Warning TokenExpired', 'Normal TokenReady'],
    },
    {
      name: 'no expiry where there never was a token',
      steps: [failed('unreachable')],
      told: ['Warning RenewalFailed'],
    },
    {
      name: 'a reissue that fails',
      steps: [adopted, failed('unreachable', 'reissue')],
      told: ['Warning ReissueFailed'],
    },
    { name: 'the same token again', steps: [adopted, failed('same_token')], told: ['Warning SameToken'] },
    {
      name: 'a store that refuses, and that it takes tokens again',
      steps: [adopted, storeFailed, storeFailed, stored, stored],
      told: ['Warning StoreFailed', 'Normal TokenStored'],
    },
    {
      name: 'a store that refuses for another reason',
      steps: [storeFailed, { kind: 'store-failed', message: 'It is gone.' }],
      told: ['Warning StoreFailed', 'Warning StoreFailed'],
    },
    {
      name: 'what comes at transitions only',
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
      told: [
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
      name: 'faults of our own and of what is stored, once',
      steps: [
        { kind: 'cycle-failed', message: 'm' },
        { kind: 'cycle-failed', message: 'm' },
        { kind: 'stored-token-unreadable', message: 'm' },
        { kind: 'stored-token-unreadable', message: 'm' },
      ],
      told: ['Warning CycleFailed', 'Warning StoredTokenUnreadable'],
    },
    {
      name: 'nothing of the daily business',
      steps: [
        { kind: 'token-rescheduled', token: facts(), message: 'm' },
        { kind: 'volume-seen', generation: 7, lag: 300 },
        reissue('newer'),
        reissue('coalesced'),
        reissue('rate_limited'),
        reissue('stopping'),
        reissue('reissued'),
      ],
      told: [],
    },
    {
      name: 'reissues that pause or are not stored, until one succeeds',
      steps: [reissue('paused'), reissue('paused'), reissue('store_unavailable'), reissue('reissued')],
      told: ['Warning ReissuePaused', 'Warning ReissueNotStored', 'Normal Reissued'],
    },
    {
      name: 'nothing of a call that only tries the chain',
      steps: [reissue('paused', { test: true }), reissue('store_unavailable', { test: true }), reissue('reissued')],
      told: [],
    },
  ])('$name', ({ steps, now, told }) => {
    expect(reasons(steps, now)).toEqual(told);
  });

  it('is of each token apart, and forgotten with it', () => {
    const selection = new EventSelection();
    const tell = (identity = IDENTITY) => selection.token(identity, storeFailed, NOW).length;
    expect([tell(), tell(), tell({ ...IDENTITY, name: 'other' })]).toEqual([1, 0, 1]);
    selection.forget(IDENTITY);
    expect(tell()).toBe(1);
  });
});

describe('The events of a Secret', () => {
  let fake: FakeKubernetesApi;
  let waits: number[];
  let moved: number;
  let log: Telemetry;
  let faults: string[];

  beforeEach(async () => {
    fake = await startKubernetesApi();
    for (const namespace of ['billing', 'orders']) fake.objects.put(`/api/v1/namespaces/${namespace}`, {});
    const system = createSystemClock();
    // Their own, because the log of the test before may still write.
    const [waited, told]: [number[], string[]] = [[], []];
    waits = waited;
    faults = told;
    moved = 0;
    const clock: Clock = {
      now: system.now,
      monotonic: () => system.monotonic() + moved,
      wait(delay, signal) {
        waited.push(delay);
        return system.wait(1, signal);
      },
    };
    const onFault = (message: string): void => void told.push(message);
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

  it('regard it in its namespace, name the token and who tells', async () => {
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

  it('tell of reissues, and of nothing else that the process does', async () => {
    log.process({ kind: 'stopped' });
    log.process({ kind: 'warning', message: 'm' });
    log.process(reissue('paused'));
    await expect.poll(events, SOON).toMatchObject([{ reason: 'ReissuePaused' }]);
  });

  it('tell what is wrong with a Secret of the process, and that it is so no longer', async () => {
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

  it('that repeat within a minute are one, and later one with a count', async () => {
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

  it('about an unknown caller count its calls', async () => {
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

  it('that the API server no longer has are written anew', async () => {
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
    { name: 'plain', message: 'x'.repeat(5000) },
    { name: 'of three bytes a character', message: '鍵'.repeat(5000) },
    { name: 'of four bytes a character', message: `a${'🔑'.repeat(5000)}` },
  ])('have a message of at most 1024 bytes: $name', async ({ message }) => {
    log.token(IDENTITY, suspended(message));
    await expect.poll(events, SOON).toHaveLength(1);
    const told = events()[0]?.['message'] as string;
    expect(Buffer.byteLength(told)).toBeLessThanOrEqual(1024);
    expect(Buffer.byteLength(told)).toBeGreaterThan(1015);
    expect(told).toMatch(/^Token dynamics: .*…$/);
    expect(told).not.toContain('\ufffd');
  });

  it('are written one after the other, with a pause, and dropped where too many wait', async () => {
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

  it('that may not be written are told once, and tried again after a while', async () => {
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
    { name: 'fails', fault: { status: 500 }, told: 'the API server failed (500)' },
    { name: 'resets', fault: { reset: true }, told: 'cannot be reached' },
    { name: 'wants fewer requests', fault: { status: 429 }, told: '(429)' },
  ])('are dropped while the API server $name, which is told once', async ({ fault, told }) => {
    const restore = fake.intercept(({ path }) => (path.endsWith('/events') ? fault : undefined));
    for (let index = 0; index < 3; index += 1) log.token(IDENTITY, suspended(`Number ${index}.`));
    await expect.poll(writes, SOON).toHaveLength(3);
    restore();
    log.token(IDENTITY, suspended('Now.'));
    await expect.poll(events, SOON).toMatchObject([{ message: 'Token dynamics: Now.' }]);
    expect(faults).toEqual([expect.stringContaining(told)]);
  });

  it('of a namespace that is not there are told of once and dropped', async () => {
    const identity = { ...IDENTITY, namespace: 'gone' };
    log.token(identity, suspended('One.'));
    log.token(identity, suspended('Two.'));
    await expect.poll(() => faults, SOON).toEqual([expect.stringContaining('namespace gone')]);
    await pause(150);
    expect(writes()).toHaveLength(1);
  });
});
