import type { ServerResponse } from 'node:http';
import { startHttpServer } from './loopback-server.ts';
import { secret } from './secrets.ts';

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, sent as JSON. By default a new token that lives for 60 s. */
  readonly body?: unknown;
  /** Before the answer, in milliseconds; none by default. */
  readonly delay?: number;
}

export interface ScriptedTokenServer {
  /** The URL of the token endpoint. */
  readonly url: string;
  /** The time of each request, by `performance.now()`. */
  readonly times: readonly number[];
  /** Returns the shortest time between two requests, or Infinity for fewer than two. */
  shortestGap(): number;
  stop(): Promise<void>;
}

/** Makes a body with a new token. */
export function newToken(expiresIn: unknown = 60): object {
  return { access_token: secret('access-token'), token_type: 'Bearer', expires_in: expiresIn };
}

/** Starts a token endpoint on loopback with scripted answers. The first request has the number 0. */
export async function startScriptedTokenServer(
  answer: (request: number) => ScriptedAnswer,
): Promise<ScriptedTokenServer> {
  const times: number[] = [];
  const server = await startHttpServer((request, response) => {
    times.push(performance.now());
    const { status = 200, headers = {}, body = newToken(), delay = 0 } = answer(times.length - 1);
    request.resume().on('end', () => {
      if (delay === 0) send(response, { status, headers, body });
      else setTimeout(() => send(response, { status, headers, body }), delay);
    });
  });
  return {
    url: `${server.url}/token`,
    times,
    shortestGap: () => Math.min(...times.slice(1).map((time, index) => time - (times[index] ?? 0))),
    stop: () => server.stop(),
  };
}

function send(response: ServerResponse, { status, headers, body }: Required<Omit<ScriptedAnswer, 'delay'>>): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
