import { Counter, Gauge, Histogram, type MetricObject, Registry } from '@prometheus-io/client';
import type { ProcessCondition, TokenConditions } from '../../core/conditions.ts';
import type { EvidenceEvent, ProcessEvent, ReissueEvent, TokenEvent, TokenFacts } from '../../core/events.ts';
import type { UnownedTokens } from '../../core/shards.ts';
import { identityText, type Sha256, type TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MetricDescription, Telemetry } from '../../ports/telemetry.ts';
import { createConditionMetrics, TOKEN_LABELS } from './condition-metrics.ts';
import { createLineMetrics } from './line-metrics.ts';
import { createProcessMetrics } from './process-metrics.ts';

/** Of metrics about a token and where it comes from. */
const SERVER_LABELS = [...TOKEN_LABELS, 'authorization_server'] as const;

/** Seconds. A volume follows within a second with the nudge, and in 40 to 90 s without it. */
const LAGS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90, 120];

interface Known {
  readonly identity: TokenIdentity;
  /** Name of its authorization server; `undefined` until it is exposed. */
  server: string | undefined;
  facts: TokenFacts | undefined;
  suspended: boolean;
}

export interface Metrics extends Telemetry {
  /** What there is to expose. */
  describe(): readonly MetricDescription[];
  /** Prometheus' text format, at this moment, with the servers of the tokens, and the conditions of tokens and process. */
  expose(
    tokens?: Iterable<TokenConditions>,
    process?: Iterable<ProcessCondition>,
    shards?: Iterable<UnownedTokens>,
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
  const conditions = createConditionMetrics(registers);
  const lines = createLineMetrics(registers);
  const ofProcess = createProcessMetrics(registers, clock);
  return {
    token(identity, event) {
      const entry = known.get(identityText(identity)) ?? newlyKnown(identity);
      known.set(identityText(identity), entry);
      note(entry, event);
      count(counters, identity, event);
    },
    process(event) {
      countProcess(counters, event);
      ofProcess.note(event);
      if (event.kind === 'reissue' || event.kind === 'evidence') countRejected(counters, rejected, event);
    },
    forget(identity, only) {
      known.delete(identityText(identity));
      if (only === 'state') return;
      rejected.delete(identityText(identity));
      for (const counter of [
        counters.renewals,
        counters.requests,
        counters.refused,
        counters.reissues,
        counters.reads,
        counters.rejected,
        counters.evidence,
        counters.repairs,
        counters.revocations,
        counters.storeFailures,
      ]) {
        void removeOf(counter, identity);
      }
    },
    async expose(tokens = [], process = [], shards = []) {
      for (const { identity, authorizationServer } of tokens) {
        const entry = known.get(identityText(identity));
        if (entry !== undefined) entry.server = authorizationServer;
      }
      conditions.set(tokens);
      lines.set(tokens);
      ofProcess.set(process, shards);
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
    const made = new Gauge<(typeof SERVER_LABELS)[number]>({
      name,
      help,
      labelNames: [...SERVER_LABELS],
      registers,
      collect() {
        made.reset();
        for (const entry of known.values()) {
          const value = valueOf(entry);
          if (value !== undefined) made.set(labelsOf(entry.identity, entry.server), value);
        }
      },
    });
  };
  const seconds = (at: number | undefined): number | undefined => (at === undefined ? undefined : at / 1000);
  gauge(
    'token_acquirer_token_seconds_to_expiry',
    'Seconds until the current token expires; negative after its expiry.',
    ({ facts }) => seconds(facts && facts.expiresAt - clock.now()),
  );
  gauge(
    'token_acquirer_token_expiration_timestamp_seconds',
    'Expiry of the current token, as Unix time.',
    ({ facts }) => seconds(facts?.expiresAt),
  );
  gauge(
    'token_acquirer_token_renewal_timestamp_seconds',
    'Next renewal of the current token, as Unix time.',
    ({ facts }) => seconds(facts?.renewAt),
  );
  gauge('token_acquirer_token_generation', 'Generation of the current token.', ({ facts }) => facts?.generation);
  gauge(
    'token_acquirer_token_suspended',
    '1 while no token is requested because the client app does not run.',
    ({ suspended }) => (suspended ? 1 : 0),
  );
}

function newlyKnown(identity: TokenIdentity): Known {
  return { identity, server: undefined, facts: undefined, suspended: false };
}

/** A label that is not known is left out. */
function labelsOf({ namespace, secret, name }: TokenIdentity, server: string | undefined) {
  return { namespace, secret, name, ...(server !== undefined && { authorization_server: server }) };
}

function createCounters(registers: Registry[]) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  return {
    renewals: counter('token_acquirer_renewals_total', 'Scheduled renewals, by outcome.', [
      ...SERVER_LABELS,
      'outcome',
    ]),
    reissues: counter(
      'token_acquirer_reissues_total',
      'Calls of the reissue endpoint, by outcome. Calls of helm test have the outcome test.',
      [...SERVER_LABELS, 'outcome'],
    ),
    reads: counter(
      'token_acquirer_token_reads_total',
      'Reads of a token from the endpoint (delivery: endpoint), by outcome: given or unavailable.',
      [...TOKEN_LABELS, 'outcome'],
    ),
    requests: counter('token_acquirer_token_requests_total', 'Token requests, by result: ok or an error code.', [
      ...SERVER_LABELS,
      'result',
    ]),
    rejected: counter(
      'token_acquirer_rejected_tokens_total',
      'Tokens that a client, a gateway or a log line reported as rejected while they were current. Each token counts once.',
      SERVER_LABELS,
    ),
    evidence: evidenceCounter(registers),
    repairs: counter(
      'token_acquirer_repairs_total',
      'Stored tokens that token-acquirer wrote again because someone else had changed them.',
      TOKEN_LABELS,
    ),
    revocations: counter(
      'token_acquirer_revocations_total',
      'Attempts to revoke a replaced token (revokePrevious), by outcome.',
      [...SERVER_LABELS, 'outcome'],
    ),
    storeFailures: counter(
      'token_acquirer_store_failures_total',
      'Failed reads and writes of the token store.',
      TOKEN_LABELS,
    ),
    refused: counter(
      'token_acquirer_refused_calls_total',
      'Calls of the reissue endpoint that were rejected, by status. If the caller is authenticated and asked for a configured token, the labels name the token.',
      [...TOKEN_LABELS, 'status'],
    ),
    lag: new Histogram({
      name: 'token_acquirer_volume_lag_seconds',
      help: 'Seconds from the write of a token to its arrival in a mounted volume, as clients report it with their reissue calls.',
      buckets: LAGS,
      registers,
    }),
    forwarded: forwardedCounter(registers),
    reloads: counter('token_acquirer_configuration_loads_total', 'Configuration loads, by outcome.', ['outcome']),
  };
}

function evidenceCounter(registers: Registry[]) {
  return new Counter({
    name: 'token_acquirer_evidence_total',
    help: 'Reports by log lines and gateways that counted for the current token, by source and outcome.',
    labelNames: [...SERVER_LABELS, 'source', 'outcome'],
    registers,
  });
}

function forwardedCounter(registers: Registry[]) {
  return new Counter({
    name: 'token_acquirer_forwarded_calls_total',
    help: 'Calls that this replica forwarded to another one, by outcome. The other one counts them by their own outcome.',
    labelNames: ['to', 'outcome'],
    registers,
  });
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
    const withServer = labelsOf(identity, event.server);
    counters.requests.inc({ ...withServer, result: ok ? 'ok' : event.code });
    if (event.trigger === 'renewal') counters.renewals.inc({ ...withServer, outcome: ok ? 'renewed' : 'failed' });
  }
  if (event.kind === 'token-revoked' || event.kind === 'revocation-failed') {
    const outcome = event.kind === 'token-revoked' ? 'revoked' : event.result;
    counters.revocations.inc({ ...labelsOf(identity, event.server), outcome });
  }
  if (event.kind === 'token-repaired') counters.repairs.inc(labels);
  if (event.kind === 'volume-seen') counters.lag.observe(event.lag / 1000);
  if (event.kind === 'store-failed') counters.storeFailures.inc(labels);
}

