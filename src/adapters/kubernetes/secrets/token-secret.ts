import { StoreError } from '../../../core/errors.ts';
import type { SecretReference } from '../../../core/token.ts';
import { documentKey, type VolumeData } from '../../../core/token-volume.ts';
import { isPatchRefused } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { bytesOf, type RememberedDocument, remembered } from './remembered-document.ts';
import {
  type Operation,
  patchSecret,
  pathOf,
  readSecret,
  type SecretContents,
  secretFailure,
} from './secret-requests.ts';

/** Of the versions that were made here: more than a watch may lag behind. */
const REMEMBERED = 64;

type Changes = Readonly<Record<string, string | undefined>>;

interface Write {
  readonly changes: Changes;
  /** The keys of documents in it. */
  readonly documents: readonly string[];
}

/** What became of a write that was joined with others; `alone`: it has to be carried out by itself. */
type Joined = 'written' | 'refused' | 'alone';

/**
 * One Secret with the tokens of a client app, and what was last seen of it: of each token its document, because a patch
 * must show the API server what it replaces; and whether there was any key at all.
 */
export class TokenSecret {
  readonly #api: ApiServer;
  readonly #secret: SecretReference;
  /** By key; `undefined` for one that did not exist. */
  readonly #documents = new Map<string, RememberedDocument | undefined>();
  readonly #writing = new Map<string, Promise<unknown>>();
  readonly #made = new Set<string>();
  /** The version in which each key was last read. */
  readonly #readIn = new Map<string, string | undefined>();
  #reading: Promise<unknown> = Promise.resolve();
  #nextRead: Promise<SecretContents> | undefined;
  #isEmpty: boolean | undefined;
  #gathered: Write[] = [];
  #filling: Promise<unknown> = Promise.resolve();
  #nextFill: Promise<Joined> | undefined;

  constructor(api: ApiServer, secret: SecretReference) {
    this.#api = api;
    this.#secret = secret;
  }

