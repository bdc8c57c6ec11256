import { quantile } from '../bench/statistics.ts';
import type { Observed, ProcessSeries } from './observed.ts';
import { growth, lowest, type Point } from './trend.ts';

export interface Judgement {
  readonly rule: string;
  readonly found: string;
  readonly limit: string;
  /** `undefined`: too short a time to judge it. */
  readonly kept: boolean | undefined;
}

/** Compilers, caches and connections settle in the first part. */
const WARM_UP = 0.25;
/** Below this time nothing is said about growth. */
const SHORTEST_WATCH = 300;
/** Of the time that is judged: the lowest value of each such part counts. */
const PARTS = 8;
const MEGABYTE = 1e6;
/** More than garbage leaves behind, and less than a leak of 20 bytes a call in half an hour. */
const MEMORY_SHARE = 0.05;
const MEMORY_LEAST = 4 * MEGABYTE;
const DESCRIPTORS = 2;
const DELAY = 1000;
/** One token-acquirer makes so many token requests together. */
const AT_ONCE = 20;
const ACQUIRERS = 2;

/** Holds what a soak has seen against the rules. */
export function judge(observed: Observed): Judgement[] {
  const { server, failed, options, states, interrupted, accidents } = observed;
  const failedWith = (verdict: string): number =>
    failed.filter((one) => one.verdict === verdict).reduce((total, { calls }) => total + calls, 0);
  const none = (rule: string, count: number): Judgement => ({
    rule,
    found: String(count),
    limit: '0',
    kept: count === 0,
  });
  return [
    none('calls that failed while a valid token existed', failedWith('violation')),
    none('failed calls that no disturbance explains', failedWith('unknown')),
    none('calls that the gateway did not answer', failedWith('gateway')),
    none('reads of half a token', observed.torn),
    none('token requests of one token at the same time', server.overlaps),
    none('refresh tokens that came again after the grace', server.replayed),
    none('tokens that asked for a new credential', observed.needsCredential),
    none('processes that ended by themselves, and other accidents', accidents.length),
    atMost('token requests at the same time', server.mostInFlight, AT_ONCE * ACQUIRERS),
    {
      rule: 'tokens that are valid at the end',
      found: String(states['Valid'] ?? 0),
      limit: String(options.tokens),
      kept: interrupted ? undefined : states['Valid'] === options.tokens,
    },
    ...observed.processes.filter(({ judged }) => judged).flatMap((one) => processRules(one, observed.seconds)),
  ];
}

export function isKept(judgements: readonly Judgement[]): boolean {
  return judgements.every(({ kept }) => kept !== false);
}

function atMost(rule: string, value: number, limit: number): Judgement {
  return { rule, found: String(value), limit: `≤ ${limit}`, kept: value <= limit };
}

function processRules(series: ProcessSeries, seconds: number): Judgement[] {
  const settled = series.samples.filter(({ at }) => at >= WARM_UP * seconds);
  const watched = (settled.at(-1)?.at ?? 0) - (settled[0]?.at ?? 0);
  const grown = (value: (sample: (typeof settled)[number]) => number): number =>
    growth(
      lowest(
        settled.map((sample): Point => ({ at: sample.at, value: value(sample) })),
        watched / PARTS,
      ),
    );
  const limit =
    MEMORY_LEAST +
    MEMORY_SHARE *
      quantile(
        settled.map(({ memory }) => memory),
        0.5,
      );
  const memory = grown((sample) => sample.memory);
  const descriptors = grown((sample) => sample.descriptors);
  const delay = quantile(series.delays, 0.99);
  const long = watched >= SHORTEST_WATCH;
  const { name } = series;
  return [
    {
      rule: `memory that ${name} gained after the warm-up`,
      found: megabytes(memory),
      limit: `≤ ${megabytes(limit)}`,
      kept: long && !series.restarts ? memory <= limit : undefined,
    },
    {
      rule: `descriptors that ${name} gained after the warm-up`,
      found: descriptors.toFixed(1),
      limit: `≤ ${DESCRIPTORS}`,
      kept: long ? descriptors <= DESCRIPTORS : undefined,
    },
    {
      rule: `delay of the event loop of ${name}, p99`,
      found: `${Math.round(delay)} ms`,
      limit: `≤ ${DELAY} ms`,
      kept: series.delays.length === 0 ? undefined : delay <= DELAY,
    },
  ];
}

export function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(1)} MB`;
}
