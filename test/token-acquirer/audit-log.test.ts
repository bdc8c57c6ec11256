import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/adapters/telemetry/log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import type { CallFacts, ProcessEvent } from '../../src/core/events.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { callFacts, reissueEvent } from '../support/calls.ts';

const identity = { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' };

type Line = Readonly<Record<string, unknown>>;

function audit(level = 'info') {
  const clock = createFakeClock({ now: Date.UTC(2026, 0, 1) });
  const lines: Line[] = [];
  const sink = { write: (text: string): void => void lines.push(JSON.parse(text) as Line) };
  const log = createLog(createLogger(sink, level), clock);
  return {
    lines,
    clock,
    of: (kind: string): Line[] => lines.filter(({ event }) => event === kind),
    process: (event: ProcessEvent): void => log.process(event),
    refused: (call: Partial<CallFacts>, path = '/v1'): void =>
      log.process({ kind: 'call-refused', status: 401, path, call: callFacts({ caller: undefined, ...call }) }),
  };
}

describe('the audit', () => {
  it('names the caller, the token and the address', () => {
    const { lines, process } = audit();
    process(reissueEvent('reissued', { identity, call: callFacts({ pod: 'uid-of-the-pod' }) }));
    process({ kind: 'token-read', identity, result: 'given', call: callFacts() });
    const by = { audit: true, caller: 'billing-app', remote: '10.0.0.7', request_id: 'e5a1' };
    const token = 'billing/billing-tokens/dynamics';
    expect(lines).toMatchObject([
      {
        ...by,
        event: 'reissue',
        token,
        result: 'reissued',
        token_given: true,
        rejected: 'cdcdcdcd',
        pod_uid: 'uid-of-the-pod',
      },
      { ...by, event: 'token-read', token, result: 'given' },
    ]);
  });

  it('marks the calls that only test the chain', () => {
    const { lines, refused, process } = audit();
    process(reissueEvent('reissued', { identity, call: callFacts({ test: true }) }));
    refused({ test: true });
    refused({});
    expect(lines.map((line) => line['test'])).toEqual([true, true, undefined]);
  });

  it('counts calls that are alike although each one names another pod that forwarded it', () => {
    const { of, process, clock } = audit();
    for (let at = 0; at < 100; at += 1) {
      const call = callFacts({ forwardedBy: `invented-${at}` });
      process({ kind: 'call-refused', status: 403, path: '/v1', call });
    }
    expect(of('call-refused').map((line) => line['forwarded_by'])).toEqual(
      Array.from({ length: 10 }, (_, at) => `invented-${at}`),
    );
    return clock.advance(61_000).then(() => expect(of('calls-repeated')).toMatchObject([{ calls: 90 }]));
  });

  it('names a rejected caller and its address', () => {
    const { lines, refused, process } = audit();
    refused({ id: 'a', remote: 'fd00::7' }, '/v1/x');
    process({ kind: 'call-refused', status: 403, path: '/v1/y', call: callFacts() });
    expect(lines).toMatchObject([
      { event: 'call-refused', audit: true, status: 401, remote: 'fd00::7', request_id: 'a', path: '/v1/x' },
      { event: 'call-refused', audit: true, status: 403, remote: '10.0.0.7', caller: 'billing-app' },
    ]);
  });

  it('differs from the rest of the log', () => {
    const { lines, process, refused } = audit();
    refused({});
    process({ kind: 'warning', message: 'm' });
    expect(lines.map(({ audit: audited }) => audited)).toEqual([true, undefined]);
  });

  it('is complete whatever the log level is', () => {
    const { lines, process, refused } = audit('error');
    process(reissueEvent('newer', { identity }));
    refused({});
    process({ kind: 'warning', message: 'm' });
    expect(lines.map(({ event }) => event)).toEqual(['reissue', 'call-refused']);
  });
});

describe('a flood of calls', () => {
  it('of one unknown address becomes ten lines and a count, with any paths', async () => {
    const { refused, of, clock, lines } = audit();
    for (let call = 0; call < 50_000; call += 1) refused({ id: String(call), remote: '10.0.0.9' }, `/v1/${call}`);
    refused({ remote: '10.0.0.7' });
    expect(of('call-refused')).toHaveLength(11);
    await clock.advance(60_000);
    expect(of('calls-repeated')).toMatchObject([
      { audit: true, of: 'call-refused', status: 401, remote: '10.0.0.9', calls: 49_990, within_s: 60 },
    ]);
    expect(lines).toHaveLength(12);
  });

  it('of many unknown addresses is bounded, too, and hides no line of a caller', async () => {
    const { refused, process, of, clock, lines } = audit();
    for (let call = 0; call < 20_000; call += 1) refused({ remote: `fd00::${(call % 2000).toString(16)}` });
    process({ kind: 'call-refused', status: 403, path: '/', call: callFacts() });
    process(reissueEvent('newer', { identity }));
    await clock.advance(60_000);
    expect(lines.length).toBeLessThan(600);
    expect(lines).toContainEqual(expect.objectContaining({ status: 403, caller: 'billing-app' }));
    expect(of('reissue')).toHaveLength(1);
    const counted = of('calls-repeated').reduce((sum, { calls }) => sum + Number(calls), 0);
    expect(counted + of('call-refused').length - 1).toBe(20_000);
    expect(of('calls-repeated')).toContainEqual(expect.objectContaining({ others: true, status: 401 }));
  });

  it('of an allowed client becomes ten lines and a count, for each of its pods and results', async () => {
    const { process, of, clock } = audit();
    for (const pod of ['first', 'second']) {
      for (let call = 0; call < 1000; call += 1) {
        process(reissueEvent(call % 2 === 0 ? 'newer' : 'paused', { identity, call: callFacts({ pod }) }));
      }
    }
    expect(of('reissue')).toHaveLength(40);
    await clock.advance(60_000);
    expect(of('calls-repeated').map(({ pod_uid, result, calls }) => [pod_uid, result, calls])).toEqual([
      ['first', 'newer', 490],
      ['first', 'paused', 490],
      ['second', 'newer', 490],
      ['second', 'paused', 490],
    ]);
  });

  it('of 2,000 pods that get a token together has a line for each', () => {
    const { process, of } = audit();
    for (let pod = 0; pod < 2000; pod += 1) {
      process(
        reissueEvent('coalesced', {
          identity,
          call: callFacts({ pod: String(pod), remote: `10.0.${pod >> 8}.${pod & 255}` }),
        }),
      );
    }
    expect(of('reissue')).toHaveLength(2000);
  });

  it('has lines again in the next minute, and no count of zero', async () => {
    const { refused, of, clock } = audit();
    for (let call = 0; call < 10; call += 1) refused({});
    await clock.advance(60_000);
    refused({});
    await clock.advance(60_000);
    expect(of('call-refused')).toHaveLength(11);
    expect(of('calls-repeated')).toEqual([]);
  });

  it('is counted also if the process stops within the minute', () => {
    const { refused, process, lines } = audit();
    for (let call = 0; call < 15; call += 1) refused({});
    process({ kind: 'stopped' });
    expect(lines.slice(-2)).toMatchObject([{ event: 'calls-repeated', calls: 5 }, { event: 'stopped' }]);
  });
});
