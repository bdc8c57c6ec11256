import { chmod, lstat, mkdtemp, readlink, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import type { VolumeData } from '../../core/token-volume.ts';
import { unless } from './file-faults.ts';
import {
  carry,
  DIRECTORY_MODE,
  linkAnew,
  list,
  makeDirectory,
  readText,
  removeDirectory,
  writeNew,
} from './volume-files.ts';
import { DATA_LINK } from './watch-directory.ts';

const NEW_DATA_LINK = '..data_tmp';
const STATE = /^\.\.\d[^/]*$/;
const ATTEMPTS = 100;
/** Scaffolding younger than this may belong to another process that is about to use it. */
const LEFT_BEHIND: Ms = 10_000;
/** What reading a link gives where there is none. */
const NO_LINK = ['ENOENT', 'EINVAL'];
/** What reading a key gives where there is no plain file in a state. */
const NO_FILE = ['ENOENT', 'ELOOP', 'EISDIR', 'ENOTDIR'];

type Changes = Readonly<Record<string, string | undefined>>;

interface Plan {
  /** The state before, if there is one. */
  readonly old: string | undefined;
  /** Its keys, */
  readonly present: readonly string[];
  /** and those of them that stay as they are. */
  readonly carried: readonly string[];
  readonly wanted: readonly (readonly [key: string, value: string])[];
}

/**
 * One directory in the layout that the kubelet gives a Secret volume (its `AtomicWriter`):
 *
 *     ..2026_11_22_19_08_00.x1Y2z3/dynamics    a state: written once, never changed
 *     ..data -> ..2026_11_22_19_08_00.x1Y2z3   swapped by rename: the one moment at which readers see all changes
 *     dynamics -> ..data/dynamics              the path that a client opens
 *
 * Nothing is fsynced: a token lost with the machine's power is asked for again, and until then the fsync would cost each
 * renewal more than everything else here. A killed process loses nothing of what it wrote.
 *
 * Concurrent reads are safe; writes must come one after the other. Throws the system's errors as they are.
 */
export class SecretDirectory {
  readonly #path: string;
  readonly #now: () => EpochMs;

  constructor(path: string, now: () => EpochMs) {
    this.#path = path;
    this.#now = now;
  }

  /** The keys that a client would find, all from one state. What is not laid out as above counts as absent. */
  async read(keys: readonly string[]): Promise<VolumeData> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const state = await this.#state();
      if (state === undefined) return {};
      const data = await this.#readState(state, keys);
      // A key that is missing is either not there, or its state was replaced and removed under our hands.
      if (Object.keys(data).length === keys.length || (await this.#state()) === state) return data;
    }
    throw new StoreError(`The directory ${this.#path} changes faster than it can be read. It is read again.`);
  }

  /** Does nothing where all is as wanted, save tidying up. */
  async write(changes: Changes): Promise<void> {
    const entries = await list(this.#path);
    const plan = await this.#plan(changes);
    const links = new Set(entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name));
    if (await this.#fulfilled(plan)) await this.#showKeys(links, plan);
    else await this.#swap(plan, links);
    await this.#hideKeys(links, plan);
    await this.#removeLeftovers(entries.map(({ name }) => name).filter((name) => isScaffolding(name, plan.old)));
  }

  async #plan(changes: Changes): Promise<Plan> {
    const old = await this.#state();
    const entries = old === undefined ? [] : await list(join(this.#path, old), NO_FILE);
    const present = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    return {
      old,
      present,
      carried: present.filter((name) => !Object.hasOwn(changes, name)),
      wanted: Object.entries(changes).filter((change): change is [string, string] => change[1] !== undefined),
    };
  }

  async #fulfilled({ old, present, carried, wanted }: Plan): Promise<boolean> {
    if (carried.length + wanted.length !== present.length) return false;
    if (old === undefined) return true;
    for (const [key, value] of wanted) {
      if ((await unless(NO_FILE, readText(join(this.#path, old, key)))) !== value) return false;
    }
    return true;
  }

  async #swap(plan: Plan, links: ReadonlySet<string>): Promise<void> {
    const { old, present, carried, wanted } = plan;
    const directory = await this.#makeState();
    const state = basename(directory);
    try {
      for (const key of carried) await carry(join(this.#path, old ?? '', key), join(directory, key));
      for (const [key, value] of wanted) await writeNew(join(directory, key), value);
      await chmod(directory, DIRECTORY_MODE);
      // Before the swap, where the kubelet does it after: so new keys too appear together, and survive a kill.
      await this.#showKeys(links, plan);
      await linkAnew(state, join(this.#path, NEW_DATA_LINK));
      await rename(join(this.#path, NEW_DATA_LINK), join(this.#path, DATA_LINK));
    } catch (error) {
      // Another process may have moved `..data` here already: what readers use is never removed.
      if ((await this.#state()) !== state) await rm(directory, { recursive: true, force: true });
      throw error;
    }
    if (old !== undefined) await removeDirectory(join(this.#path, old), present);
  }

  async #state(): Promise<string | undefined> {
    const target = await unless(NO_LINK, readlink(join(this.#path, DATA_LINK)));
    return target !== undefined && STATE.test(target) ? target : undefined;
  }

  async #readState(state: string, keys: readonly string[]): Promise<VolumeData> {
    const values = await Promise.all(
      keys.map(async (key) => {
        if (!(await this.#shows(key))) return undefined;
        return await unless(NO_FILE, readText(join(this.#path, state, key)));
      }),
    );
    return Object.fromEntries(
      keys.flatMap((key, index) => {
        const value = values[index];
        return value === undefined ? [] : [[key, value]];
      }),
    );
  }

  async #makeState(): Promise<string> {
    const time = new Date(this.#now()).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
    const prefix = join(this.#path, `..${time}.`);
    const made = await unless(['ENOENT'], mkdtemp(prefix));
    if (made !== undefined) return made;
    await makeDirectory(this.#path);
    return await mkdtemp(prefix);
  }

  /** Makes the paths that clients open. Whatever else stands there would hide a token from them. */
  async #showKeys(links: ReadonlySet<string>, { carried, wanted }: Plan): Promise<void> {
    for (const key of carried) if (!links.has(key)) await this.#show(key);
    for (const [key] of wanted) if (!links.has(key) || !(await this.#shows(key))) await this.#show(key);
  }

  /** Removes the paths of keys that are gone. */
  async #hideKeys(links: ReadonlySet<string>, { carried, wanted }: Plan): Promise<void> {
    const keys = new Set([...carried, ...wanted.map(([key]) => key)]);
    for (const name of links) {
      if (!keys.has(name) && (await this.#shows(name))) await rm(join(this.#path, name), { force: true });
    }
  }

  async #show(key: string): Promise<void> {
    await linkAnew(`${DATA_LINK}/${key}`, join(this.#path, key));
  }

  async #shows(key: string): Promise<boolean> {
    return (await unless(NO_LINK, readlink(join(this.#path, key)))) === `${DATA_LINK}/${key}`;
  }

  /** Removes what a killed process left: states that nothing leads to, and a `..data` that was not yet renamed. */
  async #removeLeftovers(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.#path, name);
      const stats = await unless(['ENOENT'], lstat(path));
      if (stats === undefined || this.#now() - stats.mtimeMs < LEFT_BEHIND) continue;
      if (name !== (await this.#state())) await rm(path, { recursive: true, force: true });
    }
  }
}

/** Whether an entry is a state besides `old`, or a `..data` not yet renamed: at rest there is none. */
function isScaffolding(name: string, old: string | undefined): boolean {
  return name === NEW_DATA_LINK || (STATE.test(name) && name !== old);
}
