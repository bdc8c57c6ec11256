import type { Execution, ExecutionState, SelectedPods } from '../../ports/execution-state.ts';
import { frozenWarnings, isRunning } from './pod-facts.ts';
import type { PodWatches } from './pod-watch.ts';

/** Whether client apps run, told by their pods: one that is Pending or Running and not about to go is enough. */
export function createPodExecutionState(watches: PodWatches): ExecutionState<SelectedPods> {
  function observe({ namespace, selector }: SelectedPods): Execution {
    const pods = watches.get(namespace, selector).pods();
    if (pods === undefined) return 'unknown';
    return pods.some(isRunning) ? 'running' : 'stopped';
  }

  return {
    observe,

    watch(app, changed) {
      let last = observe(app);
      return watches.get(app.namespace, app.selector).subscribe(() => {
        const execution = observe(app);
        if (execution === last) return;
        last = execution;
        changed();
      });
    },

    warnings({ namespace, selector }, secret) {
      const watch = watches.get(namespace, selector);
      const pods = watch.pods();
      if (pods === undefined) return watch.because === '' ? [] : [watch.because];
      return secret.namespace === namespace ? frozenWarnings(pods, secret.secret) : [];
    },
  };
}
