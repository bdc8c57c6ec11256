import { shardService } from '../core/shards.ts';
import type { ReplicaCaller } from '../ports/replica-caller.ts';
import type { Adapters } from './adapters.ts';
import { Forwarding } from './endpoints/forwarding.ts';
import { LeaderCalls, type OwnAccount } from './endpoints/leader-calls.ts';
import type { ServedTrust } from './endpoints/reissue-server.ts';
import { ReplicaView } from './endpoints/replica-view.ts';
import type { Leadership } from './leadership/leadership.ts';

export interface ReplicaPartsOptions {
  readonly adapters: Pick<Adapters, 'replicas' | 'telemetry'>;
  readonly leadership: Leadership;
  readonly shard: number;
  /** Of the configuration. */
  readonly service: string;
  /** How the own endpoint is trusted, which holds for those of the other replicas. */
  readonly trust: () => ServedTrust | undefined;
}

/** What a process needs of the other replicas; `undefined` where there can be none. */
export interface ReplicaParts {
  readonly caller: ReplicaCaller;
  readonly forwarding: Forwarding;
  readonly view: ReplicaView;
  readonly account: () => OwnAccount | string;
}

/** Wires the parts that know other replicas. */
export function replicaParts(options: ReplicaPartsOptions): ReplicaParts | undefined {
  const { adapters, leadership, shard, service, trust } = options;
  const { replicas, telemetry } = adapters;
  if (replicas === undefined) return undefined;
  const { pod, namespace, account } = replicas;
  const nameOf = (one: string): string => `${one}.${namespace}.svc`;
  const caller = replicas.connect(() => {
    const served = trust();
    return served && { ...served, serverName: nameOf(service) };
  });
  const shards = {
    own: shard,
    placeOf: (other: number) => ({ kind: 'service', name: nameOf(shardService(service, other)) }) as const,
  };
  return {
    caller,
    forwarding: new Forwarding({ leadership, replicas: caller, shards, pod, telemetry }),
    view: new ReplicaView({
      leadership,
      leaderCalls: new LeaderCalls({ leadership, replicas: caller, account }),
      pod,
      shard,
    }),
    account,
  };
}
