import { StoreError } from '../../../core/errors.ts';
import type { SecretReference } from '../../../core/token.ts';
import { isPatchRefused, statusOf } from '../api/api-failure.ts';
import type { SecretKnowledge } from './secret-knowledge.ts';
import { patchByDocuments, patchByVersion, valuesOf } from './secret-patch.ts';
import { type Operation, type SecretContents, secretFailure } from './secret-requests.ts';
import type { Write } from './write-queue.ts';

export interface SecretWriterDependencies {
  readonly secret: SecretReference;
  readonly known: SecretKnowledge;
  /** Throws StoreError. */
  readonly read: () => Promise<SecretContents>;
  /** Resolves with the version that it made. */
  readonly patch: (operations: readonly Operation[]) => Promise<string | undefined>;
}

/**
 * Carries out writes of one Secret together. The first patch tests the version that is known. Where someone else changed the Secret,
 * the second one tests the documents that it replaces, so that only the writes of changed documents are rejected.
 */
export class SecretWriter {
  readonly #dependencies: SecretWriterDependencies;

  constructor(dependencies: SecretWriterDependencies) {
    this.#dependencies = dependencies;
  }

  /** Settles each write. Never rejects. */
  async carryOut(writes: readonly Write[]): Promise<void> {
    try {
      const left = await this.#writeByVersion(writes);
      if (left.length > 0) await this.#writeByDocuments(left);
    } catch (error) {
      // One of them may be the cause: too large, for example.
      if (writes.length > 1 && [413, 422].includes(statusOf(error) ?? 0)) return this.#carryOutEach(writes);
      const { known, secret } = this.#dependencies;
      // Whether it was carried out is unknown where the answer was lost.
      known.forget(documentsOf(writes));
      for (const write of writes) write.settle(secretFailure(secret, 'written', error));
    }
  }

  async #carryOutEach(writes: readonly Write[]): Promise<void> {
    for (const write of writes) await this.carryOut([write]);
  }

  /** Returns the writes that are still to be carried out, because someone else changed the Secret. */
  async #writeByVersion(writes: readonly Write[]): Promise<readonly Write[]> {
    const { known, read, patch } = this.#dependencies;
    const documents = documentsOf(writes);
    if (!known.covers(documents)) {
      const since = known.changes;
      const contents = await read();
      const unknown = writes.filter((write) => !write.documents.every((key) => known.has(key)));
      for (const write of unknown) known.read(contents, write.documents, Object.keys(write.changes), since);
      if (unknown.length === 0) known.read(contents, [], [], since);
    }
    const { snapshot } = known;
    if (snapshot === undefined) return writes;
    const own = writes.filter((write) => !write.documents.some((key) => known.isForeign(key)) || this.#reject(write));
    const operations = patchByVersion(snapshot, own);
    // Keys of a token are to be removed from an empty Secret: it may have been filled since.
    if (operations.length === 0) return own;
    try {
      const made = await patch(operations);
      this.#settle(own, { tested: snapshot.version, made });
      return [];
    } catch (error) {
      if (!isPatchRefused(error)) throw error;
      known.outdate();
      return own;
    }
  }

  async #writeByDocuments(writes: readonly Write[]): Promise<void> {
    const { known, read, patch } = this.#dependencies;
    const contents = await read();
    const own = writes.filter(
      (write) => write.documents.every((key) => known.isAsKnown(key, contents)) || this.#reject(write),
    );
    const operations = patchByDocuments(contents, own);
    if (operations.length === 0) {
      for (const write of own) write.settle();
      return;
    }
    try {
      const made = await patch(operations);
      this.#settle(own, { tested: undefined, made });
    } catch (error) {
      if (!isPatchRefused(error)) throw error;
      const [only, ...others] = own;
      if (others.length > 0) await this.#carryOutEach(own);
      else if (only !== undefined) this.#reject(only);
    }
  }

  #settle(
    writes: readonly Write[],
    versions: { readonly tested: string | undefined; readonly made: string | undefined },
  ) {
    const written = writes.map(({ changes, documents }) => ({ documents, values: valuesOf(changes) }));
    this.#dependencies.known.written(written, versions);
    for (const write of writes) write.settle();
  }

  /** Returns false. */
  #reject({ documents, settle }: Write): false {
    const { known, secret } = this.#dependencies;
    known.forget(documents);
    settle(
      new StoreError(
        `The Secret ${secret.namespace}/${secret.secret} was changed by another process in the meantime, so it was not written. It is read again.`,
      ),
    );
    return false;
  }
}

function documentsOf(writes: readonly Write[]): string[] {
  return writes.flatMap(({ documents }) => documents);
}
