import { createServer, type IncomingMessage } from 'node:http';
import { forward } from './forward.ts';
import { closeServer, LIMITS, listenOnLoopback } from './listener.ts';

/** One token request, as the network saw it. */
export interface TokenRequestSeen {
  /** `unknown` where the client did not authenticate with Basic. */
  readonly clientId: string;
  /** False: the connection was broken off, as while an authorization server is down. */
  readonly letThrough: boolean;
}

export interface TokenEndpointFront {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** While true, connections are broken off instead of answered. */
  setDown(down: boolean): void;
  stop(): Promise<void>;
}

/**
 * Stands before the authorization server where token requests come in, so that an outage can be had for them alone:
 * the gateway goes on asking the authorization server about tokens, as a gateway that checks signatures would go on.
 */
export async function startTokenEndpointFront(
  authorizationServer: string,
  onRequest: (seen: TokenRequestSeen) => void,
): Promise<TokenEndpointFront> {
  let down = false;
  const server = createServer(LIMITS, (request, response) => {
    onRequest({ clientId: clientIdOf(request), letThrough: !down });
    if (down) request.socket.destroy();
    else forward({ request, response, to: authorizationServer, bodyLimit: 64 * 1024 });
  });
  const url = await listenOnLoopback(server);
  return {
    url,
    setDown: (value) => {
      down = value;
    },
    stop: () => closeServer(server),
  };
}

/** RFC 6749 section 2.3.1: the client identifier is form-encoded before it goes into the header. */
function clientIdOf(request: IncomingMessage): string {
  const encoded = /^basic +(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (encoded === undefined) return 'unknown';
  const [clientId = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(':', 1);
  return new URLSearchParams(`id=${clientId}`).get('id') ?? 'unknown';
}
