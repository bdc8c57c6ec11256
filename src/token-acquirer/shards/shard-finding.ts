import type { ConditionReason } from '../../core/reasons.ts';

/** The state of the condition `ShardConfigured`. */
export interface ShardFinding {
  readonly status: boolean;
  readonly reason: ConditionReason<'ShardConfigured'>;
  readonly message: string;
}

/** Returns whether the configuration has the shard of this process; `undefined` for the first shard, which it always has. */
export function shardFinding(shard: number, count: number): ShardFinding | undefined {
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