function countProcess(counters: Counters, event: ProcessEvent): void {
  if (event.kind === 'reissue') {
    // A test says nothing about what clients meet, and the alerts count other outcomes.
    const outcome = event.call.test === true ? 'test' : event.result;
    counters.reissues.inc({ ...labelsOf(event.identity, event.server), outcome });
  }
  if (event.kind === 'evidence') {
    const { identity, server, source, result } = event;
    counters.evidence.inc({ ...labelsOf(identity, server), source: source.by, outcome: result });
  }
  if (event.kind === 'call-forwarded') counters.forwarded.inc({ to: event.to, outcome: event.result });
  if (event.kind === 'token-read') counters.reads.inc({ ...event.identity, outcome: event.result });
  if (event.kind === 'call-refused') counters.refused.inc({ ...event.identity, status: String(event.status) });
  if (event.kind === 'configuration-loaded') counters.reloads.inc({ outcome: 'loaded' });
  if (event.kind === 'configuration-refused') counters.reloads.inc({ outcome: 'refused' });
}

/** A token that many calls report counts once. `last`: the hash that was counted last, by token. */
function countRejected(counters: Counters, last: Map<string, Sha256>, event: ReissueEvent | EvidenceEvent): void {
  const { identity, server, rejected } = event;
  const token = identityText(identity);
  const isReal = event.kind === 'evidence' || (event.current && event.call.test !== true);
  if (!isReal || last.get(token) === rejected) return;
  last.set(token, rejected);
  counters.rejected.inc(labelsOf(identity, server));
}

/** A counter drops one series at a time, so those of the token are looked up first. */
async function removeOf(counter: Counter<string>, { namespace, secret, name }: TokenIdentity): Promise<void> {
  const { values } = await counter.get();
  for (const { labels } of values) {
    const found: Partial<Record<string, string | number>> = labels;
    const same = found['namespace'] === namespace && found['secret'] === secret && found['name'] === name;
    if (same) counter.remove(labels);
  }
}
