import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDirectoryTokenStore } from '../../src/adapters/fs/directory-token-store.ts';
import { StoreError, systemCode } from '../../src/core/errors.ts';
import type { SecretReference } from '../../src/core/token.ts';
import { FakeTokenStore } from '../fakes/fake-token-store.ts';
import { describeTokenStore, type TokenStoreUnderTest } from './token-store.ts';

const SECRETS = [
  { namespace: 'billing', secret: 'billing-tokens' },
  { namespace: 'orders', secret: 'orders-tokens' },
] as const;

async function fake(): Promise<TokenStoreUnderTest> {
  const store = new FakeTokenStore();
  return {
    store,
    secrets: SECRETS,
    seen: async (secret) => store.data(secret),
    edit: async (secret, changes) => store.edit(secret, changes),
    empty: async (secret) => store.delete(secret),
    breakDown: async () => store.fail(new StoreError('The store is unavailable. Wait.')),
    repair: async () => store.heal(),
    stop: async () => {},
  };
}

/** What `cat` and `ls` of a client find. */
async function readFiles(path: string): Promise<Record<string, string>> {
  const names = await readdir(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const found: Record<string, string> = {};
  for (const key of names) if (!key.startsWith('..')) found[key] = await readFile(join(path, key), 'utf8');
  return found;
}

async function directory(): Promise<TokenStoreUnderTest> {
  const parent = await mkdtemp(join(tmpdir(), 'token-store-'));
  const root = join(parent, 'tokens');
  await mkdir(root);
  const pathOf = ({ namespace, secret }: SecretReference): string => join(root, namespace, secret);
  return {
    store: createDirectoryTokenStore(root),
    secrets: SECRETS,
    seen: (secret) => readFiles(pathOf(secret)),
    edit: async (secret, changes) => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === undefined) await rm(join(pathOf(secret), key));
        else await writeFile(join(pathOf(secret), key), value);
      }
    },
    empty: (secret) => rm(pathOf(secret), { recursive: true }),
    breakDown: async () => {
      await rename(root, `${root}-away`);
      await writeFile(root, '');
    },
    repair: async () => {
      await rm(root);
      await rename(`${root}-away`, root);
    },
    stop: () => rm(parent, { recursive: true, force: true }),
  };
}

describeTokenStore('The fake', fake);
describeTokenStore('A directory', directory);
