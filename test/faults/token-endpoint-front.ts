import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { startHttpServer } from '../support/loopback-server.ts';
import { registerSecret } from '../support/secrets.ts';

type Fields = Readonly<Record<string, unknown>>;

/** An answer instead of the server's own, or a change of the fields of its own. Undefined leaves that as it is. */
export type FrontAnswer =
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** An object is sent as JSON. */
      readonly body?: string | Buffer | object;
    }
  | { readonly rewrite: (fields: Fields) => object }
  | undefined;

export interface SeenTokenRequest {
  /** By `performance.now()`. */
  readonly at: number;
  readonly form: URLSearchParams;
}

/** Stands before a real token endpoint, counts what passes, and changes answers if a test wants it. */
export interface TokenEndpointFront {
  /** Of the token endpoint. */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly SeenTokenRequest[];
  /** The most requests in flight at a time for one token. */
  readonly mostInFlight: number;
  /** Answers by the number of the request, from zero. */
  answer: (request: number, form: URLSearchParams) => FrontAnswer | Promise<FrontAnswer>;
  /** Called with each answer of the server before it is sent. */
  beforeAnswer: () => Promise<unknown>;
  stop(): Promise<void>;
}

/** Fields that differ between two requests for one token. */
const CHANGING = ['refresh_token', 'client_assertion'];

/** Starts a front before the token endpoint with this URL. It distinguishes tokens by the constant fields of their requests. */
export async function startTokenEndpointFront(target: string): Promise<TokenEndpointFront> {
  const requests: SeenTokenRequest[] = [];
  const inFlight = new Map<string, number>();
  let mostInFlight = 0;
  const server = await startHttpServer((request, response) => {
    void pass(request, response).catch(() => response.destroy());
  });
  const front: TokenEndpointFront = {
    url: `${server.url}/token`,
    port: server.port,
    requests,
    get mostInFlight() {
      return mostInFlight;
    },
    answer: () => undefined,
    beforeAnswer: async () => undefined,
    stop: () => server.stop(),
  };

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const headers = { authorization: request.headers.authorization ?? '', 'content-type': contentTypeOf(request) };
    // A GET only tries whether the server answers.
    if (request.method !== 'POST') {
      response.writeHead((await fetch(target)).status).end();
      return;
    }
    const form = new URLSearchParams(body.toString());
    const number = requests.push({ at: performance.now(), form }) - 1;
    const token = JSON.stringify([...form].filter(([field]) => !CHANGING.includes(field)));
    const count = (by: number): number => {
      const present = (inFlight.get(token) ?? 0) + by;
      inFlight.set(token, present);
      return present;
    };
    mostInFlight = Math.max(mostInFlight, count(1));
    response.on('close', () => count(-1));
    const scripted = await front.answer(number, form);
    if (scripted !== undefined && !('rewrite' in scripted)) return send(response, scripted);
    const answer = await fetch(target, { method: 'POST', headers, body });
    const text = await answer.text();
    await front.beforeAnswer();
    const fields = JSON.parse(text) as Fields;
    for (const kind of ['access_token', 'refresh_token']) {
      if (typeof fields[kind] === 'string') registerSecret(fields[kind]);
    }
    send(response, { status: answer.status, body: scripted === undefined ? text : scripted.rewrite(fields) });
  }
  return front;
}

function contentTypeOf({ headers }: IncomingMessage): string {
  return headers['content-type'] ?? 'application/x-www-form-urlencoded';
}

function send(response: ServerResponse, answer: Exclude<FrontAnswer, undefined | { rewrite: unknown }>): void {
  const { status = 200, headers = {}, body = '' } = answer;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
}
