import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import {
  CREDENTIAL_KEYS,
  type CredentialKey,
  EXPIRY_KEY,
  INTERVAL_KEY,
  SHARED_FOLDER,
  sharedKey,
} from '../../core/credential.ts';
import { systemCode, UsageError } from '../../core/errors.ts';
import { isFileName } from '../../core/names.ts';
import { mayPass, storeFault } from './file-faults.ts';
import { checkClosed, faultOfValue, readValueFile, remedyOf } from './value-file.ts';
import { DATA_LINK } from './watch-directory.ts';

/** Each further try follows a swap of the volume that took place during the one before. */
const TRIES = 50;
const MOST_NAMES = 20;
const SECRET_KEYS: ReadonlySet<string> = new Set<CredentialKey>([
  'client_secret',
  'client_secret_next',
  'password',
  'private_key',
  'refresh_token',
]);
/** Which are read, but are no values. */
const READ_APART: ReadonlySet<string> = new Set([INTERVAL_KEY, EXPIRY_KEY]);
const OF_LINES: ReadonlySet<string> = new Set<CredentialKey>(['private_key', 'certificate']);

/** Throws UsageError for what is no plain folder name: `../`, a path, the scaffolding of a volume. */
export function checkFolderName(credential: string): void {
  if (isFileName(credential) && !credential.startsWith('.')) return;
  throw new UsageError(
    'The name of a credential has other characters than letters, digits, "-", "_" and ".". Correct it.',
  );
}

/** Throws UsageError for what cannot be the value of this key. `where` begins the sentence: `The file /a/b`. */
export function checkValue(where: string, key: string, value: string): void {
  const fault = faultOfValue(value, { lines: OF_LINES.has(key) });
  if (fault !== undefined) throw new UsageError(`${where} ${fault}.`);
}

/**
 * The values of some keys of `<root>/<credential>/`, all from one state of the volume; keys that are not there are left
 * out. Without such a folder they are `<root>/.shared/<credential>.<key>`. `undefined` where there is neither folder.
 * Throws UsageError, and StoreError for what may pass (EMFILE, EIO).
 *
 * The volume may be plain, one Secret mounted at the folder, or several Secrets projected into the root: `realpath`
 * follows the `..data` of either, once.
 */
export function readFolder(root: string, credential: string, keys: readonly string[]): Folder | undefined {
  checkFolderName(credential);
  const own = readInOneState(join(root, credential), (state, folder) => readState(state, folder, keys));
  if (own !== undefined) return own;
  const names = new Map(keys.map((key) => [key, sharedKey(credential, key)]));
  return readInOneState(join(root, SHARED_FOLDER), (state, folder) => readShared(state, folder, names));
}

/** Whether there is a folder with the files of many credentials, and none of this one. */
export function isShared(root: string, credential: string): boolean {
  return !exists(join(root, credential)) && exists(join(root, SHARED_FOLDER));
}

/** Where the credential, or one key of it, is or belongs. */
export function pathOf(root: string, credential: string, key?: string): string {
  if (isShared(root, credential)) return join(root, SHARED_FOLDER, sharedKey(credential, key ?? '*'));
  return key === undefined ? join(root, credential) : join(root, credential, key);
}

/** Reads again until no swap of the volume came in between. `undefined` where there is no such folder. */
function readInOneState(
  folder: string,
  read: (state: string, folder: string) => Folder | undefined,
): Folder | undefined {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const state = resolve(folder);
    if (state === undefined && !exists(folder)) return undefined;
    const found = state === undefined ? undefined : read(state, folder);
    // A state that was replaced in the meantime may have been read during its removal.
    if (found !== undefined && resolve(folder) === state) return found;
  }
  throw new UsageError(`The folder ${folder} holds a link that leads nowhere. Correct it.`);
}

/** `undefined` where something was gone before it could be read. */
function readState(state: string, folder: string, keys: readonly string[]): Folder | undefined {
  const names = namesIn(state, folder);
  if (names === undefined) return undefined;
  const values = new Map<string, string>();
  for (const key of keys.filter((known) => names.includes(known))) {
    const value = readKey(key, join(state, key), join(folder, key));
    if (value === undefined) return undefined;
    values.set(key, value);
  }
  return { names, values };
}

