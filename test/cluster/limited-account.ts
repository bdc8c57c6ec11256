import { randomBytes } from 'node:crypto';
import { type Configuration, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { afterAll, beforeEach } from 'vitest';
import { statusOf } from '../../src/adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { failure } from '../support/failure.ts';
import { until } from '../support/until.ts';
import { apiServerAs, ServiceAccounts } from './caller-accounts.ts';
import type { TestCluster, TestNamespace } from './cluster.ts';

const ACCOUNT = 'token-acquirer';

/** A cluster's namespace with one account, which has the permissions of the acquirer to one object and no more. */
export interface LimitedPlace {
  readonly namespace: TestNamespace;
  readonly administrator: ApiServer;
  readonly acquirer: ApiServer;
  /** Of the object, which does not exist yet. */
  readonly name: string;
}

export interface LimitedPermissions {
  /** With what the names of the namespace and of the object begin. */
  readonly label: string;
  readonly apiGroup: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** Reads the object. */
  readonly read: (configuration: Configuration, object: { namespace: string; name: string }) => Promise<unknown>;
}

/**
 * Prepares the place before the first test, and removes it after the last. Where there is no cluster, nothing is prepared, so
 * that the tests are skipped one by one.
 */
export function limitedPlace(cluster: () => TestCluster, permissions: LimitedPermissions): () => Promise<LimitedPlace> {
  let prepared: Promise<LimitedPlace & { stop(): Promise<void> }> | undefined;

  beforeEach(async () => {
    prepared ??= prepare(cluster(), permissions);
    await prepared;
  });

  afterAll(async () => {
    if (prepared === undefined) return;
    const { namespace, administrator, stop } = await prepared;
    await namespace.remove();
    await stop();
    await administrator.close();
  });

  return async () => {
    if (prepared === undefined) throw new Error('The cluster was not asked for.');
    return prepared;
  };
}

async function prepare(cluster: TestCluster, permissions: LimitedPermissions) {
  const { label, read } = permissions;
  const administrator = kubeconfigApiServer(cluster.kubeconfig);
  const namespace = await cluster.namespace(label);
  const accounts = new ServiceAccounts(administrator, namespace.name);
  await accounts.create(ACCOUNT);
  const { api: acquirer, stop } = apiServerAs(await accounts.token(ACCOUNT), cluster.api);
  const name = `${label}-${randomBytes(3).toString('hex')}`;
  const object = { namespace: namespace.name, name };
  await allow(administrator, object, permissions);
  const answer = (): Promise<unknown> => failure(read(acquirer.configuration, object));
  await until(`The permission to read ${name}`, async () => statusOf(await answer()) === 404, 30_000);
  return { namespace, administrator, acquirer, name, stop };
}

async function allow(
  administrator: ApiServer,
  { namespace, name }: { namespace: string; name: string },
  { apiGroup, resource, verbs }: LimitedPermissions,
): Promise<void> {
  const rbac = new RbacAuthorizationV1Api(administrator.configuration);
  const metadata = { name: ACCOUNT };
  const rules = [{ apiGroups: [apiGroup], resources: [resource], resourceNames: [name], verbs: [...verbs] }];
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ACCOUNT };
  const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
}
