import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { ReissueError } from '../../src/core/errors.ts';
import type { ReissueCause } from '../../src/core/reissue.ts';
import type { Ms } from '../../src/core/token.ts';
import { documentOf } from '../../src/core/token-volume.ts';
import type { Reissuer } from '../../src/ports/reissuer.ts';
import type { ServerCertificate } from './certificates.ts';
import { type LoopbackServer, startHttpServer } from './loopback-server.ts';

export interface ReissueServerOptions {
  /** The reissuer behind the endpoint. */
  readonly reissuer: Reissuer;
  /** The accepted callers. */
  readonly callerToken: string;
  readonly certificate?: ServerCertificate;
}

export interface ReissueServer extends LoopbackServer {
  /** The header `traceparent` of each reissue call. */
  readonly traceparents: (string | undefined)[];
}

interface RequestBody {
  readonly rejected_sha256?: string;
  readonly error?: string;
  readonly cause?: ReissueCause;
}

const PATH = /^\/v1\/namespaces\/billing\/secrets\/billing-tokens\/tokens\/([^/]+?)(\/reissue)?$/;

/** Starts a reissue endpoint that follows the contract: paths, bearer, documents and problem+json. */
export async function startReissueServer(options: ReissueServerOptions): Promise<ReissueServer> {
  const traceparents: (string | undefined)[] = [];
  const server = await startHttpServer((request, response) => {
    if (request.method === 'POST') traceparents.push(request.headersDistinct['traceparent']?.join());
    void answer(options, request, response);
  }, options.certificate);
  return { ...server, traceparents };
}

async function answer(
  options: ReissueServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.headers.authorization !== `Bearer ${options.callerToken}`) throw refusal(401);
    const [, name, verb] = PATH.exec(request.url ?? '') ?? [];
    if (name === undefined) throw refusal(403);
    if (request.method === 'GET' && verb === undefined) return send(response, 200, await current(options, name));
    if (request.method !== 'POST' || verb === undefined) throw refusal(403);
    const body = JSON.parse(await text(request)) as RequestBody;
    if (typeof body.rejected_sha256 !== 'string' || body.error !== 'invalid_token') throw refusal(400);
    return send(response, 200, await reissue(options, name, body));
  } catch (error) {
    const { status = 500, retryAfter } = error instanceof ReissueError ? error : refusal(500);
    if (retryAfter !== undefined) response.setHeader('retry-after', String(Math.ceil(retryAfter / 1000)));
    response.setHeader('content-type', 'application/problem+json');
    return send(response, status, JSON.stringify({ type: 'about:blank', title: 'No', status, code: 'some_code' }));
  }
}

async function current({ reissuer }: ReissueServerOptions, name: string): Promise<string> {
  const token = await reissuer.current(name);
  return JSON.stringify({ ...documentOf(token), expires_in: secondsOf(token.expiresIn) });
}

async function reissue({ reissuer }: ReissueServerOptions, name: string, body: RequestBody): Promise<string> {
  const given = await reissuer.reissue(name, body.rejected_sha256 ?? '', { cause: body.cause });
  return JSON.stringify({
    outcome: given.outcome,
    stored: given.stored,
    generation: given.generation,
    issued_at: new Date(given.issuedAt).toISOString(),
    expires_at: new Date(given.expiresAt).toISOString(),
    expires_in: secondsOf(given.expiresIn),
    access_token: given.accessToken?.reveal(),
    header: given.header,
  });
}

function secondsOf(left: Ms | undefined): number | undefined {
  return left === undefined ? undefined : Math.floor(left / 1000);
}

function refusal(status: number): ReissueError {
  return new ReissueError(`The test server answered ${status}.`, { status });
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { ...(status === 200 && { 'content-type': 'application/json' }) }).end(body);
}
