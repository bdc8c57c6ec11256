import type { V1Container, V1Pod } from '@kubernetes/client-node';
import type { ObservedPod, SecretUse } from '../../../core/doctor/observed.ts';
import { isRunning, podFacts } from '../pods/pod-facts.ts';

/** What counts of a pod; `undefined` for something without a name. */
export function observedPod(pod: V1Pod): ObservedPod | undefined {
  const facts = podFacts(pod);
  if (facts === undefined) return undefined;
  const { metadata, spec } = pod;
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const volumes = containers.flatMap((container) => volumesOf(pod, container));
  return {
    namespace: metadata?.namespace ?? '',
    name: facts.name,
    labels: metadata?.labels ?? {},
    account: spec?.serviceAccountName ?? 'default',
    isRunning: isRunning(facts),
    isTest: facts.isTest,
    waits: waitingReason(pod),
    uses: [...volumes, ...facts.frozen],
  };
}

/** Not the message, which may hold anything. */
function waitingReason({ status }: V1Pod): string | undefined {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return statuses.map(({ state }) => state?.waiting?.reason).find((reason) => reason !== undefined);
}

/** The Secrets that a container has in volumes that the kubelet updates. */
function volumesOf({ spec }: V1Pod, { name: container, volumeMounts = [] }: V1Container): readonly SecretUse[] {
  const mounted = volumeMounts.filter(({ subPath = '', subPathExpr = '' }) => subPath === '' && subPathExpr === '');
  return mounted.flatMap((mount) => {
    const volume = spec?.volumes?.find(({ name }) => name === mount.name);
    const sources = [
      { name: volume?.secret?.secretName, items: volume?.secret?.items },
      ...(volume?.projected?.sources ?? []).map(({ secret }) => ({ name: secret?.name, items: secret?.items })),
    ];
    return sources.flatMap(({ name, items }): readonly SecretUse[] =>
      name === undefined ? [] : [{ secret: name, container, way: 'volume', items: items?.map(({ key }) => key) }],
    );
  });
}
