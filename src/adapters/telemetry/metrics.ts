import { Counter, Gauge, Histogram, type MetricObject, Registry } from '@prometheus-io/client';
import { type ProcessCondition, type TokenConditions, unhealthyAmong } from '../../core/conditions.ts';
import type { ProcessEvent, ReissueEvent, TokenEvent, TokenFacts } from '../../core/events.ts';
import { identityText, type Sha256, type TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MetricDescription, Telemetry } from '../../ports/telemetry.ts';
import { createProcessMetrics } from './process-metrics.ts';

const TOKEN_LABELS = ['namespace', 'secret', 'name'] as const;

/** Seconds: at once with the nudge, 40 to 90 without. */
const LAGS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90, 120];

interface Known {
  readonly identity: TokenIdentity;
  facts: TokenFacts | undefined;
  suspended: boolean;
}

export interface Metrics extends Telemetry {
  /** What there is to expose. */
  describe(): readonly MetricDescription[];
  /** Prometheus' text format, at this moment, with the conditions that tokens and process have now. */
  expose(
    tokens?: Iterable<TokenConditions>,
    process?: Iterable<ProcessCondition>,
  ): Promise<{ contentType: string; text: string }>;
}

/** The metrics; their names are as stable as an API. */
export function createMetrics(clock: Clock): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const known = new Map<string, Known>();
  const rejected = new Map<string, Sha256>();
  addGauges({ registers, known, clock });
  const counters = createCounters(registers);
  const unhealthy = createUnhealthyConditions(registers);
  const ofProcess = createProcessMetrics(registers, clock);
  return {
    token(identity, event) {
      const entry = known.get(identityText(identity)) ?? { identity, facts: undefined, suspended: false };
      known.set(identityText(identity), entry);
      note(entry, event);
      count(counters, identity, event);
    },
    process(event) {
      countProcess(counters, event);
      ofProcess.note(event);
      if (event.kind === 'reissue') countRejected(counters, rejected, event);
    },
    forget(identity) {
      known.delete(identityText(identity));
      rejected.delete(identityText(identity));
      for (const counter of [
        counters.renewals,
        counters.reissues,
        counters.reads,
        counters.rejected,
        counters.repairs,
        counters.storeFailures,
      ]) {
        void removeOf(counter, identity);
      }
    },
    async expose(tokens = [], process = []) {
      setUnhealthyConditions(unhealthy, tokens);
      ofProcess.set(process);
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    describe() {
      // The typings leave out the label names.
      const metrics = registry.getMetricsAsArray() as readonly (MetricObject & { labelNames?: readonly string[] })[];
      return metrics.map(({ name, help, type, labelNames = [] }) => ({ name, help, type, labels: labelNames }));
    },
  };
}

interface Gauged {
  readonly registers: Registry[];
  readonly known: ReadonlyMap<string, Known>;
  readonly clock: Clock;
}

/** Read when they are scraped, so that nothing is computed in between. */
function addGauges({ registers, known, clock }: Gauged): void {
  const gauge = (name: string, help: string, valueOf: (entry: Known) => number | undefined): void => {
    const made = new Gauge<(typeof TOKEN_LABELS)[number]>({
      name,
      help,
      labelNames: [...TOKEN_LABELS],
      registers,
      collect() {
        made.reset();
        for (const entry of known.values()) {
          const value = valueOf(entry);
          if (value !== undefined) made.set({ ...entry.identity }, value);
        }
      },
    });
  };
  const seconds = (at: number | undefined): number | undefined => (at === undefined ? undefined : at / 1000);
  gauge(
    'token_acquirer_token_seconds_to_expiry',
    'Seconds until the present token expires; negative when it has.',
    ({ facts }) => seconds(facts && facts.expiresAt - clock.now()),
  );
  gauge(
    'token_acquirer_token_expiration_timestamp_seconds',
    'When the present token expires, as Unix time.',
    ({ facts }) => seconds(facts?.expiresAt),
  );
  gauge(
    'token_acquirer_token_renewal_timestamp_seconds',
    'When the present token is to be renewed, as Unix time.',
    ({ facts }) => seconds(facts?.renewAt),
  );
  gauge('token_acquirer_token_generation', 'Generation of the present token.', ({ facts }) => facts?.generation);
  gauge(
    'token_acquirer_token_suspended',
    '1 while acquisition is suspended because the client app is not running.',
    ({ suspended }) => (suspended ? 1 : 0),
  );
}

/** Only what is unhealthy has a series: thousands of tokens would have ten each. */
function createUnhealthyConditions(registers: Registry[]) {
  return new Gauge({
    name: 'token_acquirer_condition_unhealthy',
    help: '1 for each unhealthy condition of a token. A healthy condition has no series.',
    labelNames: [...TOKEN_LABELS, 'type'],
    registers,
  });
}

