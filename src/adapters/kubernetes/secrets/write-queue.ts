import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Turns } from '../api/turns.ts';
import type { Changes } from './secret-patch.ts';

/** So long the others wait for a write that is under way, so that one that hangs does not hold them up. */
const HELD_UP: Ms = 500;
/** In one patch. */
const MOST_TOGETHER = 64;

export interface Write {
  readonly changes: Changes;
  /** The keys of documents in it. */
  readonly documents: readonly string[];
  /** Ends it. Only the first call counts. */
  readonly settle: (error?: unknown) => void;
}

interface Queued extends Write {
  /** A write of one of them that is under way comes first. */
  readonly keys: readonly string[];
}

export interface WriteQueueDependencies {
  readonly clock: Pick<Clock, 'wait'>;
  readonly turns: Turns;
  /** Carries out all of them, and settles each. Never rejects. */
  readonly send: (writes: readonly Write[]) => Promise<void>;
  /** Returns what a write fails with that had no turn. */
  readonly failure: (error: unknown) => unknown;
}

/** The writes of one Secret. A lone write is sent immediately. Those that come while one is under way go together after it. */
export class WriteQueue {
  readonly #dependencies: WriteQueueDependencies;
  readonly #open = new Set<Promise<void>>();
  #waiting: Queued[] = [];
  readonly #sending = new Set<string>();
  /** The latest one that is under way, for whose end the others wait. */
  #holder: object | undefined;
  #hasAsked = false;
  /** Ends the pause after which the others are no longer held up. */
  #pause: AbortController | undefined;

  constructor(dependencies: WriteQueueDependencies) {
    this.#dependencies = dependencies;
  }

  /** Resolves when the changes are written. */
  add(changes: Changes, documents: readonly string[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
    this.#open.add(promise);
    const end = (): void => void this.#open.delete(promise);
    promise.then(end, end);
    this.#waiting.push({ changes, documents, keys: documents.length === 0 ? Object.keys(changes) : documents, settle });
    this.#start();
    return promise;
  }

  /** Whether the key is to be written. */
  has(key: string): boolean {
    return this.#sending.has(key) || this.#waiting.some(({ keys }) => keys.includes(key));
  }

  /** Resolves when the writes of this moment have ended, however they ended. */
  async idle(): Promise<void> {
    if (this.#open.size > 0) await Promise.allSettled(this.#open);
  }

  #start(): void {
    if (this.#hasAsked || !this.#waiting.some((write) => this.#isFree(write))) return;
    if (this.#holder !== undefined) return this.#waitForLong();
    this.#hasAsked = true;
    void this.#dependencies.turns
      .run(() => this.#sendWaiting())
      .catch((error: unknown) => {
        this.#hasAsked = false;
        for (const write of this.#waiting.splice(0)) write.settle(this.#dependencies.failure(error));
      });
  }

  async #sendWaiting(): Promise<void> {
    this.#hasAsked = false;
    const writes = this.#take();
    if (writes.length === 0) return;
    const keys = writes.flatMap((write) => write.keys);
    for (const key of keys) this.#sending.add(key);
    this.#holder = writes;
    await this.#dependencies.send(writes);
    for (const key of keys) this.#sending.delete(key);
    if (this.#holder === writes) {
      this.#pause?.abort();
      this.#endPause();
    }
    this.#start();
  }

  /** Those that may be sent together, in their order: of several of one key, the last one counts. */
  #take(): Queued[] {
    const taken: Queued[] = [];
    const left: Queued[] = [];
    const keysLeft = new Set<string>();
    for (const write of this.#waiting) {
      // None may overtake an earlier one.
      const isNext =
        this.#isFree(write) && taken.length < MOST_TOGETHER && !write.keys.some((key) => keysLeft.has(key));
      if (isNext) taken.push(write);
      else {
        left.push(write);
        for (const key of write.keys) keysLeft.add(key);
      }
    }
    this.#waiting = left;
    return taken;
  }

  #isFree({ keys }: Queued): boolean {
    return !keys.some((key) => this.#sending.has(key));
  }

  #waitForLong(): void {
    if (this.#pause !== undefined) return;
    const pause = new AbortController();
    this.#pause = pause;
    void this.#dependencies.clock.wait(HELD_UP, pause.signal).then(() => {
      if (pause.signal.aborted) return;
      this.#endPause();
      this.#start();
    });
  }

  #endPause(): void {
    this.#pause = undefined;
    this.#holder = undefined;
  }
}
