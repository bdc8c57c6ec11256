import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { exampleObjects, type KubernetesObject, manifestFiles, manifestText, objectsIn } from '../support/manifests.ts';

const ROOT = join(import.meta.dirname, '../..');
const CLUSTER_WIDE = new Set([
  'CustomResourceDefinition',
  'Namespace',
  'ClusterRole',
  'ClusterRoleBinding',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

const acquirer = objectsIn('manifests/token-acquirer.yaml');
const client = objectsIn('manifests/client-app.yaml');
const example = exampleObjects();
const everything = manifestFiles().flatMap((file) => objectsIn(file).map((object) => ({ file, object })));

function named({ kind, metadata }: KubernetesObject): string {
  return [metadata.namespace, kind, metadata.name].filter((part) => part !== undefined).join('/');
}

function find(objects: readonly KubernetesObject[], name: string): KubernetesObject {
  const found = objects.find((object) => named(object) === name);
  if (found === undefined) throw new Error(`There is no ${name}.`);
  return found;
}

describe('every object of the manifests', () => {
  it.each(everything.map(({ file, object }) => [`${named(object)} in ${file}`, object] as const))(
    '%s names its namespace and is labelled',
    (_, { kind, metadata }) => {
      expect(metadata.namespace === undefined).toBe(CLUSTER_WIDE.has(kind));
      // The definition of AccessTokens belongs to no installation.
      if (kind !== 'CustomResourceDefinition') expect(metadata.labels?.['app.kubernetes.io/name']).toBeTypeOf('string');
    },
  );

  it('is that of the chart where it is the definition of AccessTokens', () => {
    const chart = parse(
      readFileSync(join(ROOT, 'charts/token-acquirer/files/access-token-crd.yaml'), 'utf8'),
    ) as object;
    expect(objectsIn('manifests/access-token-crd.yaml')).toEqual([chart]);
  });

  it('has bounds and permissions for the same namespace where it is for AccessTokens', () => {
    const objects = objectsIn('manifests/access-tokens.yaml');
    const { spec } = find(objects, 'ValidatingAdmissionPolicy/token-acquirer-access-token-services');
    expect(JSON.stringify(spec)).toContain('{\\"dynamics\\":{\\"namespaces\\":[\\"billing\\"]');
    const binding = find(objects, 'ValidatingAdmissionPolicyBinding/token-acquirer-access-token-services');
    expect(binding.spec).toMatchObject({ policyName: 'token-acquirer-access-token-services' });
    const { roleRef } = find(objects, 'billing/RoleBinding/token-acquirer-access-tokens');
    expect(roleRef).toMatchObject({ name: find(objects, 'billing/Role/token-acquirer-access-tokens').metadata.name });
  });

  it('is named once in each set that is applied together', () => {
    for (const set of [[...acquirer, ...client], example]) {
      const names = set.map(named);
      expect(names).toEqual([...new Set(names)]);
    }
  });

  it.each([
    ['manifests/token-acquirer.yaml', acquirer],
    ['manifests/client-app.yaml', client],
    ['manifests/example/', example],
  ])('in %s lies in a namespace that was made before it', (_, objects) => {
    const made = new Set(['token-acquirer']);
    for (const { kind, metadata } of objects) {
      if (kind === 'Namespace') made.add(metadata.name);
      else if (metadata.namespace !== undefined) expect([...made]).toContain(metadata.namespace);
    }
  });

  it('has no data where it is a Secret, so that applying it again removes nothing', () => {
    const secrets = everything.filter(({ object }) => object.kind === 'Secret');
    expect(secrets).toHaveLength(9);
    for (const { object } of secrets) expect(Object.keys(object)).toEqual(['apiVersion', 'kind', 'metadata', 'type']);
  });

  it('restricts the pods where it is a namespace', () => {
    const namespaces = everything.filter(({ object }) => object.kind === 'Namespace');
    expect(namespaces).toHaveLength(5);
    for (const { object } of namespaces) {
      expect(object.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
    }
  });
});

describe('the permissions of the token-acquirer', () => {
  it.each([
    [
      'in its own namespace: its two Secrets, its Lease, and to report events',
      find(acquirer, 'token-acquirer/Role/token-acquirer'),
      [
        {
          apiGroups: [''],
          resources: ['secrets'],
          resourceNames: ['token-acquirer-state', 'token-acquirer-ca'],
          verbs: ['get', 'patch'],
        },
        {
          apiGroups: ['coordination.k8s.io'],
          resources: ['leases'],
          resourceNames: ['token-acquirer'],
          verbs: ['get', 'update', 'watch'],
        },
        { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      ],
    ],
    [
      'in the namespace of a client app: the token Secret, to see pods, and to tell events',
      find(client, 'billing/Role/token-acquirer'),
      [
        { apiGroups: [''], resources: ['secrets'], resourceNames: ['billing-tokens'], verbs: ['get', 'patch'] },
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      ],
    ],
    [
      'in the whole cluster: to ask who a caller is',
      find(acquirer, 'ClusterRole/token-acquirer-callers'),
      [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }],
    ],
  ])('are, %s', (_, { rules }, expected) => {
    expect(rules).toEqual(expected);
  });

  it('are all that there are', () => {
    const roles = [...acquirer, ...client].filter(({ kind }) => kind.endsWith('Role')).map(named);
    expect(roles).toEqual([
      'token-acquirer/Role/token-acquirer',
      'ClusterRole/token-acquirer-callers',
      'billing/Role/token-acquirer',
    ]);
  });

  it('are bound to its ServiceAccount only; the client app has none', () => {
    const bindings = [...acquirer, ...client].filter(({ kind }) => kind.endsWith('RoleBinding'));
    for (const { kind, metadata, roleRef, subjects } of bindings) {
      expect(roleRef).toMatchObject({ kind: kind.replace('Binding', ''), name: metadata.name });
      expect(subjects).toEqual([{ kind: 'ServiceAccount', name: 'token-acquirer', namespace: 'token-acquirer' }]);
    }
    expect(bindings).toHaveLength(3);
  });

  it('are apart for nudging volumes: to patch the status of pods and nothing else', () => {
    const [role, binding] = objectsIn('manifests/volume-nudge.yaml');
    expect(role?.rules).toEqual([{ apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] }]);
    expect(role?.metadata).toMatchObject({ namespace: 'billing', name: 'token-acquirer-volume-nudge' });
    expect(binding?.roleRef).toMatchObject({ kind: 'Role', name: 'token-acquirer-volume-nudge' });
    expect(binding?.subjects).toEqual([
      { kind: 'ServiceAccount', name: 'token-acquirer', namespace: 'token-acquirer' },
    ]);
  });
});

describe('the configuration', () => {
  it.each([
    ['manifests/token-acquirer.yaml', acquirer],
    ['manifests/example/', example],
  ])('in %s is without errors, and names what exists', (_, objects) => {
    const { data } = find(objects, 'token-acquirer/ConfigMap/token-acquirer-config');
    const text = data?.['config.yaml'] ?? '';
    const { tokens } = parseConfiguration(text, 'config.yaml');
    const all = objects === example ? example : [...acquirer, ...client];
    for (const { identity, credential } of tokens) {
      expect(find(all, `${identity.namespace}/Secret/${identity.secret}`)).toBeDefined();
      const { spec } = find(objects, 'token-acquirer/Deployment/token-acquirer');
      const mounts = spec?.template?.spec.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath);
      expect(mounts).toContain(`/etc/token-acquirer/credentials/${credential}`);
    }
    expect(tokens.map(({ clients }) => clients)).toEqual([['system:serviceaccount:billing:billing-app']]);
    const pods = find(all, 'billing/Deployment/billing-app').spec?.template?.metadata.labels;
    expect(tokens.map(({ clientApp }) => clientApp)).toEqual([
      { namespace: 'billing', selector: 'app.kubernetes.io/name=billing-app', secret: 'billing-tokens' },
    ]);
    expect(pods).toMatchObject({ 'app.kubernetes.io/name': 'billing-app' });
  });
});

/** The fields in which an object of the example may differ from the one that users apply. */
const EXAMPLES_OWN: Readonly<Record<string, readonly string[]>> = {
  'token-acquirer/ConfigMap/token-acquirer-config': ['data'],
  'token-acquirer/Deployment/token-acquirer': ['volumeMounts', 'volumes'],
  'billing/Deployment/billing-app': ['volumeMounts', 'volumes', 'env'],
};

/** Without `example-ca`, by which the example trusts itself, and without those of the fields that hold no list. */
function common(object: KubernetesObject): unknown {
  const own = EXAMPLES_OWN[named(object)] ?? [];
  return JSON.parse(JSON.stringify(object), (key: string, value: unknown) => {
    if (!own.includes(key)) return value;
    if (!Array.isArray(value)) return undefined;
    return (value as { name: string }[]).filter(
      ({ name }) => !['example-ca', 'NODE_EXTRA_CA_CERTS', 'SERVICE_URL'].includes(name),
    );
  });
}

describe('the example', () => {
  it('has the objects that users apply, and the same except for its addresses and its CA', () => {
    for (const object of [...acquirer, ...client]) {
      expect(common(find(example, named(object)))).toEqual(common(object));
    }
  });

  it('makes its namespaces first', () => {
    expect(example.slice(0, 3).map(({ kind }) => kind)).toEqual(['Namespace', 'Namespace', 'Namespace']);
  });

  it('has no private key and no secret in it', () => {
    for (const file of manifestFiles()) expect(manifestText(file)).not.toMatch(/PRIVATE KEY|stringData|client_secret:/);
  });

  it('lets its services be found under the names that they are certified and called by', () => {
    const services = example.filter(({ kind }) => kind === 'Service').map(named);
    expect(services).toEqual([
      ...['authorization-server', 'gateway', 'incident-desk'].map((name) => `example-services/Service/${name}`),
      'token-acquirer/Service/token-acquirer',
    ]);
  });
});

describe('the images', () => {
  // The application next to the sidecar is the user's own.
  const ours = everything.filter(({ file }) => file !== 'manifests/sidecar.yaml');
  const images = [...new Set(ours.flatMap(({ object }) => object.spec?.template?.spec.containers ?? []))].map(
    ({ image }) => image,
  );

  it('are of this version and of no registry, as the manifests say', () => {
    expect([...new Set(images)].toSorted()).toEqual(
      ['client-app', 'example-services', 'token-acquirer'].map((name) => `${name}:${version}`),
    );
    for (const file of ['manifests/token-acquirer.yaml', 'manifests/client-app.yaml']) {
      expect(manifestText(file)).toContain('push it to your registry');
    }
  });

  it('are built by the commands that the example names', () => {
    const text = manifestText('manifests/example/00-namespaces.yaml');
    for (const image of new Set(images)) expect(text).toMatch(new RegExp(`docker build .*-t ${image} \\.`));
  });
});
