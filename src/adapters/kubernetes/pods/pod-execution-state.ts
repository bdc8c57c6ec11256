import type { AppPods, ExecutionState } from '../../../ports/execution-state.ts';
import { ClientPods, type ClientPodsOptions } from './client-pods.ts';
import type { PodWatches } from './pod-watch.ts';

/**
 * Reports whether client apps run, by their pods. One pod that is Pending or Running and not being deleted is enough. It
 * counts if the selector selects it, or if it uses the token Secret: with `items` in its volume such a pod waits for its
 * first token, so a selector that misses it must not keep that token from being requested.
 */
export function createPodExecutionState(watches: PodWatches, options: ClientPodsOptions): ExecutionState<AppPods> {
  const followed = new Map<string, ClientPods>();

  function follow(key: string, app: AppPods): ClientPods {
    const one = new ClientPods(watches, app, options);
    followed.set(key, one);
    return one;
  }

  return {
    observe: (app) => followed.get(keyOf(app))?.execution ?? 'unknown',

    watch(app, changed) {
      const key = keyOf(app);
      const one = followed.get(key) ?? follow(key, app);
      const listener = (): void => changed();
      one.listeners.add(listener);
      return () => {
        if (!one.listeners.delete(listener) || one.listeners.size > 0) return;
        one.close();
        if (followed.get(key) === one) followed.delete(key);
      };
    },

    findings: (app, secret) => followed.get(keyOf(app))?.findings(secret) ?? [],
  };
}

function keyOf({ namespace, selector, secret = '' }: AppPods): string {
  return `${namespace} ${secret} ${selector}`;
}
