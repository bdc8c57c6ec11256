import type { KubeConfig, V1Pod } from '@kubernetes/client-node';
import type { Ms } from '../../core/token.ts';
import { Watch } from './client-library.ts';

export interface PodEvent {
  readonly type: string;
  /** A pod; of a bookmark its metadata alone; of an error a Status. */
  readonly object: V1Pod & { readonly code?: number };
}

export interface WatchRequest {
  readonly path: string;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** After so long without a byte the connection is taken for dead. */
  readonly silence: Ms;
  readonly signal: AbortSignal;
  readonly opened: () => void;
  readonly event: (event: PodEvent) => void;
}

/**
 * One watch, to its end: closed by the server, silent, or aborted. Throws what it failed with: an error with a
 * `statusCode`, or one of the network.
 */
export function watchOnce(kubeConfig: KubeConfig, request: WatchRequest): Promise<void> {
  const { path, parameters, silence, signal, opened, event } = request;
  const watch = new Watch(kubeConfig);
  // Its own 30 s are less than the minute between bookmarks, so that each quiet watch would be opened twice a minute.
  Object.assign(watch, { requestTimeoutMs: silence });
  return new Promise((resolve, reject) => {
    let isOpen = false;
    let isOver = false;
    let connection: AbortController | undefined;

    function end(error?: unknown): void {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', abort);
      const harmless = error === undefined || error === null || signal.aborted || (isOpen && isTimeout(error));
      if (harmless) resolve();
      else reject(error instanceof Error ? error : new Error('The watch failed.'));
    }

    function abort(): void {
      connection?.abort();
      end();
    }

    signal.addEventListener('abort', abort);
    if (signal.aborted) return abort();
    const take = (type: string, object: PodEvent['object']): void => {
      if (!isOver) event({ type, object });
    };
    watch.watch(path, parameters, take, end).then((opening) => {
      connection = opening;
      if (isOver) return opening.abort();
      isOpen = true;
      opened();
    }, end);
  });
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
