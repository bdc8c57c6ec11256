import { chmodSync, lstatSync, mkdtempSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import type { VolumeData } from '../../core/token-volume.ts';
import { isOwnDirectory } from './control.ts';
import { excuse } from './file-faults.ts';
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
 * One process at a time may write; any number may read. Throws the system's errors as they are.
 */
export class SecretDirectory {
  readonly #path: string;
  readonly #now: () => EpochMs;

  constructor(path: string, now: () => EpochMs) {
    this.#path = path;
    this.#now = now;
  }

  /** The keys that a client would find, all from one state. What is not laid out as above counts as absent. */
  read(keys: readonly string[]): VolumeData {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const state = this.#state();
      if (state === undefined) return {};
      const data = this.#readState(state, keys);
      // A key that is missing is either not there, or its state was replaced and removed under our hands.
      if (Object.keys(data).length === keys.length || this.#state() === state) return data;
    }
    throw new StoreError(`The directory ${this.#path} changes faster than it can be read. It is read again.`);
  }

  /** Does nothing where all is as wanted, save tidying up. */
  write(changes: Changes): void {
    const entries = list(this.#path);
    const plan = this.#plan(changes);
    const links = new Set(entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name));
    if (this.#fulfilled(plan)) this.#showKeys(links, plan);
    else this.#swap(plan, links);
    this.#hideKeys(links, plan);
    this.#removeLeftovers(entries.map(({ name }) => name).filter((name) => isScaffolding(name, plan.old)));
  }

  #plan(changes: Changes): Plan {
    const old = this.#state();
    const entries = old === undefined ? [] : list(join(this.#path, old), NO_FILE);
    const present = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    return {
      old,
      present,
      carried: present.filter((name) => !Object.hasOwn(changes, name)),
      wanted: Object.entries(changes).filter((change): change is [string, string] => change[1] !== undefined),
    };
  }

  #fulfilled({ old, present, carried, wanted }: Plan): boolean {
    if (carried.length + wanted.length !== present.length) return false;
    if (old === undefined) return true;
    for (const [key, value] of wanted) {
      if (excuse(NO_FILE, () => readText(join(this.#path, old, key))) !== value) return false;
    }
    return true;
  }

  #swap(plan: Plan, links: ReadonlySet<string>): void {
    const { old, present, carried, wanted } = plan;
    const directory = this.#makeState();
    const state = basename(directory);
    try {
      for (const key of carried) carry(join(this.#path, old ?? '', key), join(directory, key));
      for (const [key, value] of wanted) writeNew(join(directory, key), value);
      chmodSync(directory, DIRECTORY_MODE);
      // Before the swap, where the kubelet does it after: so new keys too appear together, and survive a kill.
      this.#showKeys(links, plan);
      linkAnew(state, join(this.#path, NEW_DATA_LINK));
      renameSync(join(this.#path, NEW_DATA_LINK), join(this.#path, DATA_LINK));
    } catch (error) {
      // Another process may have moved `..data` here already: what readers use is never removed.
      if (this.#state() !== state) rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    if (old !== undefined) removeDirectory(join(this.#path, old), present);
  }

  /** Follows `..data` to a directory of our own only: behind a link of somebody else's, files of others would be carried. */
  #state(): string | undefined {
    let target = this.#target();
    for (let attempt = 0; attempt < ATTEMPTS && target !== undefined; attempt += 1) {
      if (isOwnDirectory(join(this.#path, target))) return target;
      const next = this.#target();
      if (next === target) return undefined;
      // The state was replaced and removed before it was looked at.
      target = next;
    }
    return undefined;
  }

  #target(): string | undefined {
    const target = excuse(NO_LINK, () => readlinkSync(join(this.#path, DATA_LINK)));
    return target !== undefined && STATE.test(target) ? target : undefined;
  }

  #readState(state: string, keys: readonly string[]): VolumeData {
    return Object.fromEntries(
      keys.flatMap((key) => {
        const read = (): string => readText(join(this.#path, state, key));
        const value = this.#shows(key) ? excuse(NO_FILE, read) : undefined;
        return value === undefined ? [] : [[key, value]];
      }),
    );
  }

  #makeState(): string {
    const time = new Date(this.#now()).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
    const prefix = join(this.#path, `..${time}.`);
    const made = excuse(['ENOENT'], () => mkdtempSync(prefix));
    if (made !== undefined) return made;
    makeDirectory(this.#path);
    return mkdtempSync(prefix);
  }

  /** Makes the paths that clients open. Whatever else stands there would hide a token from them. */
  #showKeys(links: ReadonlySet<string>, { carried, wanted }: Plan): void {
    for (const key of carried) if (!links.has(key)) this.#show(key);
    for (const [key] of wanted) if (!links.has(key) || !this.#shows(key)) this.#show(key);
  }

  /** Removes the paths of keys that are gone. */
  #hideKeys(links: ReadonlySet<string>, { carried, wanted }: Plan): void {
    const keys = new Set([...carried, ...wanted.map(([key]) => key)]);
    for (const name of links) {
      if (!keys.has(name) && this.#shows(name)) rmSync(join(this.#path, name), { force: true });
    }
  }

  #show(key: string): void {
    linkAnew(`${DATA_LINK}/${key}`, join(this.#path, key));
  }

  #shows(key: string): boolean {
    return excuse(NO_LINK, () => readlinkSync(join(this.#path, key))) === `${DATA_LINK}/${key}`;
  }

  /** Removes what a killed process left: states that nothing leads to, and a `..data` that was not yet renamed. */
  #removeLeftovers(names: readonly string[]): void {
    for (const name of names) {
      const path = join(this.#path, name);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats === undefined || this.#now() - stats.mtimeMs < LEFT_BEHIND) continue;
      if (name !== this.#state()) rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Whether an entry is a state besides `old`, or a `..data` not yet renamed: at rest there is none. */
function isScaffolding(name: string, old: string | undefined): boolean {
  return name === NEW_DATA_LINK || (STATE.test(name) && name !== old);
}
