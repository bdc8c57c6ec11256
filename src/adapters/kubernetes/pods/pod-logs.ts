import type { AppLogs, FollowedLog, LogListener } from '../../../ports/app-log.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import type { ApiServer } from '../api/api-server.ts';
import { FollowedPods } from './followed-pods.ts';
import { LogPlaces } from './log-places.ts';
import type { PodWatches } from './pod-watch.ts';
import { ReadingBudget } from './reading-budget.ts';

export interface PodLogsOptions {
  readonly clock: Clock;
  readonly random?: Random | undefined;
  /** Logs in the whole process. Each is a connection to the API server. 200 by default. */
  readonly most?: number;
}

const MOST = 200;

/** Follows the output of pods through the log API. Each log is read once, however many tokens ask for it. */
export function createPodLogs(api: ApiServer, watches: PodWatches, options: PodLogsOptions): PodLogs {
  return new PodLogs(api, watches, options);
}

export class PodLogs implements AppLogs {
  readonly #api: ApiServer;
  readonly #watches: PodWatches;
  readonly #options: PodLogsOptions;
  readonly #followed = new Map<string, FollowedPods>();
  readonly #places: LogPlaces;
  readonly #budget: ReadingBudget;

  constructor(api: ApiServer, watches: PodWatches, options: PodLogsOptions) {
    this.#api = api;
    this.#watches = watches;
    this.#options = options;
    this.#budget = new ReadingBudget(options.clock);
    this.#places = new LogPlaces(options.most ?? MOST);
  }

  follow(log: FollowedLog, listener: LogListener): () => void {
    const key = JSON.stringify([log.namespace, log.selector, log.container]);
    const pods = this.#followed.get(key) ?? this.#begin(key, log);
    pods.listeners.add(listener);
    listener.changed(pods.state);
    return () => {
      if (!pods.listeners.delete(listener) || pods.listeners.size > 0) return;
      pods.close();
      if (this.#followed.get(key) === pods) this.#followed.delete(key);
    };
  }

  close(): void {
    for (const pods of this.#followed.values()) pods.close();
    this.#followed.clear();
  }

  #begin(key: string, log: FollowedLog): FollowedPods {
    const watch = this.#watches.get(log.namespace, log.selector);
    const pods = new FollowedPods(this.#api, watch, {
      ...this.#options,
      log,
      places: this.#places,
      budget: this.#budget,
    });
    this.#followed.set(key, pods);
    return pods;
  }
}
