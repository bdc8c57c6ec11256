import { randomUUID } from 'node:crypto';
import {
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1Secret,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusOf } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createSecretRefreshTokenStore } from '../../src/adapters/kubernetes/secrets/secret-refresh-token-store.ts';
import { createSecretTokenStore } from '../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { messageOf, StoreError } from '../../src/core/errors.ts';
import { isLoopbackHost } from '../../src/core/loopback.ts';
import type { SecretReference } from '../../src/core/token.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { describeRefreshTokenStore } from '../contract/refresh-token-store.ts';
import { describeTokenStore } from '../contract/token-store.ts';
import { failure } from '../support/failure.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { buildToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';
import { describeInCluster } from './in-cluster.ts';

/** What the manifests grant, and no more: `get` and `patch` of Secrets. */
const ROLE = 'token-secrets';
const ACCOUNT = 'acquirer';
const KEYS = ['dynamics', 'dynamics.json'];

/** One namespace with an account that has those permissions, and what may be done to its Secrets by others. */
class Bench {
  readonly admin: ApiServer;
  readonly core: CoreV1Api;
  readonly namespace: TestNamespace;
  readonly token: string;
  readonly cluster: TestCluster;
  readonly #rbac: RbacAuthorizationV1Api;
  readonly #stops: (() => Promise<void>)[] = [];

  private constructor(cluster: TestCluster, admin: ApiServer, given: { namespace: TestNamespace; token: string }) {
    this.cluster = cluster;
    this.admin = admin;
    this.core = new CoreV1Api(admin.configuration);
    this.#rbac = new RbacAuthorizationV1Api(admin.configuration);
    this.namespace = given.namespace;
    this.token = given.token;
  }

  static async start(cluster: TestCluster): Promise<Bench> {
    const admin = kubeconfigApiServer(cluster.kubeconfig);
    const namespace = await cluster.namespace('api');
    const accounts = new ServiceAccounts(admin, namespace.name);
    await accounts.create(ACCOUNT);
    const bench = new Bench(cluster, admin, { namespace, token: await accounts.token(ACCOUNT, { seconds: 3600 }) });
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'patch'] }];
    await bench.#rbac.createNamespacedRole({ namespace: namespace.name, body: { metadata: { name: ROLE }, rules } });
    await bench.allow();
    return bench;
  }

  /** The API server with only the account's permissions; `port`: through a proxy. */
  connect(port?: number): ApiServer {
    const server = this.cluster.api.getCurrentCluster();
    if (server === null) throw new Error('The kubeconfig of the cluster has no current context.');
    const config = new KubeConfig();
    const through = port === undefined ? {} : { server: `https://localhost:${port}` };
    config.loadFromClusterAndUser({ ...server, ...through }, { name: 'none' });
    const { api, stop } = apiServerAs(this.token, config);
    this.#stops.push(stop);
    return api;
  }

  async allow(): Promise<void> {
    const { name: namespace } = this.namespace;
    const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ROLE };
    const body = { metadata: { name: ROLE }, roleRef, subjects };
    await this.#rbac.createNamespacedRoleBinding({ namespace, body });
    await this.#untilStatusIs(404);
  }

  async forbid(): Promise<void> {
    await this.#rbac.deleteNamespacedRoleBinding({ namespace: this.namespace.name, name: ROLE });
    await this.#untilStatusIs(403);
  }

  /** Permissions take effect a moment after they were changed. */
  async #untilStatusIs(status: number): Promise<void> {
    const core = new CoreV1Api(this.connect().configuration);
    const read = () => core.readNamespacedSecret({ namespace: this.namespace.name, name: 'no-such-secret' });
    await until('the change of permissions', async () => statusOf(await failure(read())) === status, 30_000);
  }

  async make(name: string, parts: Omit<V1Secret, 'metadata'> = {}): Promise<SecretReference> {
    const secret = `${name}-${randomUUID().slice(0, 8)}`;
    const body = { ...parts, metadata: { name: secret } };
    await this.core.createNamespacedSecret({ namespace: this.namespace.name, body });
    return { namespace: this.namespace.name, secret };
  }

  async seen({ namespace, secret }: SecretReference): Promise<Record<string, string>> {
    // Of kubectl, because client-node loses a key `__proto__`.
    const text = await this.cluster.kubectl(['get', 'secret', secret, `--namespace=${namespace}`, '--output=json']);
    const { data = {} } = JSON.parse(text) as { data?: Record<string, string> };
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  }

  async edit({ namespace, secret: name }: SecretReference, changes: unknown): Promise<void> {
    const options = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    await this.core.patchNamespacedSecret({ namespace, name, body: changes }, options);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop();
    await this.namespace.remove();
    await this.admin.close();
  }
}

