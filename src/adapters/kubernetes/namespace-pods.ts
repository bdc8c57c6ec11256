import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PodFacts } from './pod-facts.ts';
import type { PodWatches } from './pod-watch.ts';

/** How long one list serves all Secrets of its namespace. */
const SHARED: Ms = 5000;

/**
 * All pods of a namespace, read when they are needed. A watch of each namespace would hold a connection for pods that
 * matter at a few moments only.
 */
export class NamespacePods {
  readonly #watches: PodWatches;
  readonly #clock: Pick<Clock, 'wait'>;
  readonly #lists = new Map<string, Promise<readonly PodFacts[]>>();

  constructor(watches: PodWatches, clock: Pick<Clock, 'wait'>) {
    this.#watches = watches;
    this.#clock = clock;
  }

  /** At most 5 s old. Throws StoreError. */
  look(namespace: string): Promise<readonly PodFacts[]> {
    const known = this.#watches.get(namespace, '').pods();
    if (known !== undefined) return Promise.resolve(known);
    const shared = this.#lists.get(namespace);
    if (shared !== undefined) return shared;
    const list = this.#watches.look(namespace, '');
    this.#lists.set(namespace, list);
    const forget = (): void => void this.#lists.delete(namespace);
    list.then(() => this.#clock.wait(SHARED)).then(forget, forget);
    return list;
  }
}
