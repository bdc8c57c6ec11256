import { randomBytes } from 'node:crypto';
import { CoreV1Api, RbacAuthorizationV1Api, type V1Secret } from '@kubernetes/client-node';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { statusOf } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createSecretAuthorityStore } from '../../src/adapters/kubernetes/secrets/secret-authority-store.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { messageOf } from '../../src/core/errors.ts';
import { type AuthorityStoreUnderTest, describeAuthorityStore } from '../contract/authority-store.ts';
import { failure } from '../support/failure.ts';
import { keep, leafOf, registerKeys, signerIn } from '../support/self-managed.ts';
import { until } from '../support/until.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestNamespace } from './cluster.ts';
import { describeInCluster } from './in-cluster.ts';

const ACCOUNT = 'token-acquirer';

/** A cluster's namespace with one account, which has all the permissions of the acquirer to one Secret and no more. */
interface Place {
  readonly namespace: TestNamespace;
  readonly administrator: ApiServer;
  readonly acquirer: ApiServer;
  readonly secret: string;
  stop(): Promise<void>;
}

describeInCluster('the CA of the reissue endpoint', (cluster) => {
  let prepared: Promise<Place> | undefined;

  async function prepare(): Promise<Place> {
    const administrator = kubeconfigApiServer(cluster().kubeconfig);
    const namespace = await cluster().namespace('tls');
    const accounts = new ServiceAccounts(administrator, namespace.name);
    await accounts.create(ACCOUNT);
    const { api: acquirer, stop } = apiServerAs(await accounts.token(ACCOUNT), cluster().api);
    const secret = `ca-${randomBytes(3).toString('hex')}`;
    await allow(administrator, namespace.name, secret);
    const read = { namespace: namespace.name, name: secret };
    const answer = (): Promise<unknown> => failure(new CoreV1Api(acquirer.configuration).readNamespacedSecret(read));
    await until('The permission to read the Secret', async () => statusOf(await answer()) === 404, 30_000);
    return { namespace, administrator, acquirer, secret, stop };
  }

  // Not before all of them: where there is no cluster they are skipped one by one.
  beforeEach(async () => {
    prepared ??= prepare();
    await prepared;
  });

  afterAll(async () => {
    if (prepared === undefined) return;
    const { namespace, administrator, stop } = await prepared;
    await namespace.remove();
    await stop();
    await administrator.close();
  });

  async function place(): Promise<Place> {
    if (prepared === undefined) throw new Error('The cluster was not asked for.');
    return prepared;
  }

  async function underTest(): Promise<AuthorityStoreUnderTest> {
    const { namespace, administrator, acquirer, secret } = await place();
    const reference = { namespace: namespace.name, secret };
    const [core, target] = [new CoreV1Api(administrator.configuration), { namespace: namespace.name, name: secret }];
    const create = (data?: V1Secret['data']): Promise<V1Secret> =>
      core.createNamespacedSecret({
        namespace: namespace.name,
        body: { metadata: { name: secret }, type: 'Opaque', ...(data !== undefined && { data }) },
      });
    await create();
    let taken: V1Secret['data'];
    return {
      store: createSecretAuthorityStore(acquirer, reference),
      another: () => createSecretAuthorityStore(acquirer, reference),
      async empty() {
        const body = [{ op: 'remove', path: '/data/authorities.json' }];
        await core.patchNamespacedSecret({ ...target, body });
      },
      async breakDown() {
        taken = (await core.readNamespacedSecret(target)).data;
        await core.deleteNamespacedSecret(target);
      },
      repair: async () => void (await create(taken)),
      stop: async () => void (await core.deleteNamespacedSecret(target)),
    };
  }

  describeAuthorityStore('A Secret', underTest);

  it('is kept with the permissions get and patch on its one Secret, from an empty Secret on', async () => {
    const { namespace, acquirer } = await place();
    const { store, stop } = await underTest();
    const [one, other] = [keep(store, createSystemClock()), keep(store, createSystemClock())];
    await Promise.all([one.ready, other.ready]);
    for (const keeper of [one, other]) {
      keeper.stop();
      expect(signerIn(keeper.current().caBundle, leafOf(keeper.current()))).toBe(0);
    }
    expect(one.current().caBundle).toBe(other.current().caBundle);
    registerKeys((await store.load()).text ?? '');
    await stop();
    const foreign = createSecretAuthorityStore(acquirer, { namespace: namespace.name, secret: 'another' });
    expect(messageOf(await failure(foreign.load()))).toMatch(/:token-acquirer may not get secrets .*\(403\)\. Allow/);
  });
});

async function allow(administrator: ApiServer, namespace: string, secret: string): Promise<void> {
  const rbac = new RbacAuthorizationV1Api(administrator.configuration);
  const metadata = { name: ACCOUNT };
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: [secret], verbs: ['get', 'patch'] }];
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ACCOUNT };
  const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
}
