import { type Condition, type EvidenceCounts, type TokenConditions, unhealthyAmong } from '../../core/conditions.ts';
import type { Role } from '../../core/leadership.ts';
import type { UnownedTokens } from '../../core/shards.ts';
import { type EpochMs, hashPrefix, identityText } from '../../core/token.ts';
import type { TokenState } from '../../core/token-states.ts';
import type { CountedShard } from '../shards/shard-finding.ts';
import type { Acquirer, Acquisition } from '../token/acquirer.ts';
import type { LastEvidence } from '../token/evidence.ts';
import type { InForce, ProcessStatus } from './process-status.ts';

/** One token, as `GET /status` reports it. No token in it; times are RFC 3339. */
export interface TokenReport {
  readonly token: string;
  readonly state: TokenState;
  /** The shard that owns it. Versions before 0.2 do not report it. */
  readonly shard?: number;
  /** When it was last looked at, where this process works on it. */
  readonly last_pass?: string;
  /** Whether nothing needs attention: the state is `Valid` or `Suspended`, and no condition is unhealthy. */
  readonly healthy: boolean;
  readonly issued_at?: string;
  readonly expires_at?: string;
  readonly renew_at?: string;
  readonly generation?: number;
  /** Its first 8 digits. */
  readonly sha256?: string;
  readonly stored: boolean;
  readonly last_error?: { readonly code: string; readonly message: string; readonly at: string };
  readonly conditions: readonly ConditionReport[];
  /** Where the configuration has `evidence`. */
  readonly evidence?: EvidenceReport;
}

/** What others than clients reported about a token. */
export interface EvidenceReport {
  readonly log?: EvidenceCounts;
  /** The last report that counted. */
  readonly last?: { readonly at: string; readonly source: string; readonly result: string };
}

export interface ConditionReport {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly last_transition_time: string;
}

/** The configuration in force. Hashes are of the whole file, as `sha256sum` prints them. */
export interface ConfigurationReport {
  readonly sha256: string;
  readonly loaded_at: string;
  /** What is on disk instead, and cannot be used. Without a hash where it cannot be read. */
  readonly rejected?: { readonly sha256?: string; readonly since: string; readonly error: string };
}

/** A shard as this process sees it. */
export interface ShardReport {
  readonly shard: number;
  readonly lease: string;
  /** `ended`: nobody works on its tokens. */
  readonly state: 'held' | 'ended' | 'unknown';
  /** Identity of the process that holds the Lease, of another shard where that is known. */
  readonly holder?: string;
  readonly tokens: number;
}

export interface StatusReport {
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly not_ready?: string;
  readonly now: string;
  /** Versions before 0.2 do not report it. */
  readonly configuration?: ConfigurationReport;
  /** Of the whole process. Versions before 0.2 do not report them. */
  readonly conditions?: readonly ConditionReport[];
  /** Where there may be several replicas. Versions before 0.3 do not report it. */
  readonly replica?: ReplicaReport;
  /** Where there are several. */
  readonly shards?: readonly ShardReport[];
  /** Of the shard of this process. */
  readonly tokens: readonly TokenReport[];
}

/** The replica that answers, and whose report it gives. */
export interface ReplicaReport {
  readonly pod: string;
  /** The shard whose tokens it works on. */
  readonly shard: number;
  readonly role: Role;
  /** The pod that leads, whose report this is; left out where no other replica answers. */
  readonly leader?: string;
  /** Why this is the report of a replica that does not lead. */
  readonly leader_unreachable?: string;
}

/** The shards of the configuration, and how many tokens of each nobody works on. */
export interface ShardsToReport {
  readonly all: readonly CountedShard[];
  readonly unowned: readonly UnownedTokens[];
  /** The shard of this process. */
  readonly own: number;
}

export interface ProcessFacts {
  readonly acquirer: Acquirer;
  readonly status: ProcessStatus;
  readonly shards: Pick<ShardsToReport, 'all'>;
}

export function statusOf(acquirer: Acquirer, ready: boolean, now: EpochMs): StatusReport {
  return { ready, now: time(now), tokens: [...acquirer.acquisitions].map((acquisition) => tokenReport(acquisition)) };
}

