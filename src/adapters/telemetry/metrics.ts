import { Gauge, type MetricObject, Registry } from '@prometheus-io/client';
import type { TokenEvent, TokenFacts } from '../../core/events.ts';
import { identityText, type Sha256, type TokenIdentity } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExposedState, MetricDescription, Telemetry } from '../../ports/telemetry.ts';
import { createConditionMetrics } from './condition-metrics.ts';
import { count, countProcess, countRejected, createCounters, forgetCounts } from './counters.ts';
import { createCredentialMetrics } from './credential-metrics.ts';
import { createLineMetrics } from './line-metrics.ts';
import { createProcessMetrics } from './process-metrics.ts';
import { createResourceMetrics, usageOfThisProcess } from './resource-metrics.ts';
import { labelsOf, SERVER_LABELS } from './token-labels.ts';

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
  /** Prometheus' text format, at this moment, with this state. */
  expose(state?: ExposedState): Promise<{ contentType: string; text: string }>;
}

/** The metrics; their names are as stable as an API. */
export function createMetrics(clock: Clock, usage = usageOfThisProcess): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const known = new Map<string, Known>();
  const rejected = new Map<string, Sha256>();
  addGauges({ registers, known, clock });
  const counters = createCounters(registers);
  const conditions = createConditionMetrics(registers);
  const lines = createLineMetrics(registers);
  const ofCredentials = createCredentialMetrics(registers);
  const ofProcess = createProcessMetrics(registers, clock);
  createResourceMetrics(registers, usage);
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
      forgetCounts(counters, identity);
    },
    async expose({ tokens = [], process = [], shards = [], credentials = [], shard } = {}) {
      for (const { identity, authorizationServer } of tokens) {
        const entry = known.get(identityText(identity));
        if (entry !== undefined) entry.server = authorizationServer;
      }
      conditions.set(tokens);
      lines.set(tokens);
      ofCredentials.set(credentials);
      ofProcess.set(process, shards, shard);
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

function note(entry: Known, event: TokenEvent): void {
  if ('token' in event) entry.facts = event.token;
  if (event.kind === 'suspended') entry.suspended = true;
  if (event.kind === 'resumed') entry.suspended = false;
}
