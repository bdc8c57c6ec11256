import { StoreError } from '../../src/core/errors.ts';
import { FakeAuthorityStore } from '../fakes/fake-authority-store.ts';
import { describeAuthorityStore } from './authority-store.ts';

describeAuthorityStore('The fake', async () => {
  const store = new FakeAuthorityStore();
  const away = new StoreError('The store is away. Wait.');
  return {
    store,
    another: () => store,
    empty: async () => store.edit(undefined),
    async breakDown() {
      store.failLoads(away);
      store.failSaves(away);
    },
    repair: async () => store.heal(),
    stop: async () => {},
  };
});
