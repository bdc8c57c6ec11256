import { type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import type { Execution } from '../../ports/execution-state.ts';

/**
 * `running` for any HTTP answer, a 503 included: whether a client app is ready never counts, and one that is not may be
 * waiting for its token. `stopped` where the connection is refused. `unknown` where there is no answer in time, no such
 * host, or anything else.
 */
export function lookAtHealthUrl(url: string, timeout: Ms, stop: AbortSignal): Promise<Execution> {
  return new Promise((resolve) => {
    const end = (): void => finish('unknown');
    const timer = setTimeout(end, timeout).unref();
    stop.addEventListener('abort', end, { once: true });
    const request = startRequest(url);
    request?.on('response', () => finish('running'));
    request?.on('error', (error) => finish(systemCode(error) === 'ECONNREFUSED' ? 'stopped' : 'unknown'));
    if (request === undefined || stop.aborted) end();

    function finish(execution: Execution): void {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
      request?.destroy();
      resolve(execution);
    }
  });
}

function startRequest(url: string): ClientRequest | undefined {
  try {
    const request = url.startsWith('https:') ? requestHttps : requestHttp;
    // A connection of its own each time: a kept one would speak for a process that no longer listens.
    return request(url, { agent: false }).end();
  } catch {
    return undefined;
  }
}
