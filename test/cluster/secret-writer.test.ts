import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { afterAll, beforeAll } from 'vitest';
import { statusOf } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { requestApi } from '../../src/adapters/kubernetes/api/api-request.ts';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { describeSecretWriter, secretObject } from '../contract/secret-writer.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';
import { until } from '../support/until.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestNamespace } from './cluster.ts';
import { describeInCluster } from './in-cluster.ts';

describeInCluster('Keys of Secrets', (cluster) => {
  let admin: ApiServer;
  let core: CoreV1Api;
  let namespace: TestNamespace;
  /** By the verbs that they have: permissions take effect a moment after they are given, so they are given once. */
  const tokens = new Map<string, string>();
  const opened: (() => Promise<void>)[] = [];

  function connect(token: string): ApiServer {
    const server = cluster().api.getCurrentCluster();
    if (server === null) throw new Error('The kubeconfig of the cluster has no current context.');
    const config = new KubeConfig();
    config.loadFromClusterAndUser(server, { name: 'none' });
    const { api, stop } = apiServerAs(token, config);
    opened.push(stop);
    return api;
  }

  beforeAll(async () => {
    admin = kubeconfigApiServer(cluster().kubeconfig);
    core = new CoreV1Api(admin.configuration);
    const rbac = new RbacAuthorizationV1Api(admin.configuration);
    namespace = await cluster().namespace('terminal');
    const accounts = new ServiceAccounts(admin, namespace.name);
    for (const verbs of [['patch', 'create'], ['patch'], ['create']]) {
      const name = verbs.join('-');
      await accounts.create(name);
      const rules = [{ apiGroups: [''], resources: ['secrets'], verbs }];
      await rbac.createNamespacedRole({ namespace: namespace.name, body: { metadata: { name }, rules } });
      const subjects = [{ kind: 'ServiceAccount', name, namespace: namespace.name }];
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
      await rbac.createNamespacedRoleBinding({
        namespace: namespace.name,
        body: { metadata: { name }, roleRef, subjects },
      });
      tokens.set(name, await accounts.token(name, { seconds: 3600 }));
    }
    for (const [name, token] of tokens) await untilAllowed(connect(token), name);
  }, 120_000);

  afterAll(async () => {
    for (const stop of opened.splice(0)) await stop();
    await namespace.remove();
    await admin.close();
  });

  async function untilAllowed(api: ApiServer, verbs: string): Promise<void> {
    const path = `/api/v1/namespaces/${namespace.name}/secrets`;
    const isPatch = verbs.startsWith('patch');
    // Neither changes anything: there is no such Secret, and this body is none.
    const request = (): Promise<string> =>
      isPatch
        ? requestApi(api, {
            method: 'PATCH',
            path: `${path}/none`,
            body: '{}',
            contentType: 'application/merge-patch+json',
          })
        : requestApi(api, { method: 'POST', path, contentType: 'application/json', body: '{}' });
    await until('the permissions', async () => statusOf(await failure(request())) !== 403, 30_000);
  }

  describeSecretWriter('on a real API server', async () => ({
    namespace: namespace.name,
    as: async (verbs = ['patch', 'create']) => connect(tokens.get(verbs.join('-')) ?? ''),
    asNobody: () => connect(secret('nobody')),
    async make(name, body) {
      await core.createNamespacedSecret({ namespace: namespace.name, body: secretObject(name, body) });
    },
    seen: (name) => core.readNamespacedSecret({ namespace: namespace.name, name }),
    async stop() {
      await core.deleteCollectionNamespacedSecret({ namespace: namespace.name });
    },
  }));
});
