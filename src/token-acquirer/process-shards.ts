import { podOf } from '../core/lease.ts';
import { type Shards, shardName, type UnownedTokens } from '../core/shards.ts';
import type { Ms } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { Election } from './adapters.ts';
import type { Configuration } from './configuration/resolve.ts';
import type { ProcessStatus } from './endpoints/process-status.ts';
import { agreementFinding, type CountedShard, ownedFinding, shardFinding } from './shards/shard-finding.ts';
import { ShardLeases } from './shards/shard-leases.ts';

export interface ProcessShardsOptions {
  readonly clock: Clock;
  readonly status: ProcessStatus;
  /** The shard of this process. */
  readonly own: number;
  /** `undefined` where processes do not know of each other. */
  readonly election: Election | undefined;
}

/** The first look at the other Leases comes before the first token, but no unavailable API server holds up tokens. */
const LONGEST_LOOK: Ms = 3000;

/** The shard of this process, and what it knows of the others. */
export class ProcessShards {
  readonly own: number;
  /** `undefined` where processes do not know of each other. */
  readonly leases: ShardLeases | undefined;
  readonly #options: ProcessShardsOptions;
  /** The Service that clients call, from whose name the others follow. */
  readonly #service: string;
  readonly #looked = Promise.withResolvers<void>();
  #shards: Shards;
  #tokens: readonly number[] = [];

  constructor({ shards, cluster }: Pick<Configuration, 'shards' | 'cluster'>, options: ProcessShardsOptions) {
    const { own, clock, election } = options;
    this.#options = options;
    this.own = own;
    this.#service = cluster.service;
    this.#shards = shards;
    const onLook = (): void => {
      this.#looked.resolve();
      this.#report();
    };
    this.leases =
      election &&
      new ShardLeases(shards, {
        clock,
        own,
        name: cluster.service,
        leaseOf: (name) => election.leaseOf(name),
        onLook,
      });
  }

  /** Name of the Deployment of this process, and of its Lease. */
  get deployment(): string {
    return shardName(this.#service, this.own);
  }

  /** The shards of the configuration. The own one counts as held, because this process looks after it. */
  get all(): readonly CountedShard[] {
    const own = { shard: this.own, lease: this.deployment, state: 'held', holder: undefined } as const;
    const known = [...(this.leases?.others ?? []), ...(this.own < this.#shards.count ? [own] : [])];
    return known
      .map((state) => ({ ...state, tokens: this.#tokens[state.shard] ?? 0 }))
      .toSorted((one, other) => one.shard - other.shard);
  }

  /** For the metrics: every shard, and how many of its tokens nobody works on. */
  get unowned(): readonly UnownedTokens[] {
    return this.all.map(({ shard, state, tokens }) => ({ shard, tokens: state === 'ended' ? tokens : 0 }));
  }

  owns({ shard }: { readonly shard: number }): boolean {
    return shard === this.own;
  }

  /** Begins to look at the other Leases. Resolves after the first look, or soon. */
  async run(stop: AbortSignal): Promise<void> {
    if (this.leases === undefined) return;
    void this.leases.run(stop);
    await Promise.race([this.#looked.promise, this.#options.clock.wait(LONGEST_LOOK, stop)]);
  }

  /** The configuration has these shards and tokens now. */
  follow({ shards, tokens }: Pick<Configuration, 'shards' | 'tokens'>): void {
    this.#shards = shards;
    const counts = Array.from({ length: shards.count }, () => 0);
    for (const { shard } of tokens) counts[shard] = (counts[shard] ?? 0) + 1;
    this.#tokens = counts;
    this.leases?.follow(shards);
    this.#report();
  }

  #report(): void {
    const { status, election } = this.#options;
    const configured = shardFinding(this.own, this.#shards.count);
    if (configured !== undefined) status.report('ShardConfigured', configured);
    if (this.leases === undefined || election === undefined) return;
    const { late } = this.leases;
    const owned = ownedFinding(this.all);
    const agreement = agreementFinding(late, election.namespace, podOf);
    // With one shard there is nothing to report, unless something unhealthy was reported before.
    const hasOthers = this.#shards.count > 1;
    if (hasOthers || status.isUnhealthy('ShardsOwned')) status.report('ShardsOwned', owned);
    if (hasOthers || late !== undefined || status.isUnhealthy('ShardsAgree')) status.report('ShardsAgree', agreement);
  }
}
