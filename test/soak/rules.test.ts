import { describe, expect, it } from 'vitest';
import type { Observed, ProcessSeries, Sample } from './observed.ts';
import { plotOf } from './report/plot.ts';
import { tableOf } from './report/table.ts';
import { isKept, judge } from './rules.ts';
import { growth, lowest, slope } from './trend.ts';

const SECONDS = 600;

function series(more: Partial<ProcessSeries> = {}, value: (at: number) => Partial<Sample> = () => ({})): ProcessSeries {
  const samples = Array.from({ length: SECONDS }, (_, at) => ({
    at,
    memory: 40e6 + (at % 7) * 1e6,
    descriptors: 25,
    ...value(at),
  }));
  return { name: 'token-acquirer', judged: true, restarts: false, samples, delays: [3, 4, 5], ...more };
}

function observedWith(more: Partial<Observed> = {}): Observed {
  return {
    options: { minutes: 10, seed: 7, tokens: 60, rate: 200, lifetime: 60, output: undefined },
    seconds: SECONDS,
    interrupted: false,
    calls: { library: 100_000, reader: 5000 },
    failed: [
      { verdict: 'documented', sentence: 'revoked while the authorization server was down', by: 'library', calls: 3 },
    ],
    slowestCall: 900,
    torn: 0,
    server: {
      tokenRequests: 900,
      issued: 800,
      revoked: 9,
      overlaps: 0,
      mostInFlight: 20,
      graced: 2,
      replayed: 0,
      answers: { 200: 800 },
    },
    needsCredential: 0,
    processes: [series()],
    rates: [0, 1, 2, 3].map((at) => ({ at: at * 200, calls: at * 40_000, failed: at })),
    disturbed: [{ kind: 'killed', began: 30, ended: 32 }],
    leftOut: [],
    states: { Valid: 60 },
    accidents: [],
    ...more,
  };
}

function brokenRules(observed: Observed): string[] {
  return judge(observed)
    .filter(({ kept }) => kept === false)
    .map(({ rule }) => rule);
}

describe('the rules of a soak', () => {
  it('are kept by a healthy one', () => {
    expect(brokenRules(observedWith())).toEqual([]);
    expect(isKept(judge(observedWith()))).toBe(true);
  });

  it.each<[string, Partial<Observed>, string]>([
    [
      'a call failed while a valid token existed',
      { failed: [{ verdict: 'violation', sentence: 'a', by: 'library', calls: 1 }] },
      'calls that failed while a valid token existed',
    ],
    [
      'a failed call has no explanation',
      { failed: [{ verdict: 'unknown', sentence: 'a', by: 'reader', calls: 1 }] },
      'failed calls that no disturbance explains',
    ],
    ['a token is not valid at the end', { states: { Valid: 59, Expired: 1 } }, 'tokens that are valid at the end'],
    [
      'a process ended by itself',
      { accidents: ['It ended.'] },
      'processes that ended by themselves, and other accidents',
    ],
    [
      'a refresh token was replayed',
      { server: { ...observedWith().server, replayed: 1 } },
      'refresh tokens that came again after the grace',
    ],
    [
      'memory grows by 20 kB a second',
      { processes: [series({}, (at) => ({ memory: 40e6 + at * 20_000 + (at % 9) * 1e6 }))] },
      'memory that token-acquirer gained after the warm-up',
    ],
    [
      'a descriptor leaks each minute',
      { processes: [series({}, (at) => ({ descriptors: 25 + Math.floor(at / 60) }))] },
      'descriptors that token-acquirer gained after the warm-up',
    ],
    [
      'the event loop stands still',
      { processes: [series({ delays: [1500] })] },
      'delay of the event loop of token-acquirer, p99',
    ],
  ])('are broken where %s', (_, more, rule) => {
    expect(brokenRules(observedWith(more))).toEqual([rule]);
  });

  it('forgive growth during the warm-up, and in processes that are not ours', () => {
    const warming = series({}, (at) => ({ memory: 40e6 + Math.min(at, 100) * 1e6 }));
    const other = series({ name: 'server', judged: false }, (at) => ({ memory: at * 1e6 }));
    expect(brokenRules(observedWith({ processes: [warming, other] }))).toEqual([]);
  });

  it('do not judge the memory of a process that is started again', () => {
    const restarted = series({ restarts: true }, (at) => ({ memory: 40e6 + at * 1e5 }));
    expect(brokenRules(observedWith({ processes: [restarted] }))).toEqual([]);
  });

  it('do not judge what a short or interrupted run cannot show', () => {
    const growing = { ...series(), samples: series({}, (at) => ({ memory: at * 1e6 })).samples.slice(0, 60) };
    const short = observedWith({ seconds: 60, processes: [growing], interrupted: true, states: {} });
    expect(judge(short).filter(({ kept }) => kept === undefined)).toHaveLength(3);
    expect(isKept(judge(short))).toBe(true);
  });
});

describe('a trend', () => {
  const points = Array.from({ length: 300 }, (_, at) => ({ at, value: at * 2 + (at % 10) * 50 }));

  it('is the slope of the lowest points, whatever comes and goes above them', () => {
    expect(slope(lowest(points, 10))).toBe(2);
    expect(growth(lowest(points, 10))).toBe(580);
  });

  it('is zero for too few points', () => {
    expect(growth([])).toBe(0);
    expect(growth([{ at: 1, value: 5 }])).toBe(0);
  });
});

describe('the report of a soak', () => {
  it('has the seed, the causes and each rule', () => {
    const observed = observedWith({ torn: 1 });
    const table = tableOf(observed, judge(observed));
    expect(table).toMatch(/seed +7/);
    expect(table).toMatch(/3 by the library +documented +revoked while the authorization server was down/);
    expect(table).toMatch(/reads of half a token +1 +0 +BROKEN/);
  });

  it('plots memory, descriptors and calls', () => {
    const plot = plotOf(observedWith());
    for (const title of ['Anonymous memory, MB', 'Open descriptors', 'Calls a second']) expect(plot).toContain(title);
    expect(plot.match(/<polyline/g)).toHaveLength(4);
    expect(plot).not.toContain('NaN');
  });
});
