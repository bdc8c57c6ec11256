import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Document, parseAllDocuments, visit } from 'yaml';
import { configurationText } from './configuration-text.ts';
import { LAYOUTS, type ManifestPath } from './layouts.ts';
import { manifestText } from './manifest-text.ts';
import { makePlain } from './plain-object.ts';

const ROOT = join(import.meta.dirname, '../../..');
const VALUES = join(import.meta.dirname, '../values');
const ACQUIRER = 'token-acquirer';
const CLIENT = 'billing';
/** Namespace of the overlay that is shown. */
const OVERLAY = 'platform';

const DEFINITION = join(ROOT, 'charts/token-acquirer/files/access-token-crd.yaml');
/** Objects that the chart has for AccessTokens. */
const OF_SERVICES = /[-.](?:access-tokens?(?:-[a-z]+)?|services)$/;

const PATHS = Object.keys(LAYOUTS) as ManifestPath[];
const ORDER = [
  'CustomResourceDefinition',
  'Namespace',
  'ServiceAccount',
  'Secret',
  'Lease',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
  'ConfigMap',
  'Service',
  'Deployment',
  'PodDisruptionBudget',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
];

/** Runs helm with these arguments; resolves with what it prints. */
export type RunHelm = (args: readonly string[]) => Promise<string>;

export interface Manifest {
  readonly path: ManifestPath;
  readonly text: string;
}

/** For each manifest its objects, and the namespace of those that name none. */
type Parts = Readonly<Record<ManifestPath, readonly [readonly Document[], string | undefined]>>;

/** All manifests that are rendered from the charts. */
export async function renderManifests(helm: RunHelm): Promise<readonly Manifest[]> {
  const [acquirer, example, nudge, evidence, offers, base, overlay, client, exampleClient, sidecar] = await Promise.all(
    [
      chart(helm, 'token-acquirer', []),
      chart(helm, 'example-token-acquirer', []),
      chart(helm, 'token-acquirer', ['--set=config.propagation.nudge=true']),
      chart(helm, 'token-acquirer', ['--set-json=config.tokens[0].evidence.log={}']),
      chart(helm, 'token-acquirer', [`--values=${join(VALUES, 'access-tokens.yaml')}`]),
      chart(helm, 'kustomize-base', []),
      chart(helm, 'token-acquirer', [`--namespace=${OVERLAY}`]),
      application(helm, 'client-app'),
      application(helm, 'example-client-app'),
      application(helm, 'sidecar', 'example-sidecar'),
    ],
  );
  const policies = nudge.filter((one) => kindOf(one).startsWith('ValidatingAdmission'));
  const nudging = nudge.filter((one) => isOf(CLIENT)(one) && nameOf(one).endsWith('.volume-nudge'));
  const logging = evidence.filter((one) => nameOf(one).endsWith('.log-evidence'));
  const offering = offers.filter((one) => OF_SERVICES.test(nameOf(one)));
  const parts: Parts = {
    'manifests/token-acquirer.yaml': [[namespaceNamed(ACQUIRER), ...acquirer.filter(isOf(undefined))], ACQUIRER],
    'manifests/client-app.yaml': [[namespaceNamed(CLIENT), ...acquirer.filter(isOf(CLIENT)), ...client], CLIENT],
    'manifests/sidecar.yaml': [sidecar, CLIENT],
    'manifests/admission-policy.yaml': [policies, undefined],
    'manifests/volume-nudge.yaml': [nudging, CLIENT],
    'manifests/log-evidence.yaml': [logging, CLIENT],
    'manifests/access-token-crd.yaml': [documentsIn(readFileSync(DEFINITION, 'utf8')), undefined],
    'manifests/access-tokens.yaml': [offering, ACQUIRER],
    'manifests/example/30-token-acquirer.yaml': [example.filter(isOf(undefined)), ACQUIRER],
    'manifests/example/40-client-app.yaml': [[...example.filter(isOf(CLIENT)), ...exampleClient], CLIENT],
    'manifests/kustomize/base/token-acquirer.yaml': [base.map(forOverlays), undefined],
    'manifests/kustomize/example/billing.yaml': [overlay.filter(isOf(CLIENT)), CLIENT],
  };
  return PATHS.map((path) => {
    const [documents, namespace] = parts[path];
    for (const document of documents) makePlain(document, namespace);
    return { path, text: manifestText(inOrder(documents), LAYOUTS[path]) };
  });
}

/** The objects of the chart, its configuration as the values file has it. */
async function chart(helm: RunHelm, values: string, more: readonly string[]): Promise<Document[]> {
  const file = join(VALUES, `${values}.yaml`);
  const options = [`--namespace=${ACQUIRER}`, `--values=${file}`, '--skip-tests', ...more];
  const documents = documentsIn(await helm(['template', ACQUIRER, join(ROOT, 'charts/token-acquirer'), ...options]));
  for (const document of documents.filter((one) => kindOf(one) === 'ConfigMap' && more.length === 0)) {
    const place = ['data', 'config.yaml'];
    document.setIn(place, configurationText(readFileSync(file, 'utf8'), String(document.getIn(place))));
  }
  return documents;
}

/** The objects of an example application of the library chart. */
async function application(helm: RunHelm, values: string, name = 'example'): Promise<Document[]> {
  const folder = mkdtempSync(join(tmpdir(), 'token-acquirer-manifests-'));
  try {
    cpSync(join(ROOT, 'charts/token-acquirer-client'), join(folder, 'client'), { recursive: true });
    const example = join(folder, 'client', name);
    await helm(['dependency', 'build', example]);
    const options = [`--namespace=${CLIENT}`, `--values=${join(VALUES, `${values}.yaml`)}`];
    return documentsIn(await helm(['template', 'billing-app', example, ...options]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In the order in which they are understood, the same as that in which they are to be made. Throws where a kind has no place in it. */
function inOrder(documents: readonly Document[]): Document[] {
  const lost = documents.find((one) => !ORDER.includes(kindOf(one)));
  if (lost !== undefined) throw new Error(`The order of the manifests has no place for the kind ${kindOf(lost)}.`);
  return ORDER.flatMap((kind) => documents.filter((one) => kindOf(one) === kind));
}

/** Overlays name the namespace, also in subjects; and bring the credentials, below the folder that nothing may cover. */
function forOverlays(document: Document): Document {
  visit(document, {
    Map(_, map) {
      if (map.get('name') === 'no-credentials') return visit.REMOVE;
      if (map.get('kind') === 'ServiceAccount' && map.has('namespace')) map.delete('namespace');
      return undefined;
    },
  });
  return document;
}

function documentsIn(text: string): Document[] {
  return parseAllDocuments(text).filter(({ contents }) => contents !== null);
}

function namespaceNamed(name: string): Document {
  const labels = {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/part-of': ACQUIRER,
    'pod-security.kubernetes.io/enforce': 'restricted',
  };
  return new Document({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
}

function kindOf(document: Document): string {
  return String(document.get('kind'));
}

function nameOf(document: Document): string {
  return String(document.getIn(['metadata', 'name']));
}

function isOf(namespace: string | undefined): (document: Document) => boolean {
  return (document) => document.getIn(['metadata', 'namespace']) === namespace;
}
