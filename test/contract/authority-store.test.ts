import { createSecretAuthorityStore } from '../../src/adapters/kubernetes/secrets/secret-authority-store.ts';
import { StoreError } from '../../src/core/errors.ts';
import { FakeAuthorityStore } from '../fakes/fake-authority-store.ts';
import { startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { type AuthorityStoreUnderTest, describeAuthorityStore } from './authority-store.ts';

const SECRET = { namespace: 'token-acquirer', secret: 'token-acquirer-ca' };
const PATH = '/api/v1/namespaces/token-acquirer/secrets/token-acquirer-ca';

async function fake(): Promise<AuthorityStoreUnderTest> {
  const store = new FakeAuthorityStore();
  const outage = new StoreError('The store is unavailable. Wait.');
  return {
    store,
    another: () => store,
    empty: async () => store.edit(undefined),
    async breakDown() {
      store.failLoads(outage);
      store.failSaves(outage);
    },
    repair: async () => store.heal(),
    stop: async () => {},
  };
}

async function secret(): Promise<AuthorityStoreUnderTest> {
  const api = await startKubernetesApi();
  api.objects.put(PATH, { type: 'Opaque' });
  const repairs: (() => void)[] = [];
  return {
    store: createSecretAuthorityStore(api.connect(), SECRET),
    another: () => createSecretAuthorityStore(api.connect(), SECRET),
    empty: async () => void api.objects.put(PATH, { type: 'Opaque' }),
    breakDown: async () => void repairs.push(api.intercept(() => ({ status: 503 }))),
    async repair() {
      for (const repair of repairs.splice(0)) repair();
    },
    stop: () => api.stop(),
  };
}

describeAuthorityStore('The fake', fake);
describeAuthorityStore('A Secret', secret);
