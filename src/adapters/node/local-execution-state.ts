import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Execution, ExecutionState, LocalApp } from '../../ports/execution-state.ts';
import { lookAtHealthUrl } from './health-url.ts';
import { lookAtPidFile } from './pid-file.ts';

export interface LocalExecutionStateOptions {
  readonly clock: Pick<Clock, 'wait'>;
  /** From the end of one look to the next, 1000 ms by default. */
  readonly interval?: Ms;
  /** How long a health URL may take to answer before the state counts as unknown, 2000 ms by default. */
  readonly timeout?: Ms;
}

const DEFAULT_INTERVAL: Ms = 1000;
const DEFAULT_TIMEOUT: Ms = 2000;

interface Watched {
  execution: Execution;
  readonly listeners: Set<() => void>;
  readonly stop: AbortController;
}

/**
 * Observes whether client apps run, by a health URL or a PID file. However many watch one client app, it is checked once per
 * interval, and only while somebody watches it.
 */
export function createLocalExecutionState(options: LocalExecutionStateOptions): ExecutionState<LocalApp> {
  const { clock, interval = DEFAULT_INTERVAL, timeout = DEFAULT_TIMEOUT } = options;
  const apps = new Map<string, Watched>();

  async function keepLooking(app: LocalApp, watched: Watched): Promise<void> {
    const { signal } = watched.stop;
    while (!signal.aborted) {
      const found =
        'healthUrl' in app ? await lookAtHealthUrl(app.healthUrl, timeout, signal) : lookAtPidFile(app.pidFile);
      if (signal.aborted) return;
      const changed = found !== watched.execution;
      watched.execution = found;
      if (changed) for (const listen of Array.from(watched.listeners)) listen();
      await clock.wait(interval, signal);
    }
  }

  function begin(key: string, app: LocalApp): Watched {
    const watched: Watched = { execution: 'unknown', listeners: new Set(), stop: new AbortController() };
    apps.set(key, watched);
    void keepLooking(app, watched);
    return watched;
  }

  return {
    observe: (app) => apps.get(keyOf(app))?.execution ?? 'unknown',

    findings: () => [],

    watch(app, changed) {
      const key = keyOf(app);
      const watched = apps.get(key) ?? begin(key, app);
      const listener = (): void => changed();
      watched.listeners.add(listener);
      return () => {
        if (!watched.listeners.delete(listener) || watched.listeners.size > 0) return;
        apps.delete(key);
        watched.stop.abort();
      };
    },
  };
}

function keyOf(app: LocalApp): string {
  return 'healthUrl' in app ? `url ${app.healthUrl}` : `file ${app.pidFile}`;
}
