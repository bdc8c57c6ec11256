import type { ServerResponse } from 'node:http';
import { startHttpServer } from './loopback-server.ts';
import { secret } from './secrets.ts';

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Is sent as JSON; by default a new token that lives for 60 s. */
  readonly body?: unknown;
}

export interface ScriptedTokenServer {
  /** Of the token endpoint. */
  readonly url: string;
  /** When each request came, by `performance.now()`. */
  readonly times: readonly number[];
  /** The shortest time between two requests, Infinity for fewer than two. */
  shortestGap(): number;
  stop(): Promise<void>;
}

/** A body with a token that has never been seen before. */
export function newToken(expiresIn: unknown = 60): object {
  return { access_token: secret('access-token'), token_type: 'Bearer', expires_in: expiresIn };
}

/** A token endpoint on loopback that answers as it is told, the first request being number 0. */
export async function startScriptedTokenServer(
  answer: (request: number) => ScriptedAnswer,
): Promise<ScriptedTokenServer> {
  const times: number[] = [];
  const server = await startHttpServer((request, response) => {
    times.push(performance.now());
    const { status = 200, headers = {}, body = newToken() } = answer(times.length - 1);
    request.resume().on('end', () => send(response, { status, headers, body }));
  });
  return {
    url: `${server.url}/token`,
    times,
    shortestGap: () => Math.min(...times.slice(1).map((time, index) => time - (times[index] ?? 0))),
    stop: () => server.stop(),
  };
}

function send(response: ServerResponse, { status, headers, body }: Required<ScriptedAnswer>): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
