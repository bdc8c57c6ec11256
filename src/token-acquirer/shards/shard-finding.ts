import type { ConditionReason } from '../../core/reasons.ts';
import type { ShardState } from './shard-leases.ts';

/** The state of a condition about shards. */
export interface ShardFinding<Type extends 'ShardConfigured' | 'ShardsOwned' | 'ShardsAgree'> {
  readonly status: boolean;
  readonly reason: ConditionReason<Type>;
  readonly message: string;
}

/** Returns whether the configuration has the shard of this process; `undefined` for the first shard, which it always has. */
export function shardFinding(shard: number, count: number): ShardFinding<'ShardConfigured'> | undefined {
  if (shard === 0) return undefined;
  if (shard < count)
    return { status: true, reason: 'ShardInUse', message: `This process works on the tokens of shard ${shard}.` };
  const has = count === 1 ? 'only shard 0' : `only the shards 0 to ${count - 1}`;
  return {
    status: false,
    reason: 'NoSuchShard',
    message: `This process has the shard ${shard} (--shard), and the configuration has ${has}: shards is ${count}. So it works on no token, and waits. Set shards to ${shard + 1} or more, or stop this process.`,
  };
}

/** A shard with the number of its tokens. */
export interface CountedShard extends ShardState {
  readonly tokens: number;
}

/** Returns whether somebody works on each token. */
export function ownedFinding(shards: readonly CountedShard[]): ShardFinding<'ShardsOwned'> {
  const unowned = shards.filter(({ state, tokens }) => state === 'ended' && tokens > 0);
  const [first] = unowned;
  if (first === undefined)
    return { status: true, reason: 'AllOwned', message: 'Every shard with tokens has a process that works on them.' };
  const names = unowned.map(({ shard, lease, tokens }) => `shard ${shard} (Lease ${lease}, tokens: ${tokens})`);
  return {
    status: false,
    reason: 'ShardUnowned',
    message: `Nobody holds the Lease of ${names.join(', ')}, so these tokens are not renewed. Start the Deployment ${first.lease} with the argument --shard ${first.shard}, or set shards to a smaller number.`,
  };
}

/** Returns whether all shards act on the same configuration. `late`: one that has not for a long time. */
export function agreementFinding(
  late: ShardState | undefined,
  namespace: string,
  podOf: (holder: string) => string,
): ShardFinding<'ShardsAgree'> {
  if (late === undefined)
    return { status: true, reason: 'SameShards', message: 'All shards act on the same number of shards.' };
  const pod = late.holder === undefined ? 'a pod that is not known' : `the pod ${podOf(late.holder)}`;
  const remedy =
    late.holder === undefined
      ? `Look at it: kubectl --namespace ${namespace} get lease ${late.lease} --output yaml`
      : `If it does not load it, run: kubectl --namespace ${namespace} delete pod ${podOf(late.holder)}`;
  return {
    status: false,
    reason: 'ShardBehind',
    message: `Shard ${late.shard}, whose Lease ${late.lease} ${pod} holds, still acts on another number of shards. Tokens that change their shard stay with it until it has loaded this configuration or its Lease has ended. ${remedy}`,
  };
}
