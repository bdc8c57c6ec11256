import { hostname } from 'node:os';
import { onlyWhile } from '../adapters/telemetry/fan-out.ts';
import { isWorking } from '../core/leadership.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Election } from './adapters.ts';
import type { Cluster } from './cluster-main.ts';
import { candidateOf } from './leadership/candidate.ts';
import { Elector } from './leadership/elector.ts';

export interface ElectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Where the reissue endpoint listens. */
  readonly listen: string;
}

/** Wires the election of the replica that renews the tokens: by a Lease in the own namespace. `undefined` without a cluster. */
export function createElection(
  cluster: Pick<Cluster, 'namespace' | 'createLease' | 'events'> | undefined,
  { clock, random, listen }: ElectionOptions,
): (Election & { readonly events: Telemetry }) | undefined {
  if (cluster === undefined) return undefined;
  const { POD_NAME, POD_IP } = process.env;
  let elector: Elector | undefined;
  return {
    namespace: cluster.namespace,
    leaseOf: (name) => cluster.createLease(name),
    begin(deployment, assignment, onLook) {
      const place = { environment: { POD_NAME, POD_IP }, hostname: hostname(), listen, deployment, assignment };
      const self = candidateOf({ ...place, fraction: random.fraction() });
      elector = new Elector({ clock, lease: cluster.createLease(deployment), self, onLook });
      return elector;
    },
    // Each replica would report the same.
    events: onlyWhile(() => elector === undefined || isWorking(elector.role), cluster.events),
  };
}
