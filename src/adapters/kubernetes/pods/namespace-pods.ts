import type { Ms } from '../../../core/token.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { SelectedPods } from '../../../ports/execution-state.ts';
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

  /**
   * Those of the client app as they are watched, and all others of its namespace, at most 5 s old. Without the others
   * where they cannot be read. Throws StoreError where nothing is known.
   */
  async look({ namespace, selector }: SelectedPods): Promise<readonly PodFacts[]> {
    const selected = this.#watches.get(namespace, selector).pods();
    try {
      const all = [...(await this.#all(namespace)), ...(selected ?? [])];
      return [...new Map(all.map((pod) => [pod.uid, pod])).values()];
    } catch (error) {
      if (selected === undefined) throw error;
      return selected;
    }
  }

  #all(namespace: string): Promise<readonly PodFacts[]> {
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
