import { createKubernetesLease } from '../../src/adapters/kubernetes/leases/kubernetes-lease.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { Lease } from '../../src/ports/lease.ts';
import { FakeLease } from '../fakes/fake-lease.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { describeLease, type LeaseUnderTest } from './lease.ts';

const LEASE = { namespace: 'token-acquirer', name: 'token-acquirer' };
const PATH = '/apis/coordination.k8s.io/v1/namespaces/token-acquirer/leases/token-acquirer';

async function fake(): Promise<LeaseUnderTest> {
  const lease = new FakeLease();
  return {
    lease: lease.connect(),
    another: () => lease.connect(),
    label: async () => lease.edit({}),
    async remove() {
      lease.record = undefined;
    },
    stop: async () => {},
  };
}

async function kubernetes(): Promise<LeaseUnderTest> {
  const api = await startKubernetesApi();
  api.objects.put(PATH, {});
  const options = { clock: createSystemClock(), random: fakeRandom(0), onFault: () => undefined };
  const connect = (): Lease => createKubernetesLease(api.connect(), LEASE, options);
  return {
    lease: connect(),
    another: connect,
    async label() {
      const { metadata, ...lease } = api.objects.get(PATH) as { metadata: object };
      api.objects.put(PATH, { ...lease, metadata: { ...metadata, labels: { team: 'platform' } } });
    },
    remove: async () => void api.objects.delete(PATH),
    stop: () => api.stop(),
  };
}

describeLease('The fake', fake);
describeLease('A Lease of a fake API server', kubernetes);
