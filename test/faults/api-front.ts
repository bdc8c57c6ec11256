import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as requestTls } from 'node:https';
import { pipeline } from 'node:stream';
import type { KubeConfig } from '@kubernetes/client-node';
import { startHttpServer } from '../support/loopback-server.ts';

/** A request of one process to the API server. */
export interface ApiRequest {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/**
 * What becomes of a request. `pass`: the API server answers. `silent`: nobody ever does. `break`: the connection breaks after the
 * beginning of an answer. A status is answered instead of the server; with `committed` after the server has executed the request.
 */
export type ApiFate =
  | 'pass'
  | 'silent'
  | 'break'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly committed?: boolean };

/** Stands before the real API server on loopback. */
export interface ApiFront {
  readonly port: number;
  readonly url: string;
  readonly requests: readonly ApiRequest[];
  fate: (request: ApiRequest) => ApiFate;
  stop(): Promise<void>;
}

export async function startApiFront(cluster: KubeConfig): Promise<ApiFront> {
  const server = cluster.getCurrentCluster();
  if (server === null) throw new Error('The kubeconfig of the cluster has no current context.');
  const ca = server.caData === undefined ? readFileSync(server.caFile ?? '') : Buffer.from(server.caData, 'base64');
  const requests: ApiRequest[] = [];
  const { url, port, stop } = await startHttpServer((incoming, response) => {
    const target = new URL(incoming.url ?? '/', server.server);
    const request = { method: incoming.method ?? 'GET', path: target.pathname, query: target.searchParams };
    requests.push(request);
    const fate = front.fate(request);
    if (fate === 'silent') incoming.resume();
    else if (typeof fate === 'object' && fate.committed !== true) answer(incoming.resume(), response, fate);
    else forward({ incoming, response, target, ca }, fate);
  });
  const front: ApiFront = { url, port, requests, fate: () => 'pass', stop };
  return front;
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: URL;
  readonly ca: string | Buffer;
}

function forward({ incoming, response, target, ca }: Exchange, fate: ApiFate): void {
  const headers = { ...incoming.headers, host: target.host };
  const method = incoming.method ?? 'GET';
  const outgoing = requestTls(target, { method, headers, ca, agent: false }, (given) => {
    if (typeof fate === 'object') return answer(given.resume(), response, fate);
    response.writeHead(given.statusCode ?? 502, given.headers);
    pipeline(given, response, () => {});
    if (fate === 'break') setTimeout(() => response.destroy(), 300);
  });
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  pipeline(incoming, outgoing, () => {});
}

/** Answers with a Status when the other side has said everything. */
function answer(
  other: IncomingMessage,
  response: ServerResponse,
  { status, headers = {} }: Extract<ApiFate, object>,
): void {
  other.once('end', () => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, message: 'A test says so.' };
    response.end(JSON.stringify(body));
  });
}
