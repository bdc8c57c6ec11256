import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { exampleObjects, type KubernetesObject, manifestFiles, objectsIn } from '../support/manifests.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { CLUSTER_TIMEOUT, describeInCluster } from './in-cluster.ts';

const RESTRICTED = 'pod-security.kubernetes.io/enforce=restricted';
const objects = manifestFiles().flatMap((file) => objectsIn(file).map((object) => ({ file, object })));
const pods = [
  ...objectsIn('manifests/token-acquirer.yaml'),
  ...objectsIn('manifests/client-app.yaml'),
  ...exampleObjects(),
].flatMap(({ kind, metadata, spec }) => {
  const template = spec?.template;
  return template === undefined ? [] : [{ name: `${kind} ${metadata.name}`, spec: template.spec }];
});

const text = (object: object): string => stringify(object, { aliasDuplicateObjects: false });

/** An object in another namespace, which exists. */
function movedTo(namespace: string, object: KubernetesObject): KubernetesObject {
  const { metadata } = object;
  return metadata.namespace === undefined ? object : { ...object, metadata: { ...metadata, namespace } };
}

describeInCluster('the manifests', (cluster: () => TestCluster) => {
  let namespace: TestNamespace;

  beforeAll(async () => {
    namespace = await cluster().namespace('manifests');
    await cluster().kubectl(['label', 'namespace', namespace.name, RESTRICTED]);
    for (const name of ['token-acquirer', 'billing-app', 'example-setup']) {
      await cluster().kubectl(['-n', namespace.name, 'create', 'serviceaccount', name]);
    }
  }, CLUSTER_TIMEOUT);

  afterAll(() => namespace.remove());

  /** `dry-run=server`: the API server checks fields and values, and admission has its say. */
  function tryOut(object: object): Promise<string> {
    const options = ['--dry-run=server', '--validate=strict', '--output=name'];
    return cluster().kubectl(['apply', ...options, '-f', '-'], text(object));
  }

  it.each(objects.map(({ file, object }) => [`${object.kind} ${object.metadata.name} in ${file}`, object] as const))(
    'hold what the API server takes: %s',
    async (_, object) => {
      const made = await tryOut(movedTo(namespace.name, object));
      expect(made.trim()).toMatch(new RegExp(`/${object.metadata.name}$`));
    },
  );

  const podOf = (spec: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'tried-out', namespace: namespace.name },
    spec,
  });

  it.each(pods.map(({ name, spec }) => [name, spec] as const))(
    'have pods that a restricted namespace admits: %s',
    async (_, spec) => {
      expect((await tryOut(podOf(spec))).trim()).toBe('pod/tried-out');
    },
  );

  it('admit no pod that asks for more', async () => {
    const [pod] = pods;
    const [container] = pod?.spec.containers ?? [];
    const spec = { ...pod?.spec, containers: [{ ...container, securityContext: { privileged: true } }] };
    await expect(tryOut(podOf(spec))).rejects.toThrow(/violates PodSecurity/);
  });

  describe('applied again', () => {
    it.each([
      ['the token Secret', 'manifests/client-app.yaml', 'Secret', 'billing-tokens'],
      ['the state of the token-acquirer', 'manifests/token-acquirer.yaml', 'Secret', 'token-acquirer-state'],
      ['its CA', 'manifests/token-acquirer.yaml', 'Secret', 'token-acquirer-ca'],
      ['what the example trusts', 'manifests/example/10-setup.yaml', 'ConfigMap', 'example-ca'],
    ])('leave %s as it was filled', async (_, file, kind, name) => {
      const object = objectsIn(file).find((one) => one.kind === kind && one.metadata.name === name);
      const apply = (): Promise<string> =>
        cluster().kubectl(['apply', '-f', '-'], text(movedTo(namespace.name, object as KubernetesObject)));
      const its = ['-n', namespace.name, kind.toLowerCase(), name];
      await apply();
      const change = { data: { 'dynamics.json': Buffer.from('{}').toString('base64') } };
      await cluster().kubectl(['patch', ...its, '--type=merge', '--patch', JSON.stringify(change)]);
      expect(await apply()).toMatch(/unchanged/);
      expect(JSON.parse(await cluster().kubectl(['get', ...its, '--output=jsonpath={.data}']))).toEqual(change.data);
    });
  });
});
