import type { RequestContext, V1ObjectMeta } from '@kubernetes/client-node';
import type { Ms } from '../../../core/token.ts';
import { KubeConfig, Watch } from './client-library.ts';

/** Media type that keeps the data of objects out of answers: of a patch, and of watches. */
export const METADATA = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';

/** What can be watched. */
export interface Watched {
  readonly metadata?: V1ObjectMeta;
}

export interface WatchEvent<Kind extends Watched> {
  readonly type: string;
  /** A bookmark only has metadata; an error has a Status. */
  readonly object: Kind;
}

export interface WatchRequest<Kind extends Watched> {
  readonly path: string;
  /** Media type of the answer; left out: whole objects. */
  readonly accept?: string;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** After so long without a byte the connection is taken for dead. */
  readonly silence: Ms;
  readonly signal: AbortSignal;
  readonly opened: () => void;
  readonly event: (event: WatchEvent<Kind>) => void;
}

/**
 * One watch, to its end: closed by the server, silent, or aborted. Throws what it failed with: an error with a
 * `statusCode`, or one of the network.
 */
export function watchOnce<Kind extends Watched>(kubeConfig: KubeConfig, request: WatchRequest<Kind>): Promise<void> {
  const { path, parameters, silence, signal, opened, event } = request;
  const watch = new Watch(request.accept === undefined ? kubeConfig : new Accepting(kubeConfig, request.accept));
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
    const take = (type: string, object: Kind): void => {
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

/** client-node's Watch requests whole objects. It takes its headers from here. */
class Accepting extends KubeConfig {
  readonly #inner: KubeConfig;
  readonly #accept: string;

  constructor(inner: KubeConfig, accept: string) {
    super();
    this.#inner = inner;
    this.#accept = accept;
  }

  override getCurrentCluster(): ReturnType<KubeConfig['getCurrentCluster']> {
    return this.#inner.getCurrentCluster();
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await this.#inner.applySecurityAuthentication(context);
    context.setHeaderParam('Accept', this.#accept);
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
