import type { FastifyInstance } from 'fastify';
import { shardService } from '../core/shards.ts';
import type { TokenIdentity } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { ReplicaCaller } from '../ports/replica-caller.ts';
import type { Adapters } from './adapters.ts';
import type { Calls } from './endpoints/calls.ts';
import { Forwarding } from './endpoints/forwarding.ts';
import { LeaderCalls } from './endpoints/leader-calls.ts';
import type { ProcessStatus } from './endpoints/process-status.ts';
import type { ServedTrust } from './endpoints/reissue-server.ts';
import { addReplicaRoutes, type ReplicaRoutesDependencies } from './endpoints/replica-routes.ts';
import { ReplicaView } from './endpoints/replica-view.ts';
import { type StatusReport, statusOfProcess } from './endpoints/status-report.ts';
import type { Leadership } from './leadership/leadership.ts';
import type { ProcessShards } from './process-shards.ts';
import type { Acquirer } from './token/acquirer.ts';

export interface ReplicaPartsOptions {
  readonly adapters: Pick<Adapters, 'replicas' | 'telemetry'>;
  readonly leadership: Leadership;
  readonly shards: ProcessShards;
  readonly acquirer: Acquirer;
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
  /** Returns what adds the routes for other replicas. */
  readonly routes: (served: ServedParts) => (app: FastifyInstance, calls: Calls) => void;
}

interface ServedParts extends Pick<ReplicaRoutesDependencies, 'callers' | 'telemetry'> {
  readonly status: ProcessStatus;
  readonly clock: Pick<Clock, 'now'>;
}

/** Wires the parts that know other replicas. */
export function replicaParts(options: ReplicaPartsOptions): ReplicaParts | undefined {
  const { adapters, leadership, acquirer, service, trust } = options;
  const shard = options.shards.own;
  const { replicas, telemetry } = adapters;
  if (replicas === undefined) return undefined;
  const { pod, namespace } = replicas;
  const account = (): ReturnType<typeof replicas.account> => replicas.account();
  const nameOf = (one: string): string => `${one}.${namespace}.svc`;
  const caller = replicas.connect(() => {
    const served = trust();
    return served && { ...served, serverName: nameOf(service) };
  });
  const shards = {
    own: shard,
    formerOwnerOf: (identity: TokenIdentity) => acquirer.formerOwnerOf(identity),
    placeOf: (other: number) => ({ kind: 'service', name: nameOf(shardService(service, other)) }) as const,
  };
  const leaderCalls = new LeaderCalls({ leadership, replicas: caller, account });
  const view = new ReplicaView({ leadership, leaderCalls, pod, shard });
  return {
    caller,
    forwarding: new Forwarding({ leadership, replicas: caller, shards, pod, telemetry }),
    view,
    routes:
      ({ status, clock, ...served }) =>
      (app, calls) => {
        const report = (): StatusReport =>
          view.own(statusOfProcess({ acquirer, status, shards: options.shards }, clock.now()));
        addReplicaRoutes(app, { ...served, leadership, account, report, checks: acquirer.checks, calls });
      },
  };
}
