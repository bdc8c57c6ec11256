import { describe, expect, it } from 'vitest';
import type { AuditedRequest } from '../cluster/node.ts';
import { changesIn, countBetween, kindsOf, requestRow } from './benchmarks/cluster-requests.ts';
import { lagsOf, nudgedRows } from './benchmarks/cluster-volume.ts';

const START = Date.parse('2030-01-01T00:00:00.000Z');

function request(at: number, verb: string, resource: string | undefined, requestURI = '/api/v1/x'): AuditedRequest {
  return {
    verb,
    requestURI,
    user: { username: 'token-acquirer' },
    ...(resource !== undefined && { objectRef: { resource } }),
    requestReceivedTimestamp: new Date(START + at).toISOString(),
  };
}

function stored(...times: readonly number[]) {
  return times.map((at, index) => ({ generation: index + 1, at: START + at }));
}

describe('the changes in a log', () => {
  it('are its stored tokens, and nothing else', () => {
    const time = new Date(START).toISOString();
    const log = [
      { time, event: 'token-issued', generation: 7 },
      { time, event: 'token-stored', generation: 7 },
    ];
    expect(changesIn(log)).toEqual([{ generation: 7, at: START }]);
  });
});

describe('the requests for a change', () => {
  const changes = stored(100, 1100, 2100);

  it.each<[string, readonly AuditedRequest[], number]>([
    [
      'one write for each change but the first',
      [request(1090, 'patch', 'secrets'), request(2090, 'patch', 'secrets')],
      2,
    ],
    ['not what led to the first change', [request(90, 'patch', 'secrets')], 0],
    ['not what came after the last', [request(2150, 'patch', 'pods')], 0],
    ['whatever else was asked between', [request(1500, 'get', 'secrets'), request(1600, 'create', 'events')], 2],
  ])('count %s', (_sentence, requests, expected) => {
    const counted = countBetween(changes, requests);
    expect(counted.changes).toBe(2);
    expect(counted.requests).toHaveLength(expected);
  });

  it.each([
    ['is met with one for each', 20, 20, 1, true],
    ['is met with one more in twenty', 20, 21, 1, true],
    ['is missed with two more', 20, 22, 1, false],
    ['allows one for the nudged pod', 20, 41, 2, true],
    ['is missed with more than that', 20, 42, 2, false],
  ])('has a goal that %s', (_sentence, changed, requests, least, met) => {
    const all = Array.from({ length: requests }, (_, index) => request(index, 'patch', 'secrets'));
    expect(requestRow('requests', { changes: changed, requests: all }, least).goal?.met).toBe(met);
  });

  it('are sorted by their kinds, of a subresource and of no resource too', () => {
    const requests = [
      request(1, 'patch', 'secrets', '/api/v1/namespaces/billing/secrets/billing-tokens?fieldManager=x'),
      request(2, 'patch', 'pods', '/api/v1/namespaces/billing/pods/a/status?dryRun=All'),
      request(3, 'patch', 'pods', '/api/v1/namespaces/billing/pods/a/status'),
      request(4, 'get', undefined, '/version'),
    ];
    expect(kindsOf(requests)).toBe('patch secrets 1, patch pods/status 2, get /version 1');
  });
});

describe('the time from the write to the file', () => {
  const writes = [request(90, 'patch', 'secrets'), request(1090, 'patch', 'secrets'), request(1095, 'patch', 'pods')];
  const seen = (...pairs: readonly (readonly [number, number])[]) =>
    pairs.map(([generation, at]) => ({ generation, at: START + at }));

  it.each<[string, ReturnType<typeof seen>, readonly number[]]>([
    ['is counted from the receipt of the write', seen([1, 400], [2, 1490]), [400]],
    ['is not that of the first generation', seen([2, 0]), []],
    ['is that of a later generation, where one was passed over', seen([1, 400], [3, 2090]), [1000]],
    ['is none where the generation was not seen', seen([1, 400]), []],
  ])('%s', (_sentence, sightings, expected) => {
    expect(lagsOf(sightings, stored(100, 1100), writes)).toEqual(expected);
  });

  it.each([
    ['meets its goal at a second', 1000, true],
    ['misses it beyond', 1001, false],
  ])('%s', (_sentence, longest, met) => {
    const rows = nudgedRows([300, 300, longest]);
    expect(rows.map(({ goal }) => goal?.met)).toEqual([undefined, met]);
  });
});
