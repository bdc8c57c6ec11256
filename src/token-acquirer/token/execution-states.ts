import type { AppPods, ClientApp, ExecutionState, LocalApp } from '../../ports/execution-state.ts';

/** Pods are asked of the cluster, everything else of this machine. Without a cluster nothing is known of pods. */
export function executionStates(
  local: ExecutionState<LocalApp>,
  pods: ExecutionState<AppPods> | undefined,
): ExecutionState {
  return {
    observe: (app) => (isSelection(app) ? (pods?.observe(app) ?? 'unknown') : local.observe(app)),
    watch: (app, changed) =>
      isSelection(app) ? (pods?.watch(app, changed) ?? (() => undefined)) : local.watch(app, changed),
    findings: (app, secret) => (isSelection(app) ? (pods?.findings(app, secret) ?? []) : local.findings(app, secret)),
  };
}

function isSelection(app: ClientApp): app is AppPods {
  return 'selector' in app;
}
