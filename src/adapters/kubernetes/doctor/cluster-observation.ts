import type { V1Pod } from '@kubernetes/client-node';
import type { ExpectedToken, NamespacedName, ServiceNeed } from '../../../core/doctor/expected-token.ts';
import type { Labels, NetworkPolicyFacts } from '../../../core/doctor/network-policies.ts';
import type { ObservedCluster, ObservedPod, Seen } from '../../../core/doctor/observed.ts';
import { acquirerNeeds, installerNeeds } from '../../../core/doctor/permissions.ts';
import { reviewOf, reviewOfSelf } from './access-reviews.ts';
import { observedAcquirer, observedCredential } from './observed-acquirers.ts';
import { readEvents } from './observed-events.ts';
import { observedPod } from './observed-pod.ts';
import { readTokenSecrets, secretText } from './observed-secret.ts';
import { itemsOf, presence, type Readings } from './readings.ts';
import type { Release } from './release.ts';

/** What to look for. */
export interface Lookout {
  /** Of the token-acquirer. */
  readonly namespace: string;
  readonly tokens: readonly ExpectedToken[];
  readonly needs: readonly ServiceNeed[];
  /** Where AccessTokens may use its services. */
  readonly serviceNamespaces: readonly string[];
  readonly service: string;
  /** Whether callers of the endpoint are identified by the API server. */
  readonly reviewsCallers: boolean;
  /** `before`: only what counts before an installation. */
  readonly when: 'before' | 'after';
}

/** Reads all that the checks want to know of the cluster, and writes nothing. */
export async function observeCluster(
  readings: Readings,
  release: Release,
  lookout: Lookout,
): Promise<Omit<ObservedCluster, 'unread' | 'versionFault'>> {
  const { namespace, tokens, needs, serviceNamespaces, when } = lookout;
  const deployments = typeof release.deployments === 'string' ? undefined : release.deployments;
  const names = unique([namespace, ...namespacesOf(tokens), ...serviceNamespaces]);
  const namespaces = await mapped(names, (name) => readNamespace(readings, name));
  const homes = names.filter((name) => namespaces[name] !== 'missing');
  const acquirers =
    deployments === undefined
      ? (release.deployments as Seen<never>)
      : await Promise.all(deployments.map((deployment) => observedAcquirer(readings, namespace, deployment)));
  const account = typeof acquirers === 'string' ? undefined : acquirers[0]?.account;
  const credentials = homes.includes(namespace)
    ? await mapped(unique([...tokens, ...needs].map(({ credential }) => credential)), (credential) =>
        observedCredential(readings, when === 'before' ? undefined : (deployments ?? []), { namespace, credential }),
      )
    : {};
  const wanted = when === 'before' ? installerNeeds(namespace, tokens, serviceNamespaces) : [];
  const ownPermissions = await reviewOfSelf(readings, wanted);
  const known = { namespaces, acquirers, credentials, ownPermissions };
  if (when === 'before') return { ...NOTHING, ...known };
  return {
    ...known,
    ...(await observeClients(readings, lookout, homes)),
    acquirerPermissions:
      account === undefined ? [] : await reviewOf(readings, { namespace, account }, acquirerNeeds(tokens, lookout)),
  };
}

type Clients = Pick<ObservedCluster, 'secrets' | 'events' | 'accounts' | 'pods' | 'selected' | 'policies' | 'endpoint'>;

const NOTHING = {
  secrets: {},
  events: {},
  accounts: {},
  pods: {},
  selected: {},
  policies: {},
  endpoint: 'unreadable',
  acquirerPermissions: [],
} as const;

