import { isProcessHealthy } from '../endpoints/report-sentences.ts';
import { isHealthy, type StatusReport, type TokenReport } from '../endpoints/status-report.ts';
import { byUrgency } from '../endpoints/urgency.ts';

/** A shard of a release of token-acquirer. */
export interface ShardPlace {
  readonly namespace: string;
  readonly release: string;
  readonly shard: number;
}

/** What a pod of a shard answered. */
export interface ShardAnswer extends ShardPlace {
  readonly pod: string;
  readonly report: StatusReport;
}

/** A shard of which no pod answered. */
export interface UnansweredShard extends ShardPlace {
  readonly message: string;
}

export interface MergedToken extends TokenReport {
  readonly acquirer: ShardPlace;
}

/** The status of all shards as one. */
export interface MergedStatus {
  /** What needs attention first. */
  readonly tokens: readonly MergedToken[];
  /** The processes, without their tokens. */
  readonly acquirers: readonly (ShardPlace & { readonly pod: string } & Omit<StatusReport, 'tokens'>)[];
  readonly unanswered: readonly UnansweredShard[];
}

/** Returns the answers of all shards as one. */
export function mergedStatus(
  answers: readonly ShardAnswer[],
  unanswered: readonly UnansweredShard[] = [],
): MergedStatus {
  const tokens = answers.flatMap(({ namespace, release, shard, report }) =>
    report.tokens.map((token) => ({ ...token, acquirer: { namespace, release, shard } })),
  );
  const acquirers = answers.map(({ report: { tokens: _, ...process }, ...place }) => ({ ...place, ...process }));
  return { tokens: tokens.toSorted(inOrder), acquirers: acquirers.toSorted(byPlace), unanswered };
}

/** Returns whether every shard answered, and every process and token is healthy. */
export function isAllHealthy({ tokens, acquirers, unanswered }: MergedStatus): boolean {
  return unanswered.length === 0 && tokens.every(isHealthy) && acquirers.every(isProcessHealthy);
}

/** Returns the process that reported the token. */
export function acquirerOf(
  { acquirers }: MergedStatus,
  { acquirer }: MergedToken,
): MergedStatus['acquirers'][number] | undefined {
  return acquirers.find((one) => byPlace(one, acquirer) === 0);
}

function inOrder(one: MergedToken, other: MergedToken): number {
  return byUrgency(one, other) || compare(one.token, other.token) || byPlace(one.acquirer, other.acquirer);
}

/** Orders shards by namespace, release and number. */
export function byPlace(one: ShardPlace, other: ShardPlace): number {
  return compare(one.namespace, other.namespace) || compare(one.release, other.release) || one.shard - other.shard;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
