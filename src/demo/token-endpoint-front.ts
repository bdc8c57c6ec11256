import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Ms } from '../core/token.ts';
import { forward } from './forward.ts';
import { closeServer, LIMITS, listenOnLoopback } from './listener.ts';
import type { TokenEndpointState } from './messages.ts';

/** One token request, as the network saw it. */
export interface TokenRequestSeen {
  /** `unknown` where the client did not authenticate with Basic. */
  readonly clientId: string;
  /** False: it never reached the authorization server. */
  readonly letThrough: boolean;
}

export interface TokenEndpointFront {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `down` breaks connections off, `failing` answers 500, `slow` takes its time. */
  set(state: TokenEndpointState): void;
  stop(): Promise<void>;
}

/** Enough to be noticed, and less than the token-acquirer's patience. */
export const SLOWNESS: Ms = 3000;

/**
 * Stands before the authorization server where token requests come in, so that an outage can concern only them:
 * the gateway goes on asking the authorization server about tokens, as a gateway that checks signatures would go on.
 */
export async function startTokenEndpointFront(
  authorizationServer: string,
  onRequest: (seen: TokenRequestSeen) => void,
): Promise<TokenEndpointFront> {
  let state: TokenEndpointState = 'normal';
  const server = createServer(LIMITS, (request, response) => {
    onRequest({ clientId: clientIdOf(request), letThrough: state === 'normal' || state === 'slow' });
    const pass = (): void => forward({ request, response, to: authorizationServer, bodyLimit: 64 * 1024 });
    if (state === 'down') request.socket.destroy();
    else if (state === 'failing') fail(request, response);
    else if (state === 'slow') later(response, pass);
    else pass();
  });
  const url = await listenOnLoopback(server);
  return {
    url,
    set: (value) => {
      state = value;
    },
    stop: () => closeServer(server),
  };
}

/** Of the error codes of RFC 6749 none says this; `server_error` is that of section 4.1.2.1. */
function fail(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"server_error"}\n');
}

/** Unless the client disconnects first. */
function later(response: ServerResponse, act: () => void): void {
  const timer = setTimeout(act, SLOWNESS);
  response.on('close', () => clearTimeout(timer));
}

/** RFC 6749 section 2.3.1: the client identifier is form-encoded before it goes into the header. */
function clientIdOf(request: IncomingMessage): string {
  const encoded = /^basic +(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (encoded === undefined) return 'unknown';
  const [clientId = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(':', 1);
  return new URLSearchParams(`id=${clientId}`).get('id') ?? 'unknown';
}
