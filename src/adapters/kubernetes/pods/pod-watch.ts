import type { Ms } from '../../../core/token.ts';
import type { SelectedPods } from '../../../ports/execution-state.ts';
import type { ApiServer } from '../api/api-server.ts';
import type { CollectionObservationOptions } from '../api/collection-observation.ts';
import type { PodFacts } from './pod-facts.ts';
import { listPods, observePods } from './pod-observation.ts';

/** The pods of one selector, followed while someone subscribes. */
export interface PodWatch {
  /** The latest finding; `undefined` while it is unknown: nobody subscribes, it was not read yet, or the API server is unavailable. */
  pods(): readonly PodFacts[] | undefined;
  /** A sentence why the pods are unknown; empty if they are known, or were not read yet. */
  readonly because: string;
  /** Calls back after a change of what is kept of the pods, or of whether it is known; the return value stops it. */
  subscribe(changed: () => void): () => void;
}

/** The selectors that are followed, each once, however many subscribe. */
export interface PodWatches {
  /** `selector`: as kubectl takes it; empty: all pods of the namespace. */
  get(namespace: string, selector: string): PodWatch;
  /** What is known now, or else is read once. Throws StoreError. */
  look(namespace: string, selector: string): Promise<readonly PodFacts[]>;
  /** Ends all watches. */
  close(): void;
}

interface Followed {
  readonly observation: ReturnType<typeof observePods>;
  readonly listeners: Set<() => void>;
}

/** How long a watch continues without subscribers: a changed configuration unsubscribes and subscribes again immediately. */
const LINGER: Ms = 2000;

export function createPodWatches(api: ApiServer, options: CollectionObservationOptions): PodWatches {
  const followed = new Map<string, Followed>();

  function follow(key: string, app: SelectedPods): Followed {
    const listeners = new Set<() => void>();
    const changed = (): void => {
      for (const listener of Array.from(listeners)) listener();
    };
    const one = { observation: observePods(api, app, { ...options, changed }), listeners };
    followed.set(key, one);
    void one.observation.run();
    return one;
  }

  async function leave(key: string, one: Followed): Promise<void> {
    if (one.listeners.size > 0) return;
    await options.clock.wait(LINGER);
    if (one.listeners.size > 0 || followed.get(key) !== one) return;
    followed.delete(key);
    one.observation.stop();
  }

  function get(namespace: string, selector: string): PodWatch {
    const key = `${namespace} ${selector}`;
    return {
      pods: () => followed.get(key)?.observation.found,
      get because() {
        return followed.get(key)?.observation.because ?? '';
      },
      subscribe(changed) {
        const one = followed.get(key) ?? follow(key, { namespace, selector });
        const listener = (): void => changed();
        one.listeners.add(listener);
        return () => {
          if (one.listeners.delete(listener)) void leave(key, one);
        };
      },
    };
  }

  return {
    get,
    look: async (namespace, selector) =>
      get(namespace, selector).pods() ?? (await listPods(api, { namespace, selector })).items,
    close() {
      for (const { observation } of followed.values()) observation.stop();
      followed.clear();
    },
  };
}