function setUnhealthyConditions(
  gauge: ReturnType<typeof createUnhealthyConditions>,
  tokens: Iterable<TokenConditions>,
): void {
  gauge.reset();
  for (const { identity, conditions } of tokens) {
    for (const condition of unhealthyAmong(Object.values(conditions))) {
      const { namespace, secret, name } = identity;
      gauge.set({ namespace, secret, name, type: condition.type }, 1);
    }
  }
}

function createCounters(registers: Registry[]) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  return {
    renewals: counter('token_acquirer_renewals_total', 'Scheduled renewals, by outcome.', [...TOKEN_LABELS, 'outcome']),
    reissues: counter(
      'token_acquirer_reissues_total',
      'Calls of the reissue endpoint, by outcome. Those of helm test have the outcome test.',
      [...TOKEN_LABELS, 'outcome'],
    ),
    reads: counter(
      'token_acquirer_token_reads_total',
      'Reads of a token from the endpoint (delivery: endpoint), by outcome: given or unavailable.',
      [...TOKEN_LABELS, 'outcome'],
    ),
    requests: counter('token_acquirer_token_requests_total', 'Token requests, by result: ok or an error code.', [
      'result',
    ]),
    rejected: counter(
      'token_acquirer_rejected_tokens_total',
      'Tokens that a client reported as rejected while they were current. Each token counts once.',
      TOKEN_LABELS,
    ),
    repairs: counter(
      'token_acquirer_repairs_total',
      'Stored tokens that someone else had changed and that were written again.',
      TOKEN_LABELS,
    ),
    storeFailures: counter(
      'token_acquirer_store_failures_total',
      'Failed reads and writes of the token store.',
      TOKEN_LABELS,
    ),
    refused: counter(
      'token_acquirer_refused_calls_total',
      'Calls of the reissue endpoint that were refused, by status.',
      ['status'],
    ),
    lag: new Histogram({
      name: 'token_acquirer_volume_lag_seconds',
      help: 'From the write of a token to its sight in a mounted volume, as clients report it with their reissue calls.',
      buckets: LAGS,
      registers,
    }),
    reloads: counter('token_acquirer_configuration_loads_total', 'Configuration loads, by outcome.', ['outcome']),
  };
}

type Counters = ReturnType<typeof createCounters>;

function note(entry: Known, event: TokenEvent): void {
  if ('token' in event) entry.facts = event.token;
  if (event.kind === 'suspended') entry.suspended = true;
  if (event.kind === 'resumed') entry.suspended = false;
}

function count(counters: Counters, identity: TokenIdentity, event: TokenEvent): void {
  const labels = { ...identity };
  if (event.kind === 'token-issued' || event.kind === 'token-request-failed') {
    const ok = event.kind === 'token-issued';
    counters.requests.inc({ result: ok ? 'ok' : event.code });
    if (event.trigger === 'renewal') counters.renewals.inc({ ...labels, outcome: ok ? 'renewed' : 'failed' });
  }
  if (event.kind === 'token-repaired') counters.repairs.inc(labels);
  if (event.kind === 'volume-seen') counters.lag.observe(event.lag / 1000);
  if (event.kind === 'store-failed') counters.storeFailures.inc(labels);
}

function countProcess(counters: Counters, event: ProcessEvent): void {
  if (event.kind === 'reissue') {
    // A test says nothing about what clients meet, and the alerts count other outcomes.
    counters.reissues.inc({ ...event.identity, outcome: event.call.test === true ? 'test' : event.result });
  }
  if (event.kind === 'token-read') counters.reads.inc({ ...event.identity, outcome: event.result });
  if (event.kind === 'call-refused') counters.refused.inc({ status: String(event.status) });
  if (event.kind === 'configuration-loaded') counters.reloads.inc({ outcome: 'loaded' });
  if (event.kind === 'configuration-refused') counters.reloads.inc({ outcome: 'refused' });
}

/** A token that many calls report counts once. `last`: the hash that was counted last, by token. */
function countRejected(
  counters: Counters,
  last: Map<string, Sha256>,
  { identity, current, rejected, call }: ReissueEvent,
): void {
  const token = identityText(identity);
  if (!current || call.test === true || last.get(token) === rejected) return;
  last.set(token, rejected);
  counters.rejected.inc({ ...identity });
}

/** A counter drops one series at a time, so those of the token are looked up first. */
async function removeOf(
  counter: Counter<(typeof TOKEN_LABELS)[number] | 'outcome'>,
  { namespace, secret, name }: TokenIdentity,
): Promise<void> {
  const { values } = await counter.get();
  for (const { labels } of values) {
    const found: Partial<Record<string, string | number>> = labels;
    const same = found['namespace'] === namespace && found['secret'] === secret && found['name'] === name;
    if (same) counter.remove(labels);
  }
}
