import type { Ms, SecretReference } from '../../../core/token.ts';
import { documentKey, type VolumeData } from '../../../core/token-volume.ts';
import type { Clock } from '../../../ports/clock.ts';
import { ApiUnreachableError } from '../api/api-connection.ts';
import type { ApiServer } from '../api/api-server.ts';
import type { Turns } from '../api/turns.ts';
import { SecretKnowledge } from './secret-knowledge.ts';
import type { Changes } from './secret-patch.ts';
import {
  type Operation,
  patchSecret,
  readSecret,
  readVersion,
  type SecretContents,
  secretFailure,
} from './secret-requests.ts';
import { SecretWriter } from './secret-writer.ts';
import { SharedCall } from './shared-call.ts';
import { WriteQueue } from './write-queue.ts';

export interface TokenSecretDependencies {
  readonly api: ApiServer;
  readonly clock: Pick<Clock, 'monotonic' | 'wait'>;
  /** They bound the requests of all Secrets. */
  readonly reads: Turns;
  readonly writes: Turns;
}

/** One Secret with the tokens of a client app, and what is known of it: a version, and digests. */
export class TokenSecret {
  readonly #dependencies: TokenSecretDependencies;
  readonly #secret: SecretReference;
  readonly #known = new SecretKnowledge();
  readonly #queue: WriteQueue;
  readonly #contents = new SharedCall(() => this.#read());
  readonly #looks = new SharedCall(() => this.#look());
  /** When the Secret was last known to be as this process left it. */
  #knownAt: Ms = Number.NEGATIVE_INFINITY;

  constructor(dependencies: TokenSecretDependencies, secret: SecretReference) {
    this.#dependencies = dependencies;
    this.#secret = secret;
    const writer = new SecretWriter({
      secret,
      known: this.#known,
      read: () => this.#contents.next(),
      patch: (operations) => this.#patch(operations),
    });
    const { clock, writes } = dependencies;
    const failure = (error: unknown): unknown => secretFailure(secret, 'written', error);
    this.#queue = new WriteQueue({ clock, turns: writes, send: (batch) => writer.carryOut(batch), failure });
  }

  /** Returns the named keys that exist. Throws StoreError. */
  async read(keys: readonly string[]): Promise<VolumeData> {
    const free = keys.filter((key) => isDocument(key) && !this.#queue.has(key));
    const since = this.#known.changes;
    const began = this.#dependencies.clock.monotonic();
    const contents = await this.#contents.next();
    const documents = free.filter((key) => !this.#queue.has(key));
    this.#known.read(contents, documents, keys, since);
    if (this.#known.continues(contents.version)) this.#confirm(began);
    const { data } = contents;
    const found = keys.filter((key) => data.has(key));
    return Object.fromEntries(found.map((key) => [key, Buffer.from(data.get(key) ?? '', 'base64').toString()]));
  }

  /**
   * Returns how long ago the keys were known to be as they were last read or written here. What is known for longer than `within` is
   * looked at again, without any data. `undefined`: someone else may have changed them. Throws StoreError.
   */
  async unchanged(keys: readonly string[], within: Ms): Promise<Ms | undefined> {
    const { clock } = this.#dependencies;
    const document = keys.find(isDocument);
    const isKnown = (): boolean => document !== undefined && this.#known.isWhole(document);
    if (isKnown() && clock.monotonic() - this.#knownAt > within) {
      await (within > 0 ? this.#looks.current() : this.#looks.next());
    }
    return isKnown() ? clock.monotonic() - this.#knownAt : undefined;
  }

  /**
   * Whether this version was made here, or the key was read in it: then it is no news. Waits for writes that are under
   * way, because a watch may tell of one before its answer comes.
   */
  async knows(version: string, key: string): Promise<boolean> {
    await this.#queue.idle();
    return this.#known.knows(version, key);
  }

  /** Writes of one token follow each other, and those of several tokens go together. Throws StoreError. */
  write(changes: Changes): Promise<void> {
    return this.#queue.add(changes, Object.keys(changes).filter(isDocument));
  }

  async #read(): Promise<SecretContents> {
    const { api, reads } = this.#dependencies;
    try {
      return await reads.run(() => this.#request(() => readSecret(api, this.#secret)));
    } catch (error) {
      throw secretFailure(this.#secret, 'read', error);
    }
  }

  async #look(): Promise<void> {
    const { api, reads, clock } = this.#dependencies;
    let began = 0;
    try {
      const version = await reads.run(() => {
        began = clock.monotonic();
        return this.#request(() => readVersion(api, this.#secret));
      });
      // It may be that of a write whose answer comes later.
      if (!this.#known.continues(version)) await this.#queue.idle();
      if (this.#known.continues(version)) this.#confirm(began);
      else this.#known.outdate();
    } catch (error) {
      throw secretFailure(this.#secret, 'read', error);
    }
  }

  async #patch(operations: readonly Operation[]): Promise<string | undefined> {
    const began = this.#dependencies.clock.monotonic();
    const made = await this.#request(() => patchSecret(this.#dependencies.api, this.#secret, operations));
    const [test] = operations;
    if (test?.path === '/metadata/resourceVersion') this.#confirm(began);
    return made;
  }

  /** Where the API server does not answer in time, those that wait for it learn that now, and not one after the other. */
  async #request<Result>(request: () => Promise<Result>): Promise<Result> {
    try {
      return await request();
    } catch (error) {
      const { reads, writes } = this.#dependencies;
      if (isTimeout(error)) for (const turns of [reads, writes]) turns.dismiss(error);
      throw error;
    }
  }

  #confirm(at: Ms): void {
    this.#knownAt = Math.max(this.#knownAt, at);
  }
}

const DOCUMENT = documentKey('');

function isTimeout(error: unknown): boolean {
  return error instanceof ApiUnreachableError && error.code === 'TIMEOUT';
}

function isDocument(key: string): boolean {
  return key.endsWith(DOCUMENT);
}
