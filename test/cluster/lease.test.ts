import { CoordinationV1Api } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { createKubernetesLease } from '../../src/adapters/kubernetes/leases/kubernetes-lease.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import { messageOf } from '../../src/core/errors.ts';
import type { Lease } from '../../src/ports/lease.ts';
import { describeLease, type LeaseUnderTest } from '../contract/lease.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { failure } from '../support/failure.ts';
import { describeInCluster } from './in-cluster.ts';
import { limitedPlace } from './limited-account.ts';

describeInCluster('the Lease', (cluster) => {
  const place = limitedPlace(cluster, {
    label: 'lease',
    apiGroup: 'coordination.k8s.io',
    resource: 'leases',
    verbs: ['get', 'update', 'watch'],
    read: (configuration, lease) => new CoordinationV1Api(configuration).readNamespacedLease(lease),
  });

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
