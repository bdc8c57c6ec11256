import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { listenOnLoopback } from '../../../src/demo/listener.ts';
import type { Scope } from '../benchmark.ts';

/** A token endpoint that can be cut off, and a service that accepts its tokens while they live. */
export interface FailingServer {
  readonly tokenEndpoint: string;
  readonly service: string;
  /** From now on token requests get no answer, or get one again. */
  cutOff(isCutOff: boolean): void;
  readonly requests: { answered: number; failed: number };
}

/** Starts it; it goes with the scope. `lifetime`: of its tokens, in seconds. */
export async function startFailingServer(scope: Scope, lifetime: number): Promise<FailingServer> {
  const expiries = new Map<string, number>();
  const requests = { answered: 0, failed: 0 };
  let isOff = false;
  const issue = (response: ServerResponse): void => {
    requests.answered += 1;
    const token = randomUUID();
    expiries.set(`Bearer ${token}`, Date.now() + 1000 * lifetime);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: lifetime }));
  };
  const server = createServer((request, response) => {
    request.resume();
    if (request.url !== '/token') {
      const expiry = expiries.get(request.headers.authorization ?? '') ?? 0;
      response.writeHead(expiry > Date.now() ? 200 : 401).end();
    } else if (isOff) {
      requests.failed += 1;
      request.socket.destroy();
    } else issue(response);
  });
  const url = await listenOnLoopback(server);
  scope.add(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    tokenEndpoint: `${url}/token`,
    service: `${url}/incidents`,
    cutOff: (now) => (isOff = now),
    requests,
  };
}
