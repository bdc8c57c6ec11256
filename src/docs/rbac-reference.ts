import { parseAllDocuments } from 'yaml';
import { code, codes, table } from './markdown.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface RoleObject {
  readonly kind?: string;
  readonly metadata?: { readonly namespace?: string };
  readonly rules?: readonly Rule[];
}

/** What each resource is needed for, by `resource` or `resource` and its only verb. */
const PURPOSES: Readonly<Record<string, string>> = {
  secrets: 'Reads and writes these Secrets only; it may neither list nor create any.',
  leases: 'Elects the replica that renews the tokens; it may neither list nor create any.',
  events: 'Reports what happens to a token, or to the process, as Kubernetes events.',
  pods: 'Finds out whether the client app runs, and how it uses the Secret.',
  'pods/log': 'Reads the log of the client app; only for tokens with `evidence.log`.',
  tokenreviews: "Checks callers' ServiceAccount tokens; not needed with `callers: jwks`.",
  'pods/status': 'Changes one annotation, so that the kubelet updates the volume; only with `propagation.nudge`.',
};

/** The permissions in manifests, one row per rule. Throws for a resource whose purpose is not written down. */
export function rbacReference(manifests: readonly string[]): string {
  const rows = manifests
    .flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as RoleObject))
    .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
    .flatMap(({ metadata, rules = [] }) => rules.map((rule) => rowOf(rule, metadata?.namespace)));
  return table(['namespace', 'API group', 'resource', 'names', 'verbs', 'purpose'], rows);
}

function rowOf({ apiGroups, resources, resourceNames, verbs }: Rule, namespace: string | undefined): string[] {
  return [
    namespace === undefined ? 'the whole cluster' : code(namespace),
    apiGroups.map((group) => (group === '' ? 'core' : code(group))).join(', '),
    codes(resources),
    resourceNames === undefined ? 'all' : codes(resourceNames),
    codes(verbs),
    resources.map(purposeOf).join(' '),
  ];
}

function purposeOf(resource: string): string {
  const purpose = PURPOSES[resource];
  if (purpose === undefined) throw new Error(`src/docs/rbac-reference.ts has no purpose for ${resource}.`);
  return purpose;
}
