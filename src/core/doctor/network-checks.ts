import { acquirersIn } from './acquirers.ts';
import { podsOf } from './client-apps.ts';
import { type Check, type Finding, uniqueBy } from './finding.ts';
import { blockingPolicies, type End, type Labels, type PolicyQuestion } from './network-policies.ts';
import type { Observed, ObservedAcquirer, ObservedPod, ObservedServer } from './observed.ts';

const GROUP = 'Network';
const ENDPOINT_PORTS = ['https', 8443];
/** 5353 on OpenShift. */
const DNS_PORTS = [53, 5353];

function clientsCannotLeave(seen: Observed): readonly Finding[] {
  return callers(seen).flatMap(([pod, acquirer]) =>
    blocked(seen, {
      direction: 'Egress',
      ...pod,
      other: endOf(seen, seen.namespace, acquirer.labels),
      ports: ENDPOINT_PORTS,
    }).map((policy) => ({
      severity: 'error',
      subject: `NetworkPolicy ${pod.namespace}/${policy}`,
      message: `It keeps the pod ${pod.name} from the reissue endpoint.`,
      why: 'The client cannot have a rejected token replaced, and waits for its next renewal.',
      fix: `Allow egress to port 8443 of the pods of the namespace ${seen.namespace}. Try: kubectl -n ${pod.namespace} edit networkpolicy ${policy}`,
    })),
  );
}

function clientsCannotEnter(seen: Observed): readonly Finding[] {
  return callers(seen).flatMap(([pod, acquirer]) =>
    blocked(seen, {
      direction: 'Ingress',
      namespace: seen.namespace,
      labels: acquirer.labels,
      other: endOf(seen, pod.namespace, pod.labels),
      ports: ENDPOINT_PORTS,
    }).map((policy) => ({
      severity: 'error',
      subject: `NetworkPolicy ${seen.namespace}/${policy}`,
      message: `It lets no call of the pod ${pod.namespace}/${pod.name} into the reissue endpoint.`,
      why: 'The client cannot have a rejected token replaced, and waits for its next renewal.',
      fix: `Allow ingress from the namespace ${pod.namespace} to port 8443, by networkPolicy.extraIngress of the chart or with: kubectl -n ${seen.namespace} edit networkpolicy ${policy}`,
    })),
  );
}

function serversCannotBeReached(seen: Observed): readonly Finding[] {
  return acquirersIn(seen.cluster).flatMap(({ labels }) =>
    seen.servers.flatMap((server) =>
      blocked(seen, { direction: 'Egress', namespace: seen.namespace, labels, ...wayTo(seen, server) }).map(
        (policy) => ({
          severity: 'error',
          subject: `NetworkPolicy ${seen.namespace}/${policy}`,
          message: `It keeps the token-acquirer from ${server.host}:${server.port}, where the authorization server ${server.name} is.`,
          why: 'Without a connection to it, no token of this authorization server is obtained or renewed.',
          fix: `Allow egress to port ${server.port}, by networkPolicy.extraEgress of the chart or with: kubectl -n ${seen.namespace} edit networkpolicy ${policy}`,
        }),
      ),
    ),
  );
}

function namesCannotBeResolved(seen: Observed): readonly Finding[] {
  const acquirers = acquirersIn(seen.cluster).map(({ name, labels }) => ({ namespace: seen.namespace, name, labels }));
  const clients = callers(seen).map(([pod]) => pod);
  return [...acquirers, ...clients].flatMap(({ namespace, name, labels }) =>
    blocked(seen, {
      direction: 'Egress',
      namespace,
      labels,
      // Name servers are in other namespaces in other clusters.
      other: 'anything',
      ports: DNS_PORTS,
    }).map((policy) => ({
      severity: 'error',
      subject: `NetworkPolicy ${namespace}/${policy}`,
      message: `It keeps ${name} from the name server.`,
      why: 'Without names, neither the authorization server nor the reissue endpoint is found.',
      fix: `Allow egress to port 53 by UDP and TCP. Try: kubectl -n ${namespace} edit networkpolicy ${policy}`,
    })),
  );
}

export const NETWORK_CHECKS: readonly Check[] = [
  {
    name: 'policy-client',
    group: GROUP,
    title: 'Client apps may call the reissue endpoint',
    when: 'after',
    find: clientsCannotLeave,
  },
  {
    name: 'policy-endpoint',
    group: GROUP,
    title: 'The reissue endpoint may be called by them',
    when: 'after',
    find: clientsCannotEnter,
  },
  {
    name: 'policy-server',
    group: GROUP,
    title: 'The token-acquirer may call authorization servers',
    when: 'after',
    find: serversCannotBeReached,
  },
  { name: 'policy-dns', group: GROUP, title: 'All may resolve names', when: 'after', find: namesCannotBeResolved },
];

/** One pod of each client app that may call the reissue endpoint, with a Deployment that answers. */
function callers(seen: Observed): readonly (readonly [ObservedPod, ObservedAcquirer])[] {
  const [acquirer] = acquirersIn(seen.cluster);
  const pods = seen.tokens
    .filter(({ clients }) => clients.length > 0)
    .flatMap((token) => podsOf(token, seen).slice(0, 1));
  if (acquirer === undefined) return [];
  return uniqueBy(pods, ({ namespace, name }) => `${namespace}/${name}`).map((pod) => [pod, acquirer] as const);
}

function blocked({ cluster }: Observed, question: PolicyQuestion): readonly string[] {
  return blockingPolicies(cluster.policies[question.namespace] ?? [], question);
}

function endOf(seen: Observed, namespace: string, labels: Labels): End {
  return { namespace, namespaceLabels: labelsOf(seen, namespace), labels };
}

/** A policy applies to the ports of the pods behind a Service, which nobody knows here. */
function wayTo(seen: Observed, { reach, port }: ObservedServer): Pick<PolicyQuestion, 'other' | 'ports'> {
  if (reach.kind !== 'inside') return { other: 'outside', ports: [port] };
  const { namespace } = reach.service;
  return { other: { namespace, namespaceLabels: labelsOf(seen, namespace) }, ports: [] };
}

function labelsOf({ cluster }: Observed, namespace: string): Labels {
  const found = cluster.namespaces[namespace];
  const labels = found === undefined || typeof found === 'string' ? {} : found.labels;
  return { 'kubernetes.io/metadata.name': namespace, ...labels };
}
