import { Counter, Histogram, type Registry } from '@prometheus-io/client';
import type { EvidenceEvent, ProcessEvent, ReissueEvent, TokenEvent } from '../../core/events.ts';
import { identityText, type Sha256, type TokenIdentity } from '../../core/token.ts';
import { TOKEN_LABELS } from './condition-metrics.ts';
import { labelsOf, SERVER_LABELS } from './token-labels.ts';

/** Seconds. A volume follows within a second with the nudge, and in 40 to 90 s without it. */
const LAGS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90, 120];

/** Seconds. A token request is given up after 10 s by default. */
const DURATIONS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Creates what is counted of tokens and of the process. */
export function createCounters(registers: Registry[]) {
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
      'Attempts to revoke a token (revokePrevious, revokeOnDelete), by outcome.',
      [...SERVER_LABELS, 'outcome'],
    ),
    storeWrites: counter(
      'token_acquirer_store_writes_total',
      'Tokens that were written to the token store.',
      TOKEN_LABELS,
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
    ...createHistograms(registers),
    forwarded: forwardedCounter(registers),
    reloads: counter('token_acquirer_configuration_loads_total', 'Configuration loads, by outcome.', ['outcome']),
  };
}

function createHistograms(registers: Registry[]) {
  return {
    durations: new Histogram({
      name: 'token_acquirer_token_request_duration_seconds',
      help: 'Seconds from the begin of a token request to its answer or error, by authorization server.',
      labelNames: ['authorization_server'],
      buckets: DURATIONS,
      registers,
    }),
    lag: new Histogram({
      name: 'token_acquirer_volume_lag_seconds',
      help: 'Seconds from the write of a token to its arrival in a mounted volume, as clients report it with their reissue calls.',
      buckets: LAGS,
      registers,
    }),
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

export type Counters = ReturnType<typeof createCounters>;

/** Counts an event of a token. */
export function count(counters: Counters, identity: TokenIdentity, event: TokenEvent): void {
  const labels = { ...identity };
  if (event.kind === 'token-issued' || event.kind === 'token-request-failed') {
    const ok = event.kind === 'token-issued';
    const withServer = labelsOf(identity, event.server);
    counters.durations.observe({ authorization_server: event.server }, event.took / 1000);
    counters.requests.inc({ ...withServer, result: ok ? 'ok' : event.code });
    if (event.trigger === 'renewal') counters.renewals.inc({ ...withServer, outcome: ok ? 'renewed' : 'failed' });
  }
  if (event.kind === 'token-revoked' || event.kind === 'revocation-failed') {
    const outcome = event.kind === 'token-revoked' ? 'revoked' : event.result;
    counters.revocations.inc({ ...labelsOf(identity, event.server), outcome });
  }
  if (event.kind === 'token-repaired') counters.repairs.inc(labels);
  if (event.kind === 'volume-seen') counters.lag.observe(event.lag / 1000);
  if (event.kind === 'token-stored') counters.storeWrites.inc(labels);
  if (event.kind === 'store-failed') counters.storeFailures.inc(labels);
}

/** Counts an event of the process. */
export function countProcess(counters: Counters, event: ProcessEvent): void {
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

/** Counts rejected tokens. A token that many calls report counts once. `last`: the hash that was counted last, by token. */
export function countRejected(
  counters: Counters,
  last: Map<string, Sha256>,
  event: ReissueEvent | EvidenceEvent,
): void {
  const { identity, server, rejected } = event;
  const token = identityText(identity);
  const isReal = event.kind === 'evidence' || (event.current && event.call.test !== true);
  if (!isReal || last.get(token) === rejected) return;
  last.set(token, rejected);
  counters.rejected.inc(labelsOf(identity, server));
}

/** Removes all series of a token. */
export function forgetCounts(counters: Counters, identity: TokenIdentity): void {
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
    counters.storeWrites,
    counters.storeFailures,
  ]) {
    void removeOf(counter, identity);
  }
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
