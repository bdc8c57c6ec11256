import { describe, expect, it } from 'vitest';
import type { IssuedToken } from '../parts/server-messages.ts';
import { type ClusterObserved, isInGap, needlessTokens, reissuesOf } from './cluster-observed.ts';
import { clusterPlotOf } from './cluster-plot.ts';
import { judgeCluster } from './cluster-rules.ts';
import { clusterTableOf } from './cluster-table.ts';
import { PodLog } from './pod-log.ts';

const BEGAN = 1_000_000;
const SECOND = 1000;

function issued(at: number, more: Partial<IssuedToken> = {}): IssuedToken {
  const issuedAt = BEGAN + at * SECOND;
  return { sha256: 'a', issuedAt, expiresAt: issuedAt + 300 * SECOND, ...more };
}

function observedWith(more: Partial<ClusterObserved> = {}): ClusterObserved {
  const tokens = { 'app-0': [issued(0), issued(88), issued(176)] };
  return {
    options: { minutes: 5, tricks: ['kill'], every: 30, replicas: 2, tokens: 20, rate: 200 },
    began: BEGAN,
    ended: BEGAN + 300 * SECOND,
    interrupted: false,
    calls: 60_000,
    failed: [],
    cured: [
      { app: 'app-0', began: BEGAN + 10 * SECOND, took: 80 },
      { app: 'app-0', began: BEGAN + 40 * SECOND, took: 700 },
    ],
    longestSilence: 600,
    unanswered: 2,
    done: [{ trick: 'kill', pod: 'a', began: BEGAN + 30 * SECOND, ended: BEGAN + 31 * SECOND }],
    gaps: [{ why: 'kill', from: BEGAN + 30 * SECOND, to: BEGAN + 85 * SECOND }],
    leaseDuration: 60,
    leaseWrites: 20,
    server: {
      tokenRequests: 3,
      issued: 3,
      revoked: 0,
      overlaps: 0,
      mostInFlight: 1,
      graced: 0,
      replayed: 0,
      answers: { 200: 3 },
    },
    tokens,
    rates: [0, 100, 200].map((at) => ({ at, calls: at * 200, failed: 0 })),
    accidents: [],
    ...more,
  };
}

function brokenRules(observed: ClusterObserved): string[] {
  return judgeCluster(observed)
    .filter(({ kept }) => kept === false)
    .map(({ rule }) => rule);
}

describe('the rules of a soak in the cluster', () => {
  it('are kept by a healthy one', () => {
    expect(brokenRules(observedWith())).toEqual([]);
  });

  it.each<[string, Partial<ClusterObserved>, string]>([
    [
      'a call failed',
      {
        failed: [{ app: 'a', began: BEGAN, ended: BEGAN, outcome: '401', stored: { verdict: 'none', age: 0 } }],
      },
      'calls that failed for want of a token',
    ],
    [
      'a reissue in a gap took too long',
      { cured: [{ app: 'a', began: BEGAN + 40 * SECOND, took: 1600 }] },
      'reissues while nobody led, p99',
    ],
    [
      'nobody led for longer than a Lease',
      { gaps: [{ why: 'kill', from: BEGAN, to: BEGAN + 70 * SECOND }] },
      'the longest time in which nobody led',
    ],
    [
      'nobody has led since',
      { gaps: [{ why: 'kill', from: BEGAN + 100 * SECOND }] },
      'the longest time in which nobody led',
    ],
    [
      'a token was requested twice',
      { tokens: { 'app-0': [issued(0), issued(88), issued(89)] } },
      'tokens issued for each that was needed',
    ],
    ['a trick failed', { accidents: ['kill: no process'] }, 'accidents'],
  ])('are broken where %s', (_, more, rule) => {
    expect(brokenRules(observedWith(more))).toEqual([rule]);
  });

  it('do not judge the Lease of a release that has none', () => {
    const { leaseDuration: _, ...without } = observedWith({ gaps: [] });
    const judged = judgeCluster({ ...without, leaseDuration: undefined });
    expect(judged.find(({ rule }) => rule.startsWith('the longest'))?.kept).toBeUndefined();
  });
});

describe('a token', () => {
  it.each<[string, readonly IssuedToken[], number]>([
    ['that followed a revocation is needed', [issued(0, { revokedAt: BEGAN + 5 * SECOND }), issued(6)], 0],
    ['that came before the revocation is not', [issued(0, { revokedAt: BEGAN + 5 * SECOND }), issued(4)], 1],
    ['that was renewed in time is needed', [issued(0), issued(86)], 0],
    ['that was renewed early is not', [issued(0), issued(60)], 1],
    ['that is the first is needed', [issued(0)], 0],
  ])('%s', (_, tokens, needless) => {
    expect(needlessTokens({ 'app-0': tokens }, 0.28)).toBe(needless);
  });
});

describe('a reissue', () => {
  it('is counted once, by the call that waited longest', () => {
    const first = { app: 'a', began: BEGAN, took: 300 };
    const later = { app: 'a', began: BEGAN + 400, took: 50 };
    const other = { app: 'b', began: BEGAN + 100, took: 200 };
    expect(reissuesOf([{ app: 'a', began: BEGAN + 200, took: 100 }, other, first, later])).toEqual([
      first,
      other,
      later,
    ]);
  });
});

describe('the report of a soak in the cluster', () => {
  it('separates reissues in a gap from the others', () => {
    const observed = observedWith();
    expect(observed.cured.map((call) => isInGap(call, observed))).toEqual([false, true]);
    const table = clusterTableOf(observed, judgeCluster(observed));
    expect(table).toMatch(/reissues while nobody led +1, p50 700 ms/);
    expect(table).toMatch(/nobody led +55.0 s \(kill\)/);
    expect(clusterPlotOf(observed)).not.toContain('NaN');
  });
});

describe('the log of the client', () => {
  const line = (number: number, calls: number): string =>
    JSON.stringify({
      event: 'calls',
      number,
      at: BEGAN + number * SECOND,
      calls,
      cured: [],
      failed: [],
      answered: [BEGAN + number * SECOND],
      unanswered: 1,
    });

  it('is added up once, however often it is read', async () => {
    const texts = [
      ['a warning of Node', line(1, 200), line(2, 190)],
      [line(2, 190), line(5, 210)],
    ];
    const log = new PodLog({ clientLog: async () => (texts.shift() ?? []).join('\n') }, BEGAN);
    await log.read();
    await log.read();
    expect([log.calls, log.unanswered, log.longestSilence]).toEqual([600, 3, 3000]);
  });
});