/** By the names of the files, never by a list of the folder: it holds the files of thousands of credentials. */
function readShared(state: string, folder: string, files: ReadonlyMap<string, string>): Folder {
  const values = new Map<string, string>();
  for (const [key, file] of files) {
    const value = readKey(key, join(state, file), join(folder, file));
    if (value !== undefined) values.set(key, value);
  }
  return { names: [...values.keys()], values };
}

/** `undefined` where there is no such file. */
function readKey(key: string, path: string, shownAs: string): string | undefined {
  const value = readValueFile(path, shownAs);
  if (value === undefined) return undefined;
  checkValue(`The file ${shownAs}`, key, value);
  if (SECRET_KEYS.has(key)) checkClosed(path, shownAs);
  return value;
}

export interface Folder {
  /** All that the folder holds. */
  readonly names: readonly string[];
  readonly values: ReadonlyMap<string, string>;
}

/** Where the values are now; `undefined` where there are none, or the state went while it was looked for. */
function resolve(folder: string): string | undefined {
  const data = join(folder, DATA_LINK);
  const path = exists(data, folder) ? data : folder;
  return unlessGone(folder, ['ENOENT'], () => realpathSync(path));
}

function exists(path: string, shownAs = path): boolean {
  return unlessGone(shownAs, ['ENOENT', 'ENOTDIR'], () => lstatSync(path)) !== undefined;
}

function namesIn(path: string, shownAs = path): string[] | undefined {
  return unlessGone(shownAs, ['ENOENT'], () => readdirSync(path));
}

function unlessGone<T>(path: string, gone: readonly string[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = systemCode(error) ?? 'no code';
    if (gone.includes(code)) return undefined;
    if (code === 'ENOTDIR')
      throw new UsageError(`${path} is no folder. Put a folder with one file a value in its place.`);
    if (mayPass(error)) throw storeFault(`The folder ${path} cannot be read`, error);
    throw new UsageError(`The folder ${path} cannot be read (${code}). ${remedyOf(code)}`);
  }
}

/** Which credential folders there are, in a sentence. Throws UsageError where there is no root. */
export function otherFolders(root: string): string {
  const names = namesIn(root);
  if (names === undefined) {
    throw new UsageError(`There is no credentials directory ${root}. Mount it, or name another one.`);
  }
  const folders = names.filter((name) => isFileName(name) && !name.startsWith('.')).sort();
  return folders.length === 0 ? `${root} is empty.` : `Existing folders: ${listed(folders)}.`;
}

/** A key that is written otherwise than it should be; further files are ignored, because Secrets often carry more. */
export function misspelledKey(path: string, names: readonly string[]): UsageError | undefined {
  for (const name of names) {
    const key = [...CREDENTIAL_KEYS, INTERVAL_KEY].find((known) => plain(known) === plain(name));
    if (key !== undefined && !names.includes(key)) {
      return new UsageError(
        `The folder ${path} holds ${JSON.stringify(name)}, which is not read. Rename it to ${key}.`,
      );
    }
  }
  return undefined;
}

/** Which files there are that nothing reads, in a sentence; empty where there are none. */
export function unreadNames(names: readonly string[]): string {
  const others = names.filter((name) => !name.startsWith('.') && !READ_APART.has(name)).sort();
  return others.length === 0 ? '' : `It holds nothing that is read, only ${listed(others)}.`;
}

/** `client_id` for `clientId`, `CLIENT-ID` and `client_id.txt`. */
function plain(name: string): string {
  return name
    .replace(/\.txt$/i, '')
    .replaceAll(/[-_. ]/g, '')
    .toLowerCase();
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map((name) => (isFileName(name) ? name : JSON.stringify(name)));
  return names.length > MOST_NAMES ? `${shown.join(', ')} and ${names.length - MOST_NAMES} more` : shown.join(', ');
}
