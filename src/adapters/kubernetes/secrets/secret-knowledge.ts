import { type Sha256, sha256 } from '../../../core/token.ts';
import type { SecretContents } from './secret-requests.ts';

/** Of the versions that were made here: more than a watch may lag behind. */
const REMEMBERED = 64;
const DECIMAL = /^[1-9]\d*$/;

/** The Secret at one of its versions. */
export interface Snapshot {
  /** Its resourceVersion. */
  readonly version: string;
  /** Whether it had no key; `undefined` after keys were removed. */
  readonly isEmpty: boolean | undefined;
}

/**
 * What a token knows of its document in the current snapshot. `whole`: the document and the other keys of the token are as they were
 * last read or written for it. `lone`: the document is, and the other keys may have been changed. `foreign`: the document is not.
 */
type Standing = 'whole' | 'lone' | 'foreign';

/** As it was last read or written for its token. */
interface KnownDocument {
  /** Of its base64; `undefined` for one that did not exist. */
  readonly digest: Sha256 | undefined;
  /** The keys of the token, and a digest of what they hold. */
  readonly keys: readonly string[];
  readonly whole: Sha256;
  readonly standing: Standing;
}

/** What was written for a token: base64, `undefined` for a removed key. */
export type Written = ReadonlyMap<string, string | undefined>;

/**
 * What this process knows of one Secret, without its contents: a version, and a digest of each document. A patch that tests the
 * version proves that nothing else was changed since. So what is known stays true from one patch to the next, and the version
 * by itself shows whether someone else changed anything.
 */
export class SecretKnowledge {
  readonly #documents = new Map<string, KnownDocument>();
  /** Versions between which only this process changed the Secret, the last one being that of the snapshot. */
  readonly #chain = new Set<string>();
  readonly #made = new Set<string>();
  #snapshot: Snapshot | undefined;
  #changes = 0;

  /** How often something was learnt that a read which began before does not show. */
  get changes(): number {
    return this.#changes;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Whether a patch of these documents can be made without reading the Secret. */
  covers(documents: readonly string[]): boolean {
    return this.#snapshot?.isEmpty !== undefined && documents.every((key) => this.#documents.has(key));
  }

  /** Whether its token has read or written the document. */
  has(key: string): boolean {
    return this.#documents.has(key);
  }

  /** Whether someone else changed the document, and its token has not read it yet. */
  isForeign(key: string): boolean {
    return this.#documents.get(key)?.standing === 'foreign';
  }

  /** Whether all keys of the token are known to be in the snapshot as they were last read or written for it. */
  isWhole(key: string): boolean {
    return this.#snapshot !== undefined && this.#documents.get(key)?.standing === 'whole';
  }

  /** Whether only this process has changed the Secret since this version. */
  continues(version: string | undefined): boolean {
    return version !== undefined && this.#chain.has(version);
  }

  /** Whether since this version only this process changed the token. One that is news is not what is known of the Secret. */
  knows(version: string, key: string): boolean {
    if (this.#made.has(version)) return true;
    if (this.continues(version)) return this.isWhole(key);
    if (this.#snapshot !== undefined && !isOlder(version, this.#snapshot.version)) this.outdate();
    return false;
  }

  /** Whether the document is as it was last read or written for its token. */
  isAsKnown(key: string, { data }: SecretContents): boolean {
    return this.#documents.get(key)?.digest === digestOf(data.get(key));
  }

  /**
   * The Secret was read. `documents`: those of the tokens that it was read for, `keys`: all keys of these. `since`: `changes` when the
   * read began.
   */
  read(contents: SecretContents, documents: readonly string[], keys: readonly string[], since: number): void {
    const { data, version } = contents;
    const isCurrent = this.continues(version) || since === this.#changes;
    if (!this.continues(version) && isCurrent) this.#rebase(contents);
    for (const key of documents) {
      const [known, digest] = [this.#documents.get(key), digestOf(data.get(key))];
      // A write in the meantime is newer than what was read.
      if (known !== undefined && known.standing !== 'foreign' && known.digest !== digest) continue;
      const standing = isCurrent ? 'whole' : 'lone';
      this.#documents.set(key, { digest, keys, whole: wholeOf(keys, data), standing });
    }
  }

  /**
   * A patch was carried out that tested the version `tested`, or only its own documents where that is `undefined`. `made`: the version
   * that it made.
   */
  written(
    writes: readonly { readonly documents: readonly string[]; readonly values: Written }[],
    { tested, made }: { readonly tested: string | undefined; readonly made: string | undefined },
  ): void {
    this.#changes += 1;
    for (const { documents, values } of writes) {
      const keys = [...values.keys()];
      const whole = wholeOf(keys, values);
      for (const key of documents) {
        this.#documents.set(key, { digest: digestOf(values.get(key)), keys, whole, standing: 'whole' });
      }
    }
    if (made !== undefined) remember(this.#made, made);
    // A read in the meantime found this version, with what was written.
    if (made !== undefined && this.#snapshot?.version === made) return;
    if (made === undefined || tested === undefined || this.#snapshot?.version !== tested) return this.outdate();
    const isRemoval = writes.every(({ values }) => [...values.values()].every((value) => value === undefined));
    this.#snapshot = { version: made, isEmpty: isRemoval ? undefined : false };
    remember(this.#chain, made);
  }

  /** Whether these were written is unknown, because the answer was lost, or they are to be read before the next write. */
  forget(documents: readonly string[]): void {
    this.#changes += 1;
    for (const key of documents) this.#documents.delete(key);
    this.outdate();
  }

  /** Someone else may have changed the Secret. */
  outdate(): void {
    this.#snapshot = undefined;
    this.#chain.clear();
  }

  /** Someone else changed the Secret: it is as it was read now. */
  #rebase({ data, version }: SecretContents): void {
    this.outdate();
    for (const [key, known] of this.#documents) {
      const isWhole = wholeOf(known.keys, data) === known.whole;
      const isKnown = digestOf(data.get(key)) === known.digest;
      this.#documents.set(key, { ...known, standing: isWhole ? 'whole' : isKnown ? 'lone' : 'foreign' });
    }
    if (version === undefined) return;
    this.#snapshot = { version, isEmpty: data.size === 0 };
    this.#chain.add(version);
  }
}

/** Versions are decimal numbers (KEP-5504). Of others nothing is known. */
function isOlder(one: string, other: string): boolean {
  if (!DECIMAL.test(one) || !DECIMAL.test(other)) return false;
  return one.length === other.length ? one < other : one.length < other.length;
}

function digestOf(value: string | undefined): Sha256 | undefined {
  return value === undefined ? undefined : sha256(value);
}

function wholeOf(keys: readonly string[], values: Written): Sha256 {
  return sha256(JSON.stringify(keys.map((key) => [key, values.get(key)])));
}

function remember(versions: Set<string>, version: string): void {
  versions.add(version);
  const [oldest] = versions;
  if (oldest !== undefined && versions.size > REMEMBERED) versions.delete(oldest);
}
