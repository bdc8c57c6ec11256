import { readFileSync } from 'node:fs';
import { request as requestTls } from 'node:https';
import { pipeline } from 'node:stream';
import type { KubeConfig } from '@kubernetes/client-node';
import { startHttpServer } from '../../support/loopback-server.ts';

/** A request that passed. */
export interface Passed {
  /** By `performance.now()`. */
  readonly at: number;
  readonly method: string;
  /** Without what follows a `?`. */
  readonly path: string;
}

/** Stands before the API server on loopback, and counts what one process asks of it. */
export interface CountingProxy {
  readonly url: string;
  readonly passed: readonly Passed[];
  /** Those whose path has this in it, since then. */
  since(at: number, part?: string): readonly Passed[];
  stop(): Promise<void>;
}

export async function startCountingProxy(cluster: KubeConfig): Promise<CountingProxy> {
  const server = cluster.getCurrentCluster();
  if (server === null) throw new Error('The kubeconfig of the cluster has no current context.');
  const ca = server.caData === undefined ? readFileSync(server.caFile ?? '') : Buffer.from(server.caData, 'base64');
  const passed: Passed[] = [];
  const { url, stop } = await startHttpServer((incoming, response) => {
    const target = new URL(incoming.url ?? '/', server.server);
    const method = incoming.method ?? 'GET';
    passed.push({ at: performance.now(), method, path: target.pathname });
    const headers = { ...incoming.headers, host: target.host };
    const outgoing = requestTls(target, { method, headers, ca, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => {});
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    pipeline(incoming, outgoing, () => {});
  });
  return {
    url,
    passed,
    since: (at, part = '') => passed.filter((one) => one.at >= at && one.path.includes(part)),
    stop,
  };
}
