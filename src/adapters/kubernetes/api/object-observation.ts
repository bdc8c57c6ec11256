import { messageOf } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import { apiFailure, statusOf } from './api-failure.ts';
import type { ApiServer } from './api-server.ts';
import { METADATA, type WatchEvent, type Watched, watchOnce } from './watch-once.ts';
import { WatchPauses } from './watch-pauses.ts';

/** An object that is watched by its name. */
export interface ObservedObject {
  /** Of its collection: `/api/v1/namespaces/billing/secrets`. */
  readonly path: string;
  readonly name: string;
  /** The beginning of a sentence: `The Secret billing/billing-tokens`. */
  readonly title: string;
  /** Sentences: what to do where watching it is denied. */
  readonly remedy: string;
  /** A sentence: what works without a watch. */
  readonly otherwise: string;
}

export interface ObservationOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Called once when a watch is denied, and not again before one was opened. */
  readonly onFault: (message: string) => void;
  /** Seconds that a watch lasts, 300 by default: a removed permission is noticed when the next one begins. */
  readonly lasts?: number;
  /** After so long without a byte a watch counts as dead, 90 s by default: bookmarks come each minute. */
  readonly silence?: Ms;
}

const LASTS = 300;
const SILENCE: Ms = 90_000;
/** Who lacks the right lacks it for a while; each try is a 403 in the audit log. */
const REFUSED: Ms = 5 * 60_000;
/** So that not all connections open at the same time. */
const SPREAD: Ms = 1000;
const EXPIRED = 410;

/**
 * Follows one object until it is stopped, and recovers from anything that ends the watch. It only requests metadata, so that a
 * change transfers no token, and it requests by name, as RBAC needs it for `resourceNames`.
 */
export class ObjectObservation {
  readonly #api: ApiServer;
  readonly #object: ObservedObject;
  readonly #options: ObservationOptions;
  readonly #changed: (version: string) => void;
  readonly #stop = new AbortController();
  readonly #pauses: WatchPauses;
  #version = '';
  #refused = false;
  #isOpen = false;

  /** `changed` receives each new version. At the start, and after a gap, it receives the current one. */
  constructor(
    api: ApiServer,
    object: ObservedObject,
    options: ObservationOptions & { readonly changed: (version: string) => void },
  ) {
    this.#api = api;
    this.#object = object;
    this.#options = options;
    this.#changed = options.changed;
    this.#pauses = new WatchPauses(options);
  }

  /** Whether changes are reported at present; also in the moment between two watches that follow each other. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stop;
    await clock.wait(SPREAD * random.fraction(), signal);
    while (!signal.aborted) {
      this.#pauses.begun();
      const error = await this.#watch().catch((failure: unknown) => failure);
      await clock.wait(this.#pauseAfter(error), signal);
    }
  }

  stop(): void {
    this.#isOpen = false;
    this.#stop.abort();
  }

  async #watch(): Promise<void> {
    const { path, name } = this.#object;
    const end = new AbortController();
    await watchOnce<Watched>(this.#api.kubeConfig, {
      path,
      accept: METADATA,
      parameters: {
        fieldSelector: `metadata.name=${name}`,
        // Without one, the present state comes first: so nothing is listed, which would take another right.
        ...(this.#version !== '' && { resourceVersion: this.#version }),
        allowWatchBookmarks: true,
        timeoutSeconds: this.#options.lasts ?? LASTS,
      },
      silence: this.#options.silence ?? SILENCE,
      signal: AbortSignal.any([this.#stop.signal, end.signal]),
      opened: () => {
        this.#isOpen = true;
        this.#pauses.opened();
        this.#refused = false;
      },
      event: (event) => {
        if (!this.#take(event)) end.abort();
      },
    });
  }

  /** False where the watch cannot go on. */
  #take({ type, object }: WatchEvent<Watched>): boolean {
    const version = type === 'ERROR' ? undefined : object.metadata?.resourceVersion;
    this.#version = version ?? '';
    if (version !== undefined && type !== 'BOOKMARK') this.#changed(version);
    return version !== undefined;
  }

  #pauseAfter(error: unknown): Ms {
    const pause = this.#pauses.ended();
    if (error === undefined) return pause;
    this.#isOpen = false;
    const status = statusOf(error);
    if (status !== undefined) this.#version = '';
    const { title, remedy, otherwise } = this.#object;
    const failure = apiFailure(`${title} cannot be watched`, error);
    if (!failure.permanent || status === EXPIRED) return pause;
    if (!this.#refused) {
      // Of the answer to a watch nothing but its number is known.
      const forbidden = `${title} cannot be watched: the API server forbids it (403). ${remedy}`;
      this.#options.onFault(`${status === 403 ? forbidden : messageOf(failure)} ${otherwise}`);
    }
    this.#refused = true;
    return this.#pauses.spread(REFUSED);
  }
}
