import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type Document, parse, parseAllDocuments } from 'yaml';
import { helm, helmBinaries } from '../charts/helm.ts';
import { makePlain } from '../manifests/render/plain-object.ts';
import type { KubernetesObject } from '../support/manifests.ts';
import type { TestCluster } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const ROOT = join(import.meta.dirname, '../..');
const KUSTOMIZE = join(ROOT, 'manifests/kustomize');
const VALUES = join(ROOT, 'test/manifests/values/token-acquirer.yaml');

const nameOf = ({ kind, metadata }: KubernetesObject): string =>
  [metadata.namespace, kind, metadata.name].filter((part) => part !== undefined).join('/');
const objectsOf = (documents: readonly Document[]): KubernetesObject[] =>
  documents.flatMap((document) => (document.contents === null ? [] : [document.toJS() as KubernetesObject]));

/** Lists that kustomize merges by name come in another order, and a text in another form. */
function inSubstance(object: KubernetesObject): unknown {
  return JSON.parse(JSON.stringify(object), (key: string, value: unknown) => {
    if (key === 'config.yaml') return configurationIn(String(value));
    return isNamedList(value) ? value.toSorted((one, other) => (one.name < other.name ? -1 : 1)) : value;
  });
}

function isNamedList(value: unknown): value is { name: string }[] {
  return Array.isArray(value) && value.every((item: unknown) => item instanceof Object && 'name' in item);
}

/** Without what the chart says of itself to the token-acquirer, which is what that takes by default. */
function configurationIn(text: string): unknown {
  const { endpoint: _endpoint, state: _state, ...config } = parse(text) as Record<string, unknown>;
  return config;
}

/** As the chart has it, in the overlay's namespace and from its registry. */
async function chartObjects(): Promise<KubernetesObject[]> {
  const [binary] = await helmBinaries();
  if (binary === undefined) throw new Error('There is no helm.');
  const options = ['--namespace=platform', `--values=${VALUES}`, '--set=image.registry=registry.example.com'];
  const text = await helm(binary, ['template', 'token-acquirer', join(ROOT, 'charts/token-acquirer'), ...options]);
  const documents: Document[] = parseAllDocuments(text);
  for (const document of documents) makePlain(document, 'platform');
  return objectsOf(documents);
}

describeInCluster('what kustomize puts together', (cluster: () => TestCluster) => {
  const build = async (folder: string): Promise<KubernetesObject[]> =>
    objectsOf(parseAllDocuments(await cluster().kubectl(['kustomize', join(KUSTOMIZE, folder)])));
  let base: readonly KubernetesObject[];
  let overlay: readonly KubernetesObject[];
  beforeAll(async () => {
    base = await build('base');
    overlay = await build('example');
  }, CLUSTER_TIMEOUT);

  it('has no namespace in the base: that is the overlay’s', () => {
    expect(base).toHaveLength(12);
    // As a key: the projected volume has a file of that name.
    expect(JSON.stringify(base)).not.toContain('"namespace":');
  });

  it('is in the example what the chart renders with the same values', async () => {
    const expected = await chartObjects();
    expect(overlay.map(nameOf).toSorted()).toEqual(expected.map(nameOf).toSorted());
    for (const object of expected) {
      const built = overlay.find((one) => nameOf(one) === nameOf(object));
      expect(inSubstance(built as KubernetesObject)).toEqual(inSubstance(object));
    }
  });

  it('gives the permissions to the ServiceAccount of the overlay’s namespace', () => {
    const subjects = overlay.flatMap((object) => object.subjects ?? []);
    expect(subjects).toHaveLength(3);
    for (const subject of subjects) {
      expect(subject).toEqual({ kind: 'ServiceAccount', name: 'token-acquirer', namespace: 'platform' });
    }
  });

  it('is taken by the API server', async () => {
    const namespace = await cluster().namespace('kustomize');
    try {
      for (const object of overlay) {
        const { namespace: given, ...metadata } = object.metadata;
        const moved = given === undefined ? metadata : { ...metadata, namespace: namespace.name };
        const options = ['--dry-run=server', '--validate=strict', '--output=name'];
        const text = JSON.stringify({ ...object, metadata: moved });
        expect(await cluster().kubectl(['apply', ...options, '-f', '-'], text)).toContain(metadata.name);
      }
    } finally {
      await namespace.remove();
    }
  });
});
