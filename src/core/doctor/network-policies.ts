export type Labels = Readonly<Record<string, string>>;

/** As the API has it (`metav1.LabelSelector`). An empty one matches everything. */
export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface Peer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: object;
}

interface Port {
  readonly port?: number | string;
  readonly endPort?: number;
  readonly protocol?: string;
}

/** What counts of a NetworkPolicy, in the form of the API. */
export interface NetworkPolicyFacts {
  readonly name: string;
  readonly podSelector?: LabelSelector;
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[];
  readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[];
}

/** A pod at one end of a connection, an `outside` address, or `anything`: one that a rule names in any way. */
export type End =
  | { readonly namespace: string; readonly namespaceLabels: Labels; readonly labels: Labels }
  | { readonly namespace: string; readonly namespaceLabels: Labels; readonly labels?: undefined }
  | 'outside'
  | 'anything';

export interface PolicyQuestion {
  readonly direction: 'Ingress' | 'Egress';
  /** Whose policies these are. */
  readonly labels: Labels;
  readonly namespace: string;
  readonly other: End;
  /** Numbers and names, any of which suffices; none: any port. */
  readonly ports: readonly (number | string)[];
}

export function matches({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  const hasLabels = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return hasLabels && matchExpressions.every((expression) => isMet(expression, labels));
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

function isMet({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  const value = labels[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  const isListed = value !== undefined && values.includes(value);
  return operator === 'In' ? isListed : !isListed;
}

/**
 * Returns the names of the policies that keep a connection from being made, none where one allows it or none applies. An
 * `ipBlock` may contain any address, so it counts as an allowance.
 */
export function blockingPolicies(policies: readonly NetworkPolicyFacts[], question: PolicyQuestion): readonly string[] {
  const { direction, labels } = question;
  const applied = policies.filter(
    (policy) => typesOf(policy).includes(direction) && matches(policy.podSelector ?? {}, labels),
  );
  return applied.some((policy) => allows(policy, question)) ? [] : applied.map(({ name }) => name);
}

/** The default of the API. */
function typesOf({ policyTypes, egress }: NetworkPolicyFacts): readonly string[] {
  return policyTypes ?? (egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
}

function allows({ ingress = [], egress = [] }: NetworkPolicyFacts, question: PolicyQuestion): boolean {
  const rules =
    question.direction === 'Ingress'
      ? ingress.map(({ from, ports }) => ({ peers: from, ports }))
      : egress.map(({ to, ports }) => ({ peers: to, ports }));
  return rules.some(({ peers = [], ports = [] }) => {
    const hasPeer = peers.length === 0 || peers.some((peer) => isPeer(peer, question));
    return hasPeer && (ports.length === 0 || ports.some((port) => isPort(port, question.ports)));
  });
}

function isPeer({ ipBlock, podSelector, namespaceSelector }: Peer, { other, namespace }: PolicyQuestion): boolean {
  if (ipBlock !== undefined || other === 'anything') return true;
  if (other === 'outside') return false;
  const isHome =
    namespaceSelector === undefined ? other.namespace === namespace : matches(namespaceSelector, other.namespaceLabels);
  return isHome && (podSelector === undefined || other.labels === undefined || matches(podSelector, other.labels));
}

function isPort({ port, endPort }: Port, wanted: PolicyQuestion['ports']): boolean {
  if (port === undefined || wanted.length === 0) return true;
  if (typeof port === 'string' || endPort === undefined) return wanted.includes(port);
  return wanted.some((one) => typeof one === 'number' && one >= port && one <= endPort);
}
