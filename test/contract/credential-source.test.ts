import { mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCredentialValue } from '../../src/adapters/fs/credential-writer.ts';
import { createDirectoryCredentialSource } from '../../src/adapters/fs/directory-credential-source.ts';
import { parseDuration } from '../../src/core/duration.ts';
import { FakeCredentialSource } from '../fakes/fake-credential-source.ts';
import { mountSecret } from '../support/secret-volume.ts';
import { type CredentialSourceUnderTest, describeCredentialSource, type Values } from './credential-source.ts';

async function fake(): Promise<CredentialSourceUnderTest> {
  const source = new FakeCredentialSource();
  return {
    source,
    set: async (credential, values) => source.set(credential, values),
    setInterval: async (credential, interval) =>
      source.setInterval(credential, interval === undefined ? undefined : parseDuration(interval)),
    setExpiry: async (credential, text) => source.setExpiry(credential, text),
    remove: async (credential) => source.remove(credential),
    stop: async () => {},
  };
}

/** Folders that the writer of `credentials set` fills. */
async function plain(): Promise<CredentialSourceUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'credential-source-'));
  return {
    source: createDirectoryCredentialSource(root, { poll: 100 }),
    async set(credential, values) {
      mkdirSync(join(root, credential), { recursive: true });
      const obsolete = readdirSync(join(root, credential)).filter((key) => key !== 'interval' && !(key in values));
      for (const key of obsolete) unlinkSync(join(root, credential, key));
      for (const [key, value] of Object.entries(values)) await writeCredentialValue(root, credential, key, value);
    },
    async setInterval(credential, interval) {
      if (interval === undefined) unlinkSync(join(root, credential, 'interval'));
      else await writeCredentialValue(root, credential, 'interval', interval);
    },
    async setExpiry(credential, text) {
      const file = join(root, credential, 'expires_at');
      if (text === undefined) unlinkSync(file);
      else writeFileSync(file, text);
    },
    remove: async (credential) => rmSync(join(root, credential), { recursive: true }),
    stop: () => rm(root, { recursive: true, force: true }),
  };
}

interface Folder {
  readonly values: Values;
  readonly interval?: string | undefined;
  readonly expires_at?: string | undefined;
}
type Folders = Map<string, Folder>;

/** A volume that the kubelet writes; `mount` does it for the folder that changed. */
async function mounted(
  mount: (root: string, folders: Folders, changed: string) => void,
): Promise<CredentialSourceUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'credential-source-'));
  const folders: Folders = new Map();
  function put(credential: string, changed: Partial<Folder>): void {
    folders.set(credential, { values: {}, ...folders.get(credential), ...changed });
    mount(root, folders, credential);
  }
  return {
    source: createDirectoryCredentialSource(root, { poll: 100 }),
    set: async (credential, values) => put(credential, { values }),
    setInterval: async (credential, interval) => put(credential, { interval }),
    setExpiry: async (credential, text) => put(credential, { expires_at: text }),
    async remove(credential) {
      folders.delete(credential);
      mount(root, folders, credential);
      rmSync(join(root, credential), { recursive: true, force: true });
    },
    stop: () => rm(root, { recursive: true, force: true }),
  };
}

function filesOf(folders: Folders, credential: string): Record<string, string> {
  const { values = {}, ...others } = folders.get(credential) ?? {};
  // As `kubectl create secret --from-file` takes them: with the line break that editors add.
  const files = Object.entries({ ...values, ...others }).filter(
    (file): file is [string, string] => file[1] !== undefined,
  );
  return Object.fromEntries(files.map(([key, value]) => [key, `${value}\n`]));
}

function aSecretForEach(root: string, folders: Folders, changed: string): void {
  if (folders.has(changed)) mountSecret(join(root, changed), filesOf(folders, changed));
}

function allProjected(root: string, folders: Folders): void {
  const files = [...folders.keys()].flatMap((credential) =>
    Object.entries(filesOf(folders, credential)).map(([key, value]) => [`${credential}/${key}`, value] as const),
  );
  mountSecret(root, Object.fromEntries(files));
}

describeCredentialSource('The fake', fake);
describeCredentialSource('A directory of plain folders', plain);
describeCredentialSource('A directory with a Secret mounted at each folder', () => mounted(aSecretForEach));
describeCredentialSource('A directory with Secrets projected into it', () => mounted(allProjected));
