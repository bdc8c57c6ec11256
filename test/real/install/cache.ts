import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { withLock } from './lock.ts';
import { say, type Tell } from './progress.ts';

/** Where the tests keep what they installed: `$XDG_CACHE_HOME/token-acquirer`, `~/.cache/token-acquirer` by default. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = environment['XDG_CACHE_HOME'] ?? '';
  // The XDG specification ignores relative paths.
  return join(isAbsolute(base) ? base : join(environment['HOME'] ?? homedir(), '.cache'), 'token-acquirer');
}

/** Downloads that somebody put there by hand. */
export function downloadsFolder(cache: string = cacheFolder()): string {
  return join(cache, 'downloads');
}

/** Names of what is installed in the cache, without half-made folders and locks. */
export function installedIn(cache: string = cacheFolder()): string[] {
  if (!existsSync(cache)) return [];
  return readdirSync(cache, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .toSorted();
}

export interface Recipe {
  /** Folder in the cache; with the version, and a number that rises with the recipe. */
  readonly name: string;
  /** Fills an empty folder. */
  readonly build: (folder: string) => Promise<void>;
  readonly cache?: string;
  readonly tell?: Tell;
}

/**
 * The folder of what the recipe builds, built now where it is missing. One builder at a time, in whatever process;
 * a folder by that name is complete, because it gets its name last.
 */
export async function installOnce({ name, build, cache = cacheFolder(), tell = say }: Recipe): Promise<string> {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  const wait = { onWait: () => tell(`Another test file is installing ${name}; waiting for it.`) };
  await withLock(
    folder,
    async () => {
      if (!existsSync(folder)) await fill(folder, cache, name, build);
    },
    wait,
  );
  return folder;
}

async function fill(folder: string, cache: string, name: string, build: Recipe['build']): Promise<void> {
  await mkdir(cache, { recursive: true });
  const prefix = `.${name}-`;
  // Of a builder that was killed: none is at work while this one has the lock.
  for (const entry of await readdir(cache)) {
    if (entry.startsWith(prefix)) await rm(join(cache, entry), { recursive: true, force: true });
  }
  const partial = await mkdtemp(join(cache, prefix));
  try {
    await build(partial);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}
