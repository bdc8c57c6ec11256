import { createSecretTokenStore } from '../../src/adapters/kubernetes/secrets/secret-token-store.ts';
import { SecretWatch } from '../../src/adapters/kubernetes/secrets/secret-watch.ts';
import { createSystemClock } from '../../src/adapters/node/system-clock.ts';
import type { SecretReference } from '../../src/core/token.ts';
import { fakeRandom } from '../fakes/fake-random.ts';
import { FakeStoreWatch } from '../fakes/fake-store-watch.ts';
import { startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { until } from '../support/until.ts';
import { describeStoreWatch, type StoreWatchUnderTest } from './store-watch.ts';

const SECRETS = [
  { namespace: 'billing', secret: 'billing-tokens' },
  { namespace: 'orders', secret: 'orders-tokens' },
] as const;

async function fake(): Promise<StoreWatchUnderTest> {
  const watch = new FakeStoreWatch();
  return {
    watch,
    secrets: SECRETS,
    watching: async () => {},
    edit: async (secret) => watch.tell(secret),
    write: async () => {},
    stop: async () => {},
  };
}

async function secrets(): Promise<StoreWatchUnderTest> {
  const api = await startKubernetesApi();
  const pathOf = ({ namespace, secret }: SecretReference): string =>
    `/api/v1/namespaces/${namespace}/secrets/${secret}`;
  for (const secret of SECRETS) api.objects.put(pathOf(secret), { type: 'Opaque' });
  const connection = api.connect();
  const store = createSecretTokenStore(connection);
  const parts = { clock: createSystemClock(), random: fakeRandom(0), onFault: () => undefined };
  const watch = new SecretWatch(connection, store, parts);
  return {
    watch,
    secrets: SECRETS,
    watching: (count) => until(`The watch of ${count} Secrets`, () => api.watches.open === count, 8000),
    async edit(secret, changes) {
      const before = (api.objects.get(pathOf(secret))?.['data'] ?? {}) as Record<string, string>;
      const edited = Object.entries(changes).map(([key, text]) => [key, text && Buffer.from(text).toString('base64')]);
      const data = Object.entries({ ...before, ...(Object.fromEntries(edited) as Record<string, string | undefined>) });
      const kept = data.filter((entry): entry is [string, string] => entry[1] !== undefined);
      api.objects.put(pathOf(secret), { type: 'Opaque', data: Object.fromEntries(kept) });
    },
    write: (secret, changes) => store.write(secret, changes),
    async stop() {
      watch.close();
      await api.stop();
    },
  };
}

describeStoreWatch('The fake', fake);
describeStoreWatch('The Secrets of a fake API server', secrets);
