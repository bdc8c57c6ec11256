import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type LoopbackServer, startHttpServer } from './loopback-server.ts';
import { secret } from './secrets.ts';

/** An authorization server and a gateway that know when each token was issued. */
export interface DatedTokens {
  readonly tokenEndpoint: string;
  readonly gateway: LoopbackServer;
  /** Token requests by their scope. */
  readonly requests: Map<string, number>;
  readonly revoked: Set<string>;
  /** The time after its issue at which the gateway begins to accept a token. */
  late: number;
  /** Whether the gateway rejects every token. */
  rejectsAll: boolean;
  stop(): Promise<void>;
}

/** Tokens live for `lifetime` seconds, from their issue. */
export async function startDatedTokens(lifetime: number): Promise<DatedTokens> {
  const issued = new Map<string, number>();
  const requests = new Map<string, number>();
  const revoked = new Set<string>();
  const answerToken = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const scope = new URLSearchParams(await text(request)).get('scope') ?? '';
    requests.set(scope, (requests.get(scope) ?? 0) + 1);
    const token = secret('access-token');
    issued.set(token, Date.now());
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: lifetime }));
  };
  const server = await startHttpServer((request, response) => void answerToken(request, response));
  const gateway = await startHttpServer((request, response) => {
    const token = (request.headers.authorization ?? '').slice('Bearer '.length);
    const age = Date.now() - (issued.get(token) ?? Number.POSITIVE_INFINITY);
    const takes = !parts.rejectsAll && !revoked.has(token) && age >= parts.late && age < lifetime * 1000;
    if (takes) response.end('done');
    else response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
  });
  const parts: DatedTokens = {
    tokenEndpoint: `${server.url}/token`,
    gateway,
    requests,
    revoked,
    late: 0,
    rejectsAll: false,
    async stop() {
      await Promise.all([server.stop(), gateway.stop()]);
    },
  };
  return parts;
}