  /** Returns the named keys that exist. Throws StoreError. */
  async read(keys: readonly string[]): Promise<VolumeData> {
    const before = new Map(keys.filter((key) => !this.#writing.has(key)).map((key) => [key, this.#documents.get(key)]));
    const { data, version } = await this.#get();
    for (const key of keys.filter(isDocument)) this.#readIn.set(key, version);
    // A write in the meantime is newer than the data that was read.
    const still = [...before].filter(([key, seen]) => !this.#writing.has(key) && this.#documents.get(key) === seen);
    this.#note(
      still.map(([key]) => key),
      data,
    );
    const found = keys.filter((key) => data.has(key));
    return Object.fromEntries(found.map((key) => [key, this.#textOf(key, data.get(key) ?? '')]));
  }

  /** Of a token, the string that is remembered with its document: so its holder and this one share it. */
  #textOf(key: string, value: string): string {
    const text = Buffer.from(value, 'base64').toString();
    const shared = this.#documents.get(documentKey(key))?.token;
    return shared === text ? shared : text;
  }

  /**
   * Whether this version was made here, or the key was read in it: then it is no news. Waits for writes that are under
   * way, because a watch may tell of one before its answer comes.
   */
  async knows(version: string, key: string): Promise<boolean> {
    await Promise.allSettled(this.#writing.values());
    return this.#made.has(version) || this.#readIn.get(key) === version;
  }

  /**
   * Writes of one token follow each other. Those of several tokens run side by side, so that a slow one delays no other.
   * Throws StoreError.
   */
  async write(changes: Changes): Promise<void> {
    const documents = Object.keys(changes).filter(isDocument);
    const claimed = documents.length === 0 ? Object.keys(changes) : documents;
    const before = Promise.allSettled(claimed.map(async (key) => this.#writing.get(key)));
    const written = before.then(() => this.#write(changes, documents));
    for (const key of claimed) this.#writing.set(key, written);
    try {
      await written;
    } finally {
      for (const key of claimed) if (this.#writing.get(key) === written) this.#writing.delete(key);
    }
  }

  async #write(changes: Changes, documents: readonly string[]): Promise<void> {
    const fills = this.#isEmpty !== false && !isRemoval(changes);
    const joined = fills ? await this.#join({ changes, documents }) : 'alone';
    if (joined === 'written') return;
    const isKnown = this.#isEmpty !== undefined && documents.every((key) => this.#documents.has(key));
    if (!isKnown) this.#note(documents, (await this.#get()).data);
    // Nothing would be asked then, though it may have been filled since.
    const isInVain = this.#isEmpty === true && isRemoval(changes);
    try {
      if (joined === 'alone' && !isInVain && (await this.#patch(changes, documents))) return;
      // A key of another token may have been the first, or the last: then nothing was changed here.
      const seen = documents.map((key) => this.#documents.get(key));
      this.#note(documents, (await this.#get()).data);
      const isUnchanged = documents.every((key, index) => this.#documents.get(key) === seen[index]);
      if (isUnchanged && (await this.#patch(changes, documents))) return;
    } catch (error) {
      // Whether it was carried out is unknown where the answer was lost.
      this.#forget(documents);
      throw error;
    }
    this.#forget(documents);
    const { namespace, secret } = this.#secret;
    throw new StoreError(
      `The Secret ${namespace}/${secret} was changed by another process in the meantime, so it was not written. It is read again.`,
    );
  }

  /**
   * Fills an empty Secret with all writes that came together: side by side, all but the first would be rejected, because
   * `data` itself is missing. What comes while a patch is under way goes into the next one.
   */
  #join(write: Write): Promise<Joined> {
    this.#gathered.push(write);
    if (this.#nextFill === undefined) {
      this.#nextFill = this.#filling.then(() => this.#fill());
      this.#filling = this.#nextFill.catch(() => undefined);
    }
    return this.#nextFill;
  }

  async #fill(): Promise<Joined> {
    const documents = (): string[] => this.#gathered.flatMap((write) => write.documents);
    try {
      const isKnown = this.#isEmpty !== undefined && documents().every((key) => this.#documents.has(key));
      if (!isKnown) {
        const { data } = await this.#get();
        this.#note(documents(), data);
      }
    } catch (error) {
      // The callers that wait learn it now. Written later, these tokens would be older than what is stored then.
      this.#gathered = [];
      throw error;
    } finally {
      this.#nextFill = undefined;
    }
    const keys = documents();
    const writes = this.#gathered.splice(0);
    if (this.#isEmpty !== true && writes.length === 1) return 'alone';
    try {
      const merged: Changes = Object.fromEntries(writes.flatMap(({ changes }) => Object.entries(changes)));
      return (await this.#patch(merged, keys)) ? 'written' : 'refused';
    } catch (error) {
      this.#forget(keys);
      // One of them may be the cause: too large, for example.
      if (writes.length > 1 && error instanceof StoreError && error.permanent) return 'alone';
      throw error;
    }
  }

  /** False where the Secret is not as it was seen. */
  async #patch(changes: Changes, documents: readonly string[]): Promise<boolean> {
    const operations = this.#isEmpty === true ? filling(changes) : this.#changing(changes, documents);
    try {
      if (operations.length > 0) this.#remember(await patchSecret(this.#api, this.#secret, operations));
    } catch (error) {
      if (isPatchRefused(error)) return false;
      throw secretFailure(this.#secret, 'written', error);
    }
    for (const key of documents) {
      const text = changes[key];
      this.#documents.set(key, text === undefined ? undefined : remembered(Buffer.from(text), changes[tokenKey(key)]));
    }
    if (operations.length > 0) this.#isEmpty = isRemoval(changes) ? undefined : false;
    return true;
  }

  #remember(version: string | undefined): void {
    if (version === undefined) return;
    this.#made.add(version);
    const [oldest] = this.#made;
    if (oldest !== undefined && this.#made.size > REMEMBERED) this.#made.delete(oldest);
  }

  #changing(changes: Changes, documents: readonly string[]): Operation[] {
    const tests = documents.map((key): Operation => {
      const seen = this.#documents.get(key);
      return { op: 'test', path: pathOf(key), value: seen === undefined ? null : bytesOf(seen).toString('base64') };
    });
    return [...tests, ...Object.entries(changes).flatMap(([key, text]) => setting(pathOf(key), text))];
  }

  /** Who asks while a read is under way shares the next one with all who do: it is no older than their question. */
  #get(): Promise<SecretContents> {
    const read = (): Promise<SecretContents> => {
      this.#nextRead = undefined;
      const contents = this.#readNow();
      // Nothing of the contents is kept.
      this.#reading = contents.then(
        () => undefined,
        () => undefined,
      );
      return contents;
    };
    this.#nextRead ??= this.#reading.then(read);
    return this.#nextRead;
  }

  async #readNow(): Promise<SecretContents> {
    try {
      return await readSecret(this.#api, this.#secret);
    } catch (error) {
      throw secretFailure(this.#secret, 'read', error);
    }
  }

  #note(keys: readonly string[], data: ReadonlyMap<string, string>): void {
    this.#isEmpty = data.size === 0;
    for (const key of keys.filter(isDocument)) {
      const value = data.get(key);
      const bytes = value === undefined ? undefined : Buffer.from(value, 'base64');
      const known = this.#documents.get(key);
      // Another object would say that the document changed.
      if (bytes !== undefined && known !== undefined && bytesOf(known).equals(bytes)) continue;
      const token = Buffer.from(data.get(tokenKey(key)) ?? '', 'base64').toString();
      this.#documents.set(key, bytes === undefined ? undefined : remembered(bytes, token));
    }
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) this.#documents.delete(key);
    this.#isEmpty = undefined;
  }
}

/** The first keys: `data` itself is missing from an empty Secret. */
function filling(changes: Changes): Operation[] {
  const given = Object.entries(changes).flatMap(([key, text]) => (text === undefined ? [] : [[key, base64(text)]]));
  if (given.length === 0) return [];
  return [
    { op: 'test', path: '/data', value: null },
    { op: 'add', path: '/data', value: Object.fromEntries(given) },
  ];
}

/** A missing key cannot be removed, so it is added first. Nobody sees the state in between. */
function setting(path: string, text: string | undefined): Operation[] {
  const add: Operation = { op: 'add', path, value: base64(text ?? '') };
  return text === undefined ? [add, { op: 'remove', path }] : [add];
}

function isRemoval(changes: Changes): boolean {
  return Object.values(changes).every((text) => text === undefined);
}

const DOCUMENT = documentKey('');

function isDocument(key: string): boolean {
  return key.endsWith(DOCUMENT);
}

function tokenKey(key: string): string {
  return key.slice(0, -DOCUMENT.length);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
