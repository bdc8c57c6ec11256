// A token endpoint that costs as little as one can: for benchmarks in which the server is not what is measured.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { listenOnLoopback } from '../../../src/demo/listener.ts';
import { servePart } from './part.ts';

interface Instructions {
  /** Seconds; the `expires_in` of every answer. */
  readonly lifetime: number;
  /** Of an access token in characters, 43 by default. */
  readonly length?: number;
}

/** How many requests there were, or when each came, by client: milliseconds of the machine's monotonic clock. */
export interface TokenServerAsk {
  readonly what: 'count' | 'times';
}

export interface TokenServerReady {
  readonly tokenEndpoint: string;
}

function clientIdOf({ headers }: IncomingMessage): string {
  const [id = ''] = Buffer.from(headers.authorization?.slice('Basic '.length) ?? '', 'base64')
    .toString()
    .split(':');
  return id;
}

servePart<Instructions, TokenServerAsk>(async ({ lifetime, length = 43 }) => {
  const times: [client: string, at: number][] = [];
  const server = createServer((request, response) => {
    times.push([clientIdOf(request), Number(process.hrtime.bigint()) / 1e6]);
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      const token = randomBytes(Math.ceil((length * 3) / 4))
        .toString('base64url')
        .slice(0, length);
      response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: lifetime }));
    });
  });
  const url = await listenOnLoopback(server);
  const ready: TokenServerReady = { tokenEndpoint: `${url}/token` };
  return { ready, answer: ({ what }) => (what === 'count' ? times.length : times) };
});
