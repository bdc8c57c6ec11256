import { quantile } from '../../bench/statistics.ts';
import { isAboutToken } from '../causes.ts';
import type { Judgement } from '../rules.ts';
import { type ClusterObserved, needlessTokens, reissuesInGap } from './cluster-observed.ts';

/** Renewals are at 30 % of the life, less 5 % of that time. */
export const RENEW_AT = 0.3;
const EARLIEST = RENEW_AT * 0.95 * 0.98;
const REISSUE = 1500;
/** The watch of this program, and the write that takes the Lease. */
const MEASURING = 2;
/** Where a replica acts while another does, both may request the same token. */
const REQUESTS = 1.05;

/** Holds what a soak in the cluster has seen against the rules. */
export function judgeCluster(observed: ClusterObserved): Judgement[] {
  const { failed, gaps, ended, server, tokens, leaseDuration, accidents } = observed;
  const none = (rule: string, count: number): Judgement => ({
    rule,
    found: String(count),
    limit: '0',
    kept: count === 0,
  });
  const inGap = reissuesInGap(observed);
  const slowest = quantile(
    inGap.map(({ took }) => took),
    0.99,
  );
  const longest = Math.max(0, ...gaps.map(({ from, to = ended }) => to - from)) / 1000;
  const needed = server.issued - needlessTokens(tokens, EARLIEST);
  const perNeeded = server.issued / needed;
  return [
    none('calls that failed for want of a token', failed.filter(isAboutToken).length),
    none('calls that the gateway did not answer', failed.filter((call) => !isAboutToken(call)).length),
    none('refresh tokens that came again after the grace', server.replayed),
    none('accidents', accidents.length),
    {
      rule: 'reissues while nobody led, p99',
      found: `${Math.round(slowest)} ms`,
      limit: `≤ ${REISSUE} ms`,
      kept: inGap.length === 0 ? undefined : slowest <= REISSUE,
    },
    {
      rule: 'the longest time in which nobody led',
      found: `${longest.toFixed(1)} s`,
      limit: `≤ a Lease of ${leaseDuration ?? '–'} s`,
      kept: leaseDuration === undefined || gaps.length === 0 ? undefined : longest <= leaseDuration + MEASURING,
    },
    {
      rule: 'tokens issued for each that was needed',
      found: perNeeded.toFixed(3),
      limit: `≤ ${REQUESTS}`,
      kept: perNeeded <= REQUESTS,
    },
  ];
}
