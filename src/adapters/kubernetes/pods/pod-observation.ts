import type { V1Pod } from '@kubernetes/client-node';
import { StoreError } from '../../../core/errors.ts';
import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { SelectedPods } from '../../../ports/execution-state.ts';
import type { Random } from '../../../ports/random.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { CoreV1Api } from '../api/client-library.ts';
import { type WatchEvent, watchOnce } from '../api/watch-once.ts';
import { WatchPauses } from '../api/watch-pauses.ts';
import { type PodFacts, podFacts } from './pod-facts.ts';

export interface PodObservationOptions {
  readonly clock: Clock;
  /** Spreads retries; without it they come at their latest. */
  readonly random?: Random;
  /** How long the last finding counts while the API server cannot be asked, 30 s by default. */
  readonly grace?: Ms;
  /** After so long without a byte a watch is taken for dead, 90 s by default: bookmarks come each minute. */
  readonly silence?: Ms;
}

const GRACE: Ms = 30_000;
const SILENCE: Ms = 90_000;
/** So that a removed permission is noticed: the API server checks permissions when a watch begins. */
const WATCH_SECONDS = 300;
const PAGE = 500;

/** The pods of one selector, with the version of the list that a watch can go on from. */
export interface PodList {
  readonly pods: readonly PodFacts[];
  readonly version: string;
}

/** Reads them page by page. Throws StoreError. */
export async function listPods(api: ApiServer, { namespace, selector }: SelectedPods): Promise<PodList> {
  const core = new CoreV1Api(api.configuration);
  const pods: PodFacts[] = [];
  let page: string | undefined;
  let version: string;
  try {
    do {
      const continued = page === undefined ? {} : { _continue: page };
      const list = await core.listNamespacedPod({ namespace, labelSelector: selector, limit: PAGE, ...continued });
      pods.push(...list.items.map(podFacts).filter((facts) => facts !== undefined));
      version = list.metadata?.resourceVersion ?? '';
      page = list.metadata?._continue;
    } while (page);
  } catch (error) {
    throw listFailure({ namespace, selector }, error);
  }
  return { pods, version };
}

function listFailure({ namespace, selector }: SelectedPods, error: unknown): StoreError {
  if (statusOf(error) !== 400) return apiFailure(`The pods of the namespace ${namespace} cannot be read`, error);
  return new StoreError(
    `The pods of the namespace ${namespace} cannot be selected by "${selector}", which may not be a label selector (400). Correct clientApp.selector in the configuration.`,
    { permanent: true },
  );
}

/** Follows the pods of one selector by a list and a watch, until it is stopped; comes back from whatever ends those. */
export class PodObservation {
  /** Why `pods` is unknown; empty where it is not, or where nothing was looked at yet. */
  because = '';
  readonly #api: ApiServer;
  readonly #app: SelectedPods;
  readonly #options: PodObservationOptions;
  readonly #changed: () => void;
  readonly #stop = new AbortController();
  readonly #found = new Map<string, PodFacts>();
  readonly #pauses: WatchPauses;
  #known: readonly PodFacts[] | undefined;
  #version = '';
  #brokenAt: Ms | undefined;

  constructor(api: ApiServer, app: SelectedPods, options: PodObservationOptions & { changed: () => void }) {
    this.#api = api;
    this.#app = app;
    this.#options = options;
    this.#changed = options.changed;
    this.#pauses = new WatchPauses(options);
  }

  /** The latest finding; `undefined` while it is unknown. */
  get pods(): readonly PodFacts[] | undefined {
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
    const { pods, version } = await listPods(this.#api, this.#app);
    if (this.#stop.signal.aborted) return;
    this.#well();
    this.#version = version;
    this.#found.clear();
    for (const pod of pods) this.#found.set(pod.uid, pod);
    this.#tell();
  }

  async #watch(): Promise<void> {
    const { namespace, selector } = this.#app;
    const { signal } = this.#stop;
    if (signal.aborted) return;
    const end = new AbortController();
    await watchOnce<V1Pod>(this.#api.kubeConfig, {
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
      parameters: {
        labelSelector: selector,
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
  #take({ type, object }: WatchEvent<V1Pod>): boolean {
    if (type === 'ERROR') {
      // 410: the version is too old. A fresh list also shows any other reason better.
      this.#version = '';
      return false;
    }
    const version = object.metadata?.resourceVersion;
    if (version !== undefined) this.#version = version;
    const facts = type === 'BOOKMARK' ? undefined : podFacts(object);
    if (facts === undefined) return true;
    const before = this.#found.get(facts.uid);
    if (type === 'DELETED') this.#found.delete(facts.uid);
    else this.#found.set(facts.uid, facts);
    // Most events of a pod change nothing that is kept of it.
    if (type === 'DELETED' || JSON.stringify(before) !== JSON.stringify(facts)) this.#tell();
    return true;
  }

  #well(): void {
    this.because = '';
    this.#brokenAt = undefined;
  }

  #failed(error: unknown): void {
    const { namespace } = this.#app;
    if (statusOf(error) !== undefined) this.#version = '';
    this.#brokenAt ??= this.#now();
    const because = apiFailure(`The pods of the namespace ${namespace} cannot be watched`, error).message;
    const news = because !== this.because;
    this.because = because;
    if (news && this.#known === undefined) this.#changed();
  }

  /** Waits before the next try. If the grace period ends in the meantime, the pods are unknown. */
  async #pause(pause: Ms): Promise<void> {
    const grace = this.#graceLeft();
    if (grace === undefined || grace > pause) return this.#wait(pause);
    await this.#wait(grace);
    this.#version = '';
    this.#found.clear();
    this.#known = undefined;
    if (!this.#stop.signal.aborted) this.#changed();
    await this.#wait(pause - grace);
  }

  #graceLeft(): Ms | undefined {
    if (this.#brokenAt === undefined || this.#known === undefined) return undefined;
    return Math.max(0, this.#brokenAt + (this.#options.grace ?? GRACE) - this.#now());
  }

  #tell(): void {
    this.#known = [...this.#found.values()];
    this.#changed();
  }

  #now(): Ms {
    return this.#options.clock.monotonic();
  }

  #wait(delay: Ms): Promise<void> {
    return this.#options.clock.wait(delay, this.#stop.signal);
  }
}
