import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDirectoryRefreshTokenStore } from '../../src/adapters/fs/directory-refresh-token-store.ts';
import { StoreError } from '../../src/core/errors.ts';
import { FakeRefreshTokenStore } from '../fakes/fake-refresh-token-store.ts';
import { describeRefreshTokenStore, type RefreshTokenStoreUnderTest } from './refresh-token-store.ts';

async function fake(): Promise<RefreshTokenStoreUnderTest> {
  const store = new FakeRefreshTokenStore();
  return {
    store,
    another: () => store,
    corrupt: async (identity) => store.corrupt(identity),
    breakDown: async () => store.failSaves(new StoreError('The state is unavailable. Wait.')),
    repair: async () => store.heal(),
    stop: async () => {},
  };
}

async function directory(): Promise<RefreshTokenStoreUnderTest> {
  const parent = mkdtempSync(join(tmpdir(), 'refresh-token-store-'));
  const root = join(parent, 'state');
  const repairs: (() => void)[] = [];
  return {
    store: createDirectoryRefreshTokenStore(root),
    another: () => createDirectoryRefreshTokenStore(root),
    async corrupt({ namespace, secret, name }) {
      const folder = join(root, namespace, secret);
      for (const file of readdirSync(folder).filter((entry) => entry.startsWith(`${name}.`))) {
        const text = readFileSync(join(folder, file), 'utf8');
        writeFileSync(join(folder, file), text.slice(0, text.length / 2));
        repairs.push(() => writeFileSync(join(folder, file), text));
      }
    },
    async breakDown() {
      renameSync(root, `${root}-away`);
      writeFileSync(root, '', { mode: 0o600 });
      repairs.push(() => {
        rmSync(root);
        renameSync(`${root}-away`, root);
      });
    },
    async repair() {
      for (const repair of repairs.splice(0)) repair();
    },
    stop: async () => rmSync(parent, { recursive: true, force: true }),
  };
}

describeRefreshTokenStore('The fake', fake);
describeRefreshTokenStore('A directory', directory);