async function observeClients(
  readings: Readings,
  { namespace, tokens, service }: Lookout,
  homes: readonly string[],
): Promise<Clients> {
  const [secrets, events, accounts, pods, policies, endpoint] = await Promise.all([
    readTokenSecrets(readings, tokens),
    mapped(unique(tokens.map(secretText)), (text) => readEvents(readings, namedIn(text))),
    mapped(unique(tokens.flatMap(({ clients }) => clients.map(textOf))), (account) => readAccount(readings, account)),
    mapped(homes, (home) => readPods(readings, home)),
    mapped(homes, (home) => readPolicies(readings, home)),
    readService(readings, { namespace, name: service }),
  ]);
  const selectors = unique(
    tokens.flatMap(({ app }) => (app === undefined ? [] : [`${app.namespace} ${app.selector}`])),
  );
  const selected = await mapped(selectors, (selector) => readSelected(readings, selector));
  return { secrets, events, accounts, pods, selected, policies, endpoint };
}

async function readNamespace(readings: Readings, name: string): Promise<ObservedCluster['namespaces'][string]> {
  const found = await readings.object<{ metadata?: { labels?: Labels }; status?: { phase?: string } }>(
    `/api/v1/namespaces/${name}`,
    `get the namespace ${name}`,
  );
  if (typeof found === 'string') return found;
  return { labels: found.metadata?.labels ?? {}, isEnding: found.status?.phase === 'Terminating' };
}

async function readAccount(readings: Readings, account: string): Promise<Seen<'found'>> {
  const { namespace, name } = namedIn(account);
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
  return presence(await readings.object(path, `get serviceaccounts in the namespace ${namespace}`));
}

/** `undefined` where they cannot be read. */
async function readPods(
  readings: Readings,
  namespace: string,
  query: { readonly labelSelector?: string } = {},
): Promise<readonly ObservedPod[] | undefined> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const found = await readings.list<V1Pod>(path, `list pods in the namespace ${namespace}`, { ...query });
  return typeof found === 'string' ? undefined : found.flatMap((pod) => observedPod(pod) ?? []);
}

async function readSelected(readings: Readings, text: string): Promise<readonly string[]> {
  const [namespace = ''] = text.split(' ', 1);
  const labelSelector = text.slice(namespace.length + 1);
  const pods = await readPods(readings, namespace, { labelSelector });
  return (pods ?? []).filter(({ isRunning }) => isRunning).map(({ name }) => name);
}

/** The types of client-node call `from` something else. */
interface PolicyObject {
  readonly metadata?: { readonly name?: string };
  readonly spec?: Omit<NetworkPolicyFacts, 'name'>;
}

async function readPolicies(readings: Readings, namespace: string): Promise<readonly NetworkPolicyFacts[]> {
  const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
  const what = `list networkpolicies in the namespace ${namespace}`;
  const found = itemsOf(await readings.list<PolicyObject>(path, what));
  return found.map(({ metadata, spec }) => ({ ...spec, name: metadata?.name ?? '' }));
}

async function readService(
  readings: Readings,
  { namespace, name }: NamespacedName,
): Promise<Seen<{ readonly selector: Labels }>> {
  const found = await readings.object<{ spec?: { selector?: Labels } }>(
    `/api/v1/namespaces/${namespace}/services/${name}`,
    `get services in the namespace ${namespace}`,
  );
  return typeof found === 'string' ? found : { selector: found.spec?.selector ?? {} };
}

function namespacesOf(tokens: readonly ExpectedToken[]): readonly string[] {
  return tokens.flatMap(({ identity, clients, app }) => [
    identity.namespace,
    ...clients.map(({ namespace }) => namespace),
    ...(app === undefined ? [] : [app.namespace]),
  ]);
}

function textOf({ namespace, name }: NamespacedName): string {
  return `${namespace}/${name}`;
}

function namedIn(text: string): NamespacedName {
  const [namespace = '', name = ''] = text.split('/');
  return { namespace, name };
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}

async function mapped<Value>(
  keys: readonly string[],
  read: (key: string) => Promise<Value>,
): Promise<Readonly<Record<string, Value>>> {
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await read(key)] as const)));
}