function base64Of(changes: Readonly<Record<string, string | undefined>>): Record<string, string | null> {
  const entries = Object.entries(changes);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value === undefined ? null : Buffer.from(value).toString('base64')]),
  );
}

describeInCluster('The stores of Secrets', (cluster) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start(cluster());
  }, 120_000);
  afterAll(() => bench.stop());

  describeTokenStore('The Secrets of a cluster', async () => ({
    store: createSecretTokenStore(bench.connect()),
    secrets: [await bench.make('billing'), await bench.make('orders')],
    seen: (secret) => bench.seen(secret),
    edit: (secret, changes) => bench.edit(secret, { data: base64Of(changes) }),
    empty: (secret) => bench.edit(secret, { data: null }),
    breakDown: () => bench.forbid(),
    repair: () => bench.allow(),
    stop: async () => {},
  }));

  describeRefreshTokenStore('A Secret of a cluster', async () => {
    const secret = await bench.make('state');
    const make = () => createSecretRefreshTokenStore(bench.connect(), secret);
    const repairs: (() => Promise<void>)[] = [];
    return {
      store: make(),
      another: make,
      async corrupt({ namespace, secret: name, name: token }) {
        const key = `${namespace}.${name}.${token}`;
        const { [key]: text = '' } = await bench.seen(secret);
        await bench.edit(secret, { data: base64Of({ [key]: text.slice(0, text.length / 2) }) });
        repairs.push(() => bench.edit(secret, { data: base64Of({ [key]: text }) }));
      },
      async breakDown() {
        await bench.forbid();
        repairs.push(() => bench.allow());
      },
      async repair() {
        for (const repair of repairs.splice(0)) await repair();
      },
      stop: async () => {},
    };
  });

  describe('Tokens in Secrets', () => {
    const tokenData = (generation = 1) => toVolumeData('dynamics', buildToken({ generation }));

    it('are renewed ten together in one Secret, 200 times in all, by one write for the ten and without one rejection', async () => {
      const secret = await bench.make('ten');
      const api = bench.connect();
      const statuses: number[] = [];
      const store = createSecretTokenStore(counting(api, statuses));
      const names = Array.from({ length: 10 }, (_, index) => `token-${index}`);
      const wanted: Record<string, string> = {};
      const write = async (name: string, generation: number): Promise<void> => {
        const data = toVolumeData(name, buildToken({ generation }));
        Object.assign(wanted, data);
        await store.write(secret, data);
      };
      for (const name of names) await write(name, 0);
      statuses.length = 0;
      for (let round = 1; round <= 20; round += 1) await Promise.all(names.map((name) => write(name, round)));
      expect(statuses).toEqual(Array.from({ length: 20 }, () => 200));
      expect(await bench.seen(secret)).toEqual(wanted);
    });

    it('are not overwritten by a writer that does not know of them', async () => {
      const secret = await bench.make('two');
      const [one, other] = [createSecretTokenStore(bench.connect()), createSecretTokenStore(bench.connect())];
      await one.write(secret, tokenData(1));
      const others = tokenData(2);
      await other.write(secret, others);
      const error = await failure(one.write(secret, tokenData(3)));
      expect(error).toMatchObject({ name: 'StoreError', permanent: false });
      expect(await one.read(secret, KEYS)).toEqual(others);
      await one.write(secret, tokenData(4));
    });

    it('are attributed to the field manager', async () => {
      const secret = await bench.make('managed');
      await createSecretTokenStore(bench.connect()).write(secret, tokenData());
      const { metadata } = await bench.core.readNamespacedSecret({ namespace: secret.namespace, name: secret.secret });
      expect(metadata?.managedFields?.map(({ manager }) => manager)).toContain('token-acquirer');
    });

    it('are found in a Secret that is made after all', async () => {
      const missing = { namespace: bench.namespace.name, secret: 'made-later' };
      const store = createSecretTokenStore(bench.connect());
      for (const call of [() => store.read(missing, KEYS), () => store.write(missing, tokenData())]) {
        const error = await failure(call());
        expect(error).toMatchObject({ permanent: true });
        const command = `kubectl create secret generic made-later --namespace ${bench.namespace.name}`;
        expect(messageOf(error)).toContain(command);
      }
      await bench.cluster.kubectl(['create', 'secret', 'generic', 'made-later', `--namespace=${missing.namespace}`]);
      await store.write(missing, tokenData());
      expect(Object.keys(await bench.seen(missing))).toEqual(KEYS);
    });

    it('are rejected for an immutable Secret, and for one that would be over 1 MiB', async () => {
      const store = createSecretTokenStore(bench.connect());
      const fixed = await bench.make('fixed', { immutable: true, data: filled(tokenData(1)) });
      const full = await bench.make('full', { data: filled({ other: 'x'.repeat(1024 * 1024) }) });
      for (const [secret, says] of [
        [fixed, /cannot be written: it is immutable/],
        [full, /larger than the API server takes \(1 MiB in a Secret\)/],
      ] as const) {
        const error = await failure(store.write(secret, tokenData(2)));
        expect(error).toMatchObject({ permanent: true });
        expect(messageOf(error)).toMatch(says);
      }
      const error = await failure(store.write(full, { dynamics: 'x'.repeat(3 * 1024 * 1024) }));
      expect(messageOf(error)).toMatch(/larger than the API server takes/);
    });

    it('are written in a namespace that is being deleted, until their Secret is gone', async () => {
      const namespace = await cluster().namespace('api-ending');
      const core = bench.core;
      const finalizers = ['token-acquirer.test/held'];
      await core.createNamespacedSecret({
        namespace: namespace.name,
        body: { metadata: { name: 'held', finalizers } },
      });
      const secret = { namespace: namespace.name, secret: 'held' };
      const store = createSecretTokenStore(bench.admin);
      await namespace.remove();
      await store.write(secret, tokenData());
      await bench.edit(secret, { metadata: { finalizers: null } });
      const says = async (): Promise<string> => messageOf(await failure(store.write(secret, tokenData(2))));
      await expect.poll(says, { timeout: 60_000 }).toMatch(/^There is no Secret held in the namespace/);
    });

    it('need permissions, which are named where they are missing', async () => {
      const secret = await bench.make('withdrawn');
      const store = createSecretTokenStore(bench.connect());
      await store.write(secret, tokenData());
      await bench.forbid();
      try {
        const { name } = bench.namespace;
        for (const [verb, call] of [
          ['get', () => store.read(secret, KEYS)],
          ['patch', () => store.write(secret, tokenData(2))],
        ] as const) {
          const error = await failure(call());
          expect(error).toMatchObject({ permanent: true });
          expect(messageOf(error)).toContain(`system:serviceaccount:${name}:${ACCOUNT} may not ${verb} secrets`);
          expect(messageOf(error)).toContain(`(verb ${verb}, resource secrets, resourceNames ${secret.secret})`);
        }
      } finally {
        await bench.allow();
      }
    });

    it('wait for an API server that is unavailable or slow', async (context) => {
      const { hostname, port } = new URL(bench.admin.baseUrl);
      if (!isLoopbackHost(hostname)) context.skip('The API server is not on this machine.');
      const proxy = await startTcpProxy(Number(port));
      try {
        const secret = await bench.make('away');
        const store = createSecretTokenStore(bench.connect(proxy.port));
        await store.write(secret, tokenData(1));
        for (const [mode, says] of [
          ['refuse', /cannot be reached \(ECONN(REFUSED|RESET)\)/],
          ['reset', /cannot be reached/],
          ['hang', /did not answer in time/],
        ] as const) {
          await proxy.set(mode);
          const error = await failure(store.write(secret, tokenData(2)));
          expect(error).toBeInstanceOf(StoreError);
          expect(error).toMatchObject({ permanent: false });
          expect(messageOf(error)).toMatch(says);
        }
        await proxy.set('pass');
        const last = tokenData(3);
        await store.write(secret, last);
        expect(await bench.seen(secret)).toEqual(last);
      } finally {
        await proxy.stop();
      }
    });

    it('say nothing of a bearer that the API server does not accept but that it does not', async () => {
      const { api, stop } = apiServerAs('not-a-token-of-this-cluster', bench.cluster.api);
      const secret = await bench.make('unknown');
      const error = await failure(createSecretTokenStore(api).read(secret, KEYS));
      expect(messageOf(error)).toMatch(/does not accept the ServiceAccount token \(401\)/);
      await stop();
    });
  });
});

/** Logs the status of each answer. */
function counting(api: ApiServer, statuses: number[]): ApiServer {
  const { configuration } = api;
  const httpApi: typeof configuration.httpApi = {
    send: (request) =>
      configuration.httpApi.send(request).pipe((answer) => {
        statuses.push(answer.httpStatusCode);
        return answer;
      }),
  };
  return { ...api, configuration: { ...configuration, httpApi } };
}

function filled(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
}
