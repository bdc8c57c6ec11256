import { randomBytes } from 'node:crypto';
import { CoordinationV1Api, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { statusOf } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { createKubernetesLease } from '../../src/adapters/kubernetes/leases/kubernetes-lease.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { messageOf } from '../../src/core/errors.ts';
import type { Lease } from '../../src/ports/lease.ts';
import { describeLease, type LeaseUnderTest } from '../contract/lease.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { failure } from '../support/failure.ts';
import { until } from '../support/until.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestNamespace } from './cluster.ts';
import { describeInCluster } from './in-cluster.ts';

const ACCOUNT = 'token-acquirer';

/** A cluster's namespace with one account, which has the permissions of the acquirer to one Lease and no more. */
interface Place {
  readonly namespace: TestNamespace;
  readonly administrator: ApiServer;
  readonly acquirer: ApiServer;
  readonly name: string;
  stop(): Promise<void>;
}

describeInCluster('the Lease', (cluster) => {
  let prepared: Promise<Place> | undefined;

  async function prepare(): Promise<Place> {
    const administrator = kubeconfigApiServer(cluster().kubeconfig);
    const namespace = await cluster().namespace('lease');
    const accounts = new ServiceAccounts(administrator, namespace.name);
    await accounts.create(ACCOUNT);
    const { api: acquirer, stop } = apiServerAs(await accounts.token(ACCOUNT), cluster().api);
    const name = `lease-${randomBytes(3).toString('hex')}`;
    await allow(administrator, namespace.name, name);
    const read = { namespace: namespace.name, name };
    const answer = (): Promise<unknown> =>
      failure(new CoordinationV1Api(acquirer.configuration).readNamespacedLease(read));
    await until('The permission to read the Lease', async () => statusOf(await answer()) === 404, 30_000);
    return { namespace, administrator, acquirer, name, stop };
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

  async function underTest(): Promise<LeaseUnderTest> {
    const { namespace, administrator, acquirer, name } = await place();
    const target = { namespace: namespace.name, name };
    const coordination = new CoordinationV1Api(administrator.configuration);
    const options = { clock: createSystemClock(), random: fakeRandom(0), onFault: () => undefined };
    await coordination.createNamespacedLease({ namespace: namespace.name, body: { metadata: { name } } });
    const connect = (): Lease => createKubernetesLease(acquirer, target, options);
    let removed = false;
    const remove = async (): Promise<void> => {
      if (!removed) await coordination.deleteNamespacedLease(target);
      removed = true;
    };
    return {
      lease: connect(),
      another: connect,
      async label() {
        const body = [{ op: 'add', path: '/metadata/labels', value: { team: 'platform' } }];
        await coordination.patchNamespacedLease({ ...target, body });
      },
      remove,
      stop: remove,
    };
  }

  describeLease('A Lease', underTest);

  it('may not be another one', async () => {
    const { namespace, acquirer } = await place();
    const options = { clock: createSystemClock(), random: fakeRandom(0), onFault: () => undefined };
    const foreign = createKubernetesLease(acquirer, { namespace: namespace.name, name: 'another' }, options);
    expect(messageOf(await failure(foreign.read()))).toMatch(/:token-acquirer may not get leases .*\(403\)\. Allow/);
  });
});

async function allow(administrator: ApiServer, namespace: string, name: string): Promise<void> {
  const rbac = new RbacAuthorizationV1Api(administrator.configuration);
  const metadata = { name: ACCOUNT };
  const verbs = ['get', 'update', 'watch'];
  const rules = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [name], verbs }];
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ACCOUNT };
  const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
}
