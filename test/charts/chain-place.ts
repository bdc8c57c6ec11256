import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCertificates } from '../../src/demo/cluster/certificates.ts';
import type { TestCluster, TestNamespace } from '../cluster/cluster.ts';
import { loadImages } from '../cluster/example/images.ts';
import { secret } from '../support/secrets.ts';

const SERVICES = join(import.meta.dirname, '../../manifests/example/20-services.yaml');
const PARTS = ['authorization-server', 'gateway', 'incident-desk'];

/** The example's services in their own namespaces, for a release of the chart to be tried with. */
export interface ChainPlace {
  /** Namespaces. */
  readonly services: string;
  readonly acquirer: string;
  readonly client: string;
  /** For `helm install`: one token of one client, and `helm test`. */
  readonly values: object;
  /** That the token-acquirer has; or another one instead, which nobody knows. */
  setCredential(which: 'right' | 'wrong'): Promise<void>;
  remove(): Promise<void>;
}

/** Resolves when all of it runs, and nothing of the token-acquirer exists. */
export async function makePlace(cluster: TestCluster): Promise<ChainPlace> {
  const images = await loadImages(cluster);
  const homes = await Promise.all(['services', 'acquirer', 'client'].map((name) => cluster.namespace(`chain-${name}`)));
  const [services = '', acquirer = '', client = ''] = homes.map(({ name }) => name);
  const right = secret('client-secret');
  await Promise.all([acquirer, client].map((name) => restrict(cluster, name)));
  await apply(cluster, await prepared({ services, acquirer, client }, right));
  const parts = readFileSync(SERVICES, 'utf8')
    .replaceAll('namespace: example-services', `namespace: ${services}`)
    .replaceAll('.example-services.svc', `.${services}.svc`)
    .replace('value: 20s', 'value: 600s')
    .replace('value: 90s', 'value: ""');
  await cluster.kubectl(['apply', '--filename=-'], images(parts));
  await Promise.all(
    PARTS.map((name) =>
      cluster.kubectl(['rollout', 'status', `deployment/${name}`, `--namespace=${services}`, '--timeout=120s']),
    ),
  );
  return {
    services,
    acquirer,
    client,
    values: valuesFor({ services, client }, images),
    setCredential: (which) => apply(cluster, [credentialIn(acquirer, which === 'right' ? right : secret('wrong'))]),
    remove: () => removeAll(homes),
  };
}

async function restrict(cluster: TestCluster, namespace: string): Promise<void> {
  await cluster.kubectl(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
}

async function apply(cluster: TestCluster, objects: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  await cluster.kubectl(['apply', '--filename=-'], JSON.stringify(list));
}

async function removeAll(homes: readonly TestNamespace[]): Promise<void> {
  await Promise.all(homes.map((home) => home.remove()));
}

type Namespaces = Pick<ChainPlace, 'services' | 'acquirer' | 'client'>;

/** What the example's own preparation makes, in namespaces with fixed names. */
async function prepared({ services, acquirer, client }: Namespaces, clientSecret: string): Promise<object[]> {
  const [first = '', second = ''] = ['authorization-server', 'gateway'].map((name) => `${name}.${services}.svc`);
  const { ca, servers } = await createCertificates([first, second], Date.now());
  const tls = (name: string): object => ({ 'tls.crt': servers.get(name)?.cert, 'tls.key': servers.get(name)?.key });
  const gatewaySecret = secret('gateway-secret');
  const clients = [
    { clientId: 'billing-app', clientSecret, grants: ['client_credentials'] },
    { clientId: 'gateway', clientSecret: gatewaySecret, grants: [] },
  ];
  return [
    ...[services, acquirer, client].map((namespace) => configMap(namespace, 'example-ca', { 'ca.crt': ca })),
    secretObject(services, 'authorization-server', { ...tls(first), 'clients.json': JSON.stringify(clients) }),
    secretObject(services, 'gateway', { ...tls(second), client_id: 'gateway', client_secret: gatewaySecret }),
    credentialIn(acquirer, clientSecret),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'billing-app', namespace: client } },
  ];
}

function credentialIn(namespace: string, clientSecret: string): object {
  return secretObject(namespace, 'dynamics-credentials', { client_id: 'billing-app', client_secret: clientSecret });
}

function secretObject(namespace: string, name: string, stringData: object): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}

function configMap(namespace: string, name: string, data: object): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

/** As a user would write them. */
function valuesFor({ services, client }: Omit<Namespaces, 'acquirer'>, images: (text: string) => string): object {
  const image = (tag: string): object => {
    const [, repository, version] = /^image: (.+):([^:]+)$/.exec(images(`image: ${tag}`)) ?? [];
    return { repository, tag: version };
  };
  return {
    image: image('token-acquirer:0.1.0'),
    // Enough for what most suites show, at half the work.
    replicas: 1,
    config: {
      authorizationServers: { corporate: { issuer: `https://authorization-server.${services}.svc` } },
      tokens: [
        {
          name: 'dynamics',
          authorizationServer: 'corporate',
          credential: 'dynamics',
          grant: 'client_credentials',
          secret: { namespace: client, name: 'billing-tokens' },
          clients: [{ namespace: client, serviceAccount: 'billing-app' }],
        },
      ],
    },
    certificateAuthorities: { corporate: { configMap: 'example-ca' } },
    test: {
      image: image('client-app:0.1.0'),
      serviceUrl: `https://gateway.${services}.svc/incidents`,
      certificateAuthority: { configMap: 'example-ca' },
    },
  };
}
