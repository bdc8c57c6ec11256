import type { Observed, ObservedAcquirer, ObservedCluster } from './observed.ts';

/** Returns the Deployments that run a token-acquirer; none where there are none, or they cannot be read. */
export function acquirersIn({ acquirers }: ObservedCluster): readonly ObservedAcquirer[] {
  return typeof acquirers === 'string' ? [] : acquirers;
}

/** Returns the beginning of a command that runs in the pod of a token-acquirer. */
export function inAcquirer({ namespace, cluster }: Observed): string {
  const name = acquirersIn(cluster)[0]?.name ?? 'token-acquirer';
  return `kubectl -n ${namespace} exec deployment/${name} -- token-acquirer`;
}
