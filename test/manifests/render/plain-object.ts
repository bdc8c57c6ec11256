import { type Document, isMap, isPair, isScalar, isSeq, type Pair, Scalar, visit } from 'yaml';

/** Labels of a release, which manifests are not. */
const LABELS_OF_HELM = [
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
  'helm.sh/chart',
];
/** Of what the chart rendered: an edited manifest would not keep them up. */
const CHECKSUMS = ['token-acquirer.dev/restart-checksum', 'token-acquirer.dev/config-sha256'];

/** Of objects outside the release's namespace: the namespace in them keeps releases apart. There is one of manifests. */
const GLOBAL_NAME = /^token-acquirer\.(?:token-acquirer|platform)(?:[-.]([a-z-]+))?$/;
const NAMING = new Set(['name', 'policyName']);

/**
 * Makes what helm rendered an object to edit and apply: without the labels of a release and the checksums, which nobody
 * would keep up, with short names, and in this namespace where it names none; `undefined` leaves it without.
 */
export function makePlain(document: Document, namespace: string | undefined): void {
  visit(document, {
    Pair(_, pair) {
      if (hasKey(pair, LABELS_OF_HELM) || hasKey(pair, CHECKSUMS)) return visit.REMOVE;
      if (isScalar(pair.value) && NAMING.has(keyOf(pair) ?? '')) shortenName(pair.value);
      return undefined;
    },
    Scalar(_, scalar) {
      // As is written by hand, with quotes where it would mean something else without.
      if (scalar.type === Scalar.QUOTE_DOUBLE) delete scalar.type;
    },
  });
  // In a second round, when what is in them is gone.
  visit(document, {
    Pair: (_, pair) =>
      hasKey(pair, ['annotations']) && isMap(pair.value) && pair.value.items.length === 0 ? visit.REMOVE : undefined,
  });
  if (namespace !== undefined) putInto(document, namespace);
}

const CLUSTER_WIDE =
  /^(?:CustomResourceDefinition|Namespace|ClusterRole|ClusterRoleBinding|ValidatingAdmissionPolicy|ValidatingAdmissionPolicyBinding)$/;

function putInto(document: Document, namespace: string): void {
  const metadata = document.get('metadata');
  if (!isMap(metadata) || metadata.has('namespace') || CLUSTER_WIDE.test(String(document.get('kind')))) return;
  const after = metadata.items.findIndex((pair) => hasKey(pair, ['name'])) + 1;
  metadata.items.splice(after, 0, document.createPair('namespace', namespace));
  const subjects = document.get('subjects');
  if (!isSeq(subjects)) return;
  // Of the chart: why it names none.
  subjects.commentBefore = null;
  for (const subject of subjects.items) {
    if (isMap(subject) && !subject.has('namespace')) subject.set('namespace', namespace);
  }
}

function shortenName(scalar: Scalar): void {
  const match = GLOBAL_NAME.exec(String(scalar.value));
  if (match !== null) scalar.value = ['token-acquirer', match[1]].filter((part) => part !== undefined).join('-');
}

function hasKey(pair: unknown, keys: readonly string[]): boolean {
  return isPair(pair) && keys.includes(keyOf(pair) ?? '');
}

function keyOf(pair: Pair): string | undefined {
  const { key } = pair;
  return isScalar(key) ? String(key.value) : typeof key === 'string' ? key : undefined;
}
