/** Labels of a pod or of a namespace. */
export type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
}

interface Peer {
  readonly namespaceSelector?: Selector;
  readonly podSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}

interface EgressRule {
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: number; readonly protocol?: string }[];
}

export interface NetworkPolicy {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly string[];
    readonly egress?: readonly EgressRule[];
  };
}

/** The target of a connection: a pod of a namespace, or an address outside of the cluster. */
export type Destination = { readonly port: number; readonly protocol?: 'TCP' | 'UDP' } & (
  | { readonly namespace: Labels; readonly pod: Labels }
  | { readonly address: string }
);

const matches = ({ matchLabels = {} }: Selector, labels: Labels): boolean =>
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value);

/** Returns whether a policy selects a pod of its namespace. */
export function selects({ spec }: NetworkPolicy, pod: Labels): boolean {
  return matches(spec.podSelector, pod);
}

/**
 * Returns whether a pod may connect, as Kubernetes defines it: a pod that no policy selects may do anything, any other
 * what one of the policies allows. Knows the selectors by labels and IPv4 blocks only, which the documents use.
 */
export function mayConnect(policies: readonly NetworkPolicy[], pod: Labels, to: Destination): boolean {
  const closing = policies.filter((policy) => selects(policy, pod) && policy.spec.policyTypes.includes('Egress'));
  return closing.length === 0 || closing.some(({ spec }) => (spec.egress ?? []).some((rule) => allows(rule, to)));
}

function allows({ to: peers, ports }: EgressRule, to: Destination): boolean {
  const isPort = ports?.some(({ port, protocol = 'TCP' }) => port === to.port && protocol === (to.protocol ?? 'TCP'));
  return (isPort ?? true) && (peers?.some((peer) => isPeer(peer, to)) ?? true);
}

function isPeer({ namespaceSelector, podSelector, ipBlock }: Peer, to: Destination): boolean {
  if ('address' in to) return ipBlock !== undefined && isWithin(ipBlock.cidr, to.address);
  if (namespaceSelector === undefined && podSelector === undefined) return false;
  return matches(namespaceSelector ?? {}, to.namespace) && matches(podSelector ?? {}, to.pod);
}

function isWithin(cidr: string, address: string): boolean {
  const [base = '', bits = '32'] = cidr.split('/');
  const number = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(base) / size) === Math.floor(number(address) / size);
}
