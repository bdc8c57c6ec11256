import { quantile } from '../../bench/statistics.ts';
import { aligned, judgementRows, number } from '../report/table.ts';
import type { Judgement } from '../rules.ts';
import { type ClusterObserved, reissuesInGap } from './cluster-observed.ts';

const MOST_FAILURES = 20;

/** What a soak in the cluster has seen and how it was judged, for a terminal. */
export function clusterTableOf(observed: ClusterObserved, judgements: readonly Judgement[]): string {
  const { began, ended, calls, failed, cured, done, gaps, server } = observed;
  const minutes = (ended - began) / 60_000;
  const facts = [
    [
      'time',
      `${minutes.toFixed(1)} min${observed.interrupted ? ', interrupted' : ''}, ${observed.options.replicas} replicas`,
    ],
    ['calls', `${number(calls)}, ${(calls / minutes / 60).toFixed(0)} a second`],
    ['failed calls', number(failed.length)],
    ['disturbances', done.map(({ trick }) => trick).join(', ')],
    ['calls cured by a reissue', timesOf(cured.map(({ took }) => took))],
    ['reissues while nobody led', timesOf(reissuesInGap(observed).map(({ took }) => took))],
    ['nobody led', gaps.map(({ why, from, to = ended }) => `${((to - from) / 1000).toFixed(1)} s (${why})`).join(', ')],
    [
      'longest time without an answer',
      `${(observed.longestSilence / 1000).toFixed(1)} s; ${observed.unanswered} probes without one`,
    ],
    [
      'token requests',
      `${number(server.tokenRequests)}, of which ${number(server.issued)} gave a token; ${number(server.revoked)} tokens were revoked`,
    ],
    ['at the same time for one token', number(server.overlaps)],
    ['refresh tokens again within the grace', number(server.graced)],
    ['writes of the Lease', `${(observed.leaseWrites / minutes).toFixed(1)} a minute`],
    ...observed.accidents.map((sentence) => ['accident', sentence]),
  ];
  const failures = failed
    .slice(0, MOST_FAILURES)
    .map(({ app, began: at, ended: then, outcome, problem, stored }) => [
      `${((at - began) / 1000).toFixed(1)} s`,
      `${then - at} ms`,
      app,
      outcome.slice(0, 60),
      `stored: ${stored.verdict}`,
      problem?.text.slice(0, 100) ?? '',
    ]);
  return [
    aligned(facts),
    ...(failures.length === 0 ? [] : ['Failed calls', aligned(failures)]),
    'Rules',
    aligned(judgementRows(judgements)),
  ].join('\n\n');
}

function timesOf(times: readonly number[]): string {
  if (times.length === 0) return 'none';
  const at = (share: number): string => `${Math.round(quantile(times, share))} ms`;
  return `${number(times.length)}, p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`;
}
