import { formatDuration } from '../duration.ts';
import { acquirersIn } from './acquirers.ts';
import { type Check, type Finding, uniqueBy } from './finding.ts';
import { matches } from './network-policies.ts';
import type { Observed, ObservedAcquirer } from './observed.ts';

const GROUP = 'Installation';
const STANDS_STILL = 'Nobody renews the tokens, and they expire one after the other.';

function namespaceFaults({ cluster: { namespaces } }: Observed): readonly Finding[] {
  return Object.entries(namespaces).flatMap(([name, found]): readonly Finding[] => {
    if (found === 'unreadable' || (found !== 'missing' && !found.isEnding)) return [];
    return [
      {
        severity: 'error',
        subject: `namespace ${name}`,
        message: found === 'missing' ? 'It does not exist.' : 'It is being deleted.',
        why: 'No Secret can be made or written in it.',
        fix: `kubectl create namespace ${name}, or correct its name in the configuration`,
      },
    ];
  });
}

function noDeployment({ namespace, cluster: { acquirers } }: Observed): readonly Finding[] {
  if (acquirers !== 'missing') return [];
  return [
    {
      severity: 'error',
      subject: `namespace ${namespace}`,
      message: 'No Deployment in it runs a token-acquirer.',
      why: STANDS_STILL,
      fix: 'Name the namespace that has one with --namespace (try: helm list --all-namespaces), or install it. Before that, run: token-acquirer doctor --pre --config FILE',
    },
  ];
}

const notReady = each((acquirer, seen) => {
  const { name, wanted, ready } = acquirer;
  const { namespace } = seen;
  const message = readinessFault(acquirer);
  if (message === undefined) return [];
  return [
    {
      severity: 'error',
      subject: `Deployment ${namespace}/${name}`,
      message: `${message}${waitingSentence(acquirer, seen)}`,
      why: ready === 0 ? STANDS_STILL : 'Fewer replicas answer than you wanted, or an old version still runs.',
      fix:
        wanted === 0
          ? `kubectl -n ${namespace} scale deployment/${name} --replicas=2`
          : `kubectl -n ${namespace} describe pods, then kubectl -n ${namespace} logs deployment/${name}`,
    },
  ];
});

function readinessFault({ wanted, ready, updated, total }: ObservedAcquirer): string | undefined {
  if (wanted === 0) return 'It is scaled to 0.';
  if (ready < wanted) return `${ready} of ${wanted} pods are ready.`;
  if (updated < wanted) return `${updated} of ${wanted} pods have its latest form.`;
  return total > updated
    ? `${total - updated} of ${total} pods have an older form, and wait for newer ones.`
    : undefined;
}

/** The reason of the kubelet, where it has one. */
function waitingSentence({ labels }: ObservedAcquirer, { namespace, cluster }: Observed): string {
  const pods = (cluster.pods[namespace] ?? []).filter((pod) => matches({ matchLabels: labels }, pod.labels));
  const waiting = pods.find(({ waits }) => waits !== undefined);
  return waiting === undefined ? '' : ` The pod ${waiting.name} waits: ${waiting.waits}.`;
}

function oldVersion({ cluster: { versionFault } }: Observed): readonly Finding[] {
  if (versionFault === undefined) return [];
  return [
    {
      severity: 'warning',
      subject: 'API server',
      message: versionFault,
      why: 'Fields and permissions that the token-acquirer needs may not exist.',
      fix: 'Upgrade the cluster. Try: kubectl version.',
    },
  ];
}

function differentImages({ namespace, cluster }: Observed): readonly Finding[] {
  const acquirers = acquirersIn(cluster);
  const images = uniqueBy(acquirers, ({ image }) => image);
  if (images.length < 2) return [];
  return [
    {
      severity: 'warning',
      subject: `namespace ${namespace}`,
      message: `Its token-acquirers run different images: ${images.map(({ name, image }) => `${name} ${image}`).join(', ')}.`,
      why: 'Shards of different versions may not agree about who owns a token.',
      fix: 'Run helm upgrade with one version for all shards.',
    },
  ];
}

const leaseFaults = each(({ name, account, lease, ready }, { namespace, now }) => {
  const message = ready === 0 ? undefined : leaseFault(lease, now);
  if (message === undefined) return [];
  return [
    {
      severity: 'error',
      subject: `Lease ${namespace}/${name}`,
      message,
      why: STANDS_STILL,
      fix:
        lease === 'missing'
          ? 'Run helm upgrade with the values of the release, which makes it.'
          : `kubectl -n ${namespace} logs deployment/${name}, then kubectl -n ${namespace} auth can-i update leases/${name} --as system:serviceaccount:${namespace}:${account}`,
    },
  ];
});

/** The clocks of holder and reader differ, so it has twice its duration. */
const SLACK = 2;

function leaseFault(lease: ObservedAcquirer['lease'], now: number): string | undefined {
  if (lease === 'unreadable') return undefined;
  if (lease === 'missing') return 'It does not exist, so no replica can lead.';
  const { holder, renewedAt = 0, duration } = lease;
  if (holder === undefined) return 'No replica holds it.';
  const age = now - renewedAt;
  return age <= SLACK * duration ? undefined : `${holder} holds it, and renewed it ${formatDuration(age)} ago.`;
}

function endpointFaults({ namespace, service, tokens, cluster }: Observed): readonly Finding[] {
  const { endpoint } = cluster;
  const acquirers = acquirersIn(cluster);
  const isCalled = tokens.some(({ clients }) => clients.length > 0);
  if (!isCalled || endpoint === 'unreadable' || acquirers.length === 0) return [];
  if (endpoint !== 'missing' && acquirers.some(({ labels }) => matches({ matchLabels: endpoint.selector }, labels))) {
    return [];
  }
  return [
    {
      severity: 'error',
      subject: `Service ${namespace}/${service}`,
      message: endpoint === 'missing' ? 'It does not exist.' : 'Its selector matches no pod of a token-acquirer.',
      why: 'Clients call it to have a rejected token replaced.',
      fix: 'Run helm upgrade with the values of the release, or correct endpoint.service in the configuration.',
    },
  ];
}

export const INSTALLATION_CHECKS: readonly Check[] = [
  { name: 'kubernetes', group: GROUP, title: 'Kubernetes is new enough', when: 'both', find: oldVersion },
  { name: 'namespaces', group: GROUP, title: 'All namespaces exist', when: 'both', find: namespaceFaults },
  { name: 'deployment', group: GROUP, title: 'A token-acquirer is installed', when: 'after', find: noDeployment },
  { name: 'deployment-ready', group: GROUP, title: 'Its pods are ready', when: 'after', find: notReady },
  { name: 'images', group: GROUP, title: 'All run the same version', when: 'after', find: differentImages },
  { name: 'lease', group: GROUP, title: 'A replica leads', when: 'after', find: leaseFaults },
  { name: 'endpoint', group: GROUP, title: 'The reissue endpoint has a Service', when: 'after', find: endpointFaults },
];

function each(find: (acquirer: ObservedAcquirer, seen: Observed) => readonly Finding[]): Check['find'] {
  return (seen) => acquirersIn(seen.cluster).flatMap((acquirer) => find(acquirer, seen));
}
