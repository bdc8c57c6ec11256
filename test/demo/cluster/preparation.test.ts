import { createPrivateKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClusterApi } from '../../../src/demo/cluster/cluster-api.ts';
import { prepareExample } from '../../../src/demo/cluster/preparation.ts';
import type { RegisteredClient } from '../../../src/demo/provider-configuration.ts';
import { exampleObjects, type KubernetesObject } from '../../support/manifests.ts';
import { registerSecret } from '../../support/secrets.ts';

interface Change {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** An API server with the objects of the example, and what was asked of it. */
class RecordingApi implements ClusterApi {
  readonly patches = new Map<string, Change>();
  readonly reads: string[] = [];
  readonly #present: object;

  constructor(present: object = {}) {
    this.#present = present;
  }

  async get(path: string): Promise<object> {
    this.reads.push(path);
    return this.#present;
  }

  async patch(path: string, change: Change): Promise<void> {
    for (const value of Object.values(change.stringData ?? {})) registerSecret(value);
    this.patches.set(path, change);
  }

  keysOf(path: string): string[] {
    const { data, stringData } = this.patches.get(path) ?? {};
    return Object.keys({ ...data, ...stringData }).toSorted();
  }

  valueOf(path: string, key: string): string {
    return this.patches.get(path)?.stringData?.[key] ?? '';
  }
}

const AUTHORIZATION_SERVER = '/api/v1/namespaces/example-services/secrets/authorization-server';
const GATEWAY = '/api/v1/namespaces/example-services/secrets/gateway';
const CREDENTIAL = '/api/v1/namespaces/token-acquirer/secrets/dynamics-credentials';

const objects = exampleObjects();
const api = new RecordingApi();
let drawn: boolean;

beforeAll(async () => {
  drawn = await prepareExample(api, Date.now());
});

function pathOf({ kind, metadata }: KubernetesObject): string {
  return `/api/v1/namespaces/${metadata.namespace}/${kind.toLowerCase()}s/${metadata.name}`;
}

describe('the preparation of the example', () => {
  it('fills what the manifests leave empty, and nothing else', () => {
    const setUp = objects.filter(
      ({ kind, metadata }) =>
        ['Secret', 'ConfigMap'].includes(kind) && metadata.labels?.['app.kubernetes.io/name'] === 'example-setup',
    );
    expect(drawn).toBe(true);
    expect([...api.patches.keys()].toSorted()).toEqual(setUp.map(pathOf).toSorted());
  });

  it('fills last the object that shows that the others are complete', () => {
    expect([...api.patches.keys()].at(-1)).toBe(AUTHORIZATION_SERVER);
    expect(api.reads).toEqual([AUTHORIZATION_SERVER]);
  });

  it('does what its roles allow, which allow nothing else', () => {
    const allowed = objects
      .filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'example-setup')
      .flatMap(({ metadata, rules = [] }) =>
        rules.flatMap(({ resources = [], resourceNames = [], verbs }) =>
          verbs.map((verb) => `${verb} /api/v1/namespaces/${metadata.namespace}/${resources[0]}/${resourceNames[0]}`),
        ),
      );
    const done = [...api.reads.map((path) => `get ${path}`), ...[...api.patches.keys()].map((path) => `patch ${path}`)];
    expect(done.toSorted()).toEqual(allowed.toSorted());
  });

  it.each([
    ['the authorization server', AUTHORIZATION_SERVER, ['clients.json', 'tls.crt', 'tls.key']],
    ['the gateway', GATEWAY, ['client_id', 'client_secret', 'tls.crt', 'tls.key']],
    ['the token-acquirer', CREDENTIAL, ['client_id', 'client_secret']],
  ])('gives %s what it mounts', (_, path, keys) => {
    expect(api.keysOf(path)).toEqual(keys);
  });

  it('gives the authorization server the same secrets as their holders', () => {
    const clients = JSON.parse(api.valueOf(AUTHORIZATION_SERVER, 'clients.json')) as RegisteredClient[];
    const holders = [CREDENTIAL, GATEWAY].map((path) =>
      ['client_id', 'client_secret'].map((key) => api.valueOf(path, key)),
    );
    expect(clients.map(({ clientId, clientSecret = '' }) => [clientId, clientSecret].join(' '))).toEqual(
      holders.map((pair) => pair.join(' ')),
    );
  });

  it.each([AUTHORIZATION_SERVER, GATEWAY])('signs the certificate in %s, which fits its key', (path) => {
    const certificate = new X509Certificate(api.valueOf(path, 'tls.crt'));
    const ca = api.patches.get('/api/v1/namespaces/billing/configmaps/example-ca')?.data?.['ca.crt'] ?? '';
    expect(certificate.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(api.valueOf(path, 'tls.key')))).toBe(true);
    const service = path.split('/').at(-1);
    expect(certificate.checkHost(`${service}.example-services.svc`)).toBeDefined();
  });

  it('is done once', async () => {
    const again = new RecordingApi({ data: { 'tls.crt': '' } });
    expect(await prepareExample(again, Date.now())).toBe(false);
    expect([...again.patches]).toEqual([]);
  });

  it('is done where a Secret has no data yet, in either way of saying so', async () => {
    expect(await prepareExample(new RecordingApi({ data: {} }), Date.now())).toBe(true);
  });

  it('draws other secrets each time', async () => {
    const other = new RecordingApi();
    await prepareExample(other, Date.now());
    expect(other.valueOf(CREDENTIAL, 'client_secret') === api.valueOf(CREDENTIAL, 'client_secret')).toBe(false);
  });
});