/** The same, with what there is to report of the whole process. */
export function statusOfProcess(facts: ProcessFacts, now: EpochMs): StatusReport {
  const { tokens } = statusOf(facts.acquirer, facts.status.notReady === undefined, now);
  return { ...processReport(facts, now), tokens };
}

/** Only of the process. */
export function processReport(
  { status, shards }: Omit<ProcessFacts, 'acquirer'>,
  now: EpochMs,
): Omit<StatusReport, 'tokens'> {
  const { notReady, configuration, conditions } = status;
  return {
    ready: notReady === undefined,
    now: time(now),
    ...(notReady !== undefined && { not_ready: notReady }),
    ...(configuration !== undefined && { configuration: configurationReport(configuration) }),
    conditions: conditions.map(conditionReport),
    ...(shards.all.length > 1 && { shards: shards.all.map(shardReport) }),
  };
}

function shardReport({ shard, lease, state, holder, tokens }: CountedShard): ShardReport {
  return { shard, lease, state, ...(holder !== undefined && { holder }), tokens };
}

function configurationReport({ sha256, loadedAt, rejected }: InForce): ConfigurationReport {
  return {
    sha256,
    loaded_at: time(loadedAt),
    ...(rejected !== undefined && {
      rejected: {
        ...(rejected.sha256 !== undefined && { sha256: rejected.sha256 }),
        since: time(rejected.since),
        error: rejected.error,
      },
    }),
  };
}

/** The conditions of all tokens, for the metrics. */
export function conditionsOf(acquirer: Acquirer): readonly TokenConditions[] {
  return [...acquirer.acquisitions].map(({ cycle, log }) => ({
    identity: cycle.specification.identity,
    authorizationServer: cycle.specification.authorizationServer,
    conditions: cycle.status.conditions,
    evidence: log.counts,
  }));
}

export function tokenReport({ cycle, evidence, log }: Acquisition): TokenReport {
  const { token, stored } = cycle.held;
  const { lastError } = cycle.status;
  const state = stateOf(cycle);
  const conditions = Object.values(cycle.status.conditions).map(conditionReport);
  return {
    token: identityText(cycle.specification.identity),
    state,
    shard: cycle.specification.shard,
    ...(cycle.lastPass !== undefined && { last_pass: time(cycle.lastPass) }),
    healthy: isHealthy({ state, conditions }),
    ...(token !== undefined && {
      issued_at: time(token.issuedAt),
      expires_at: time(token.expiresAt),
      renew_at: time(token.renewAt),
      generation: token.generation,
      sha256: hashPrefix(token.sha256),
    }),
    stored,
    ...(lastError !== undefined && { last_error: { ...lastError, at: time(lastError.at) } }),
    conditions,
    ...(cycle.specification.evidence !== undefined && { evidence: evidenceReport(evidence.last, log.counts) }),
  };
}

function evidenceReport(last: LastEvidence | undefined, counts: EvidenceCounts | undefined): EvidenceReport {
  return {
    ...(counts !== undefined && { log: { ...counts } }),
    ...(last !== undefined && { last: { ...last, at: time(last.at) } }),
  };
}

/** The conditions of a report that need attention. */
export function unhealthyIn(conditions: readonly ConditionReport[]): readonly ConditionReport[] {
  const plain = conditions.map((report) => ({ ...report, report, status: report.status === 'True' }));
  return unhealthyAmong(plain).map(({ report }) => report);
}

export function isHealthy({ state, conditions }: Pick<TokenReport, 'state' | 'conditions'>): boolean {
  return (state === 'Valid' || state === 'Suspended') && unhealthyIn(conditions).length === 0;
}

export function stateOf({ held, status }: Acquisition['cycle']): TokenState {
  if (status.get('Suspended')?.status === true) return 'Suspended';
  if (held.token === undefined) return status.lastError === undefined ? 'Pending' : 'Failing';
  if (!held.isLive()) return 'Expired';
  // Clients lack a token that is not stored, while a token whose renewal fails still works.
  if (status.get('Stored')?.status === false) return 'NotStored';
  return status.lastError === undefined ? 'Valid' : 'RenewalFailing';
}

export function conditionReport({ type, status, reason, message, since }: Condition<string>): ConditionReport {
  return { type, status: status ? 'True' : 'False', reason, message, last_transition_time: time(since) };
}

function time(at: EpochMs): string {
  return new Date(at).toISOString();
}
