import type { StoreError } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import { statusOf } from './api-failure.ts';
import type { ApiServer } from './api-server.ts';
import { type WatchEvent, type Watched, watchOnce } from './watch-once.ts';
import { WatchPauses } from './watch-pauses.ts';

export interface CollectionObservationOptions {
  readonly clock: Clock;
  /** Spreads retries; without it they come at their latest. */
  readonly random?: Random;
  /** How long the last finding counts while the API server cannot be asked, 30 s by default. */
  readonly grace?: Ms;
  /** After so long without a byte a watch is taken for dead, 90 s by default: bookmarks come each minute. */
  readonly silence?: Ms;
}

/** The facts of all objects, with the version of the list that a watch can go on from. */
export interface Listed<Facts> {
  readonly items: readonly Facts[];
  readonly version: string;
}

/** Objects of one kind in one namespace, and what is kept of each. */
export interface Collection<Kind extends Watched, Facts extends { readonly uid: string }> {
  /** `/api/v1/namespaces/billing/pods` */
  readonly path: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Throws StoreError. */
  list(): Promise<Listed<Facts>>;
  /** `undefined`: nothing is to be kept of it. */
  factsOf(object: Kind): Facts | undefined;
  /** The sentence for a watch that failed. */
  failure(error: unknown): StoreError;
  readonly changed: () => void;
}

const GRACE: Ms = 30_000;
const SILENCE: Ms = 90_000;
/** So that a removed permission is noticed: the API server checks permissions when a watch begins. */
const WATCH_SECONDS = 300;

/** Follows objects by a list and a watch, until it is stopped; comes back from whatever ends those. */
export class CollectionObservation<Kind extends Watched, Facts extends { readonly uid: string }> {
  /** Why `found` is unknown; empty where it is not, or where nothing was looked at yet. */
  because = '';
  readonly #api: ApiServer;
  readonly #collection: Collection<Kind, Facts>;
  readonly #options: CollectionObservationOptions;
  readonly #stop = new AbortController();
  readonly #found = new Map<string, Facts>();
  readonly #pauses: WatchPauses;
  #known: readonly Facts[] | undefined;
  #version = '';
  #brokenAt: Ms | undefined;

  constructor(api: ApiServer, collection: Collection<Kind, Facts>, options: CollectionObservationOptions) {
    this.#api = api;
    this.#collection = collection;
    this.#options = options;
    this.#pauses = new WatchPauses(options);
  }

  /** The latest finding; `undefined` while it is unknown. */
  get found(): readonly Facts[] | undefined {
    return this.#known;
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#pauses.begun();
      try {
        if (this.#version === '') await this.#list();
        await this.#watch();
      } catch (error) {
        this.#failed(error);
      }
      await this.#pause(this.#pauses.ended());
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  async #list(): Promise<void> {
    const { items, version } = await this.#collection.list();
    if (this.#stop.signal.aborted) return;
    this.#well();
    this.#version = version;
    this.#found.clear();
    for (const facts of items) this.#found.set(facts.uid, facts);
    this.#tell();
  }

  async #watch(): Promise<void> {
    const { path, parameters } = this.#collection;
    const { signal } = this.#stop;
    if (signal.aborted) return;
    const end = new AbortController();
    await watchOnce<Kind>(this.#api.kubeConfig, {
      path,
      parameters: {
        ...parameters,
        resourceVersion: this.#version,
        allowWatchBookmarks: true,
        timeoutSeconds: WATCH_SECONDS,
      },
      silence: this.#options.silence ?? SILENCE,
      signal: AbortSignal.any([signal, end.signal]),
      opened: () => {
        this.#pauses.opened();
        this.#well();
      },
      event: (event) => {
        if (!this.#take(event)) end.abort();
      },
    });
  }

  /** False where the watch cannot go on. */
  #take({ type, object }: WatchEvent<Kind>): boolean {
    if (type === 'ERROR') {
      // 410: the version is too old. A fresh list also shows any other reason better.
      this.#version = '';
      return false;
    }
    const version = object.metadata?.resourceVersion;
    if (version !== undefined) this.#version = version;
    const uid = object.metadata?.uid;
    if (type === 'BOOKMARK' || uid === undefined) return true;
    const before = this.#found.get(uid);
    const facts = type === 'DELETED' ? undefined : this.#collection.factsOf(object);
    if (facts === undefined) this.#found.delete(uid);
    else this.#found.set(uid, facts);
    // Most events change nothing that is kept of an object.
    if (JSON.stringify(before) !== JSON.stringify(facts)) this.#tell();
    return true;
  }

  #well(): void {
    this.because = '';
    this.#brokenAt = undefined;
  }

  #failed(error: unknown): void {
    if (statusOf(error) !== undefined) this.#version = '';
    this.#brokenAt ??= this.#now();
    const because = this.#collection.failure(error).message;
    const news = because !== this.because;
    this.because = because;
    if (news && this.#known === undefined) this.#collection.changed();
  }

  /** Waits before the next try. If the grace period ends in the meantime, the objects are unknown. */
  async #pause(pause: Ms): Promise<void> {
    const grace = this.#graceLeft();
    if (grace === undefined || grace > pause) return this.#wait(pause);
    await this.#wait(grace);
    this.#version = '';
    this.#found.clear();
    this.#known = undefined;
    if (!this.#stop.signal.aborted) this.#collection.changed();
    await this.#wait(pause - grace);
  }

  #graceLeft(): Ms | undefined {
    if (this.#brokenAt === undefined || this.#known === undefined) return undefined;
    return Math.max(0, this.#brokenAt + (this.#options.grace ?? GRACE) - this.#now());
  }

  #tell(): void {
    this.#known = [...this.#found.values()];
    this.#collection.changed();
  }

  #now(): Ms {
    return this.#options.clock.monotonic();
  }

  #wait(delay: Ms): Promise<void> {
    return this.#options.clock.wait(delay, this.#stop.signal);
  }
}
