import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createHttpTokenEndpoint,
  type HttpTokenEndpointOptions,
} from '../../src/adapters/protocols/http-token-endpoint.ts';
import type { TokenEndpoint, TokenRequest } from '../../src/ports/token-endpoint.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { protocolRow } from '../../src/token-acquirer/configuration/protocols.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { type LoopbackServer, startHttpServer } from './loopback-server.ts';
import { buildCredential, type CredentialValues } from './token-requests.ts';

/** The endpoint of one authorization server, from its configuration, and the requests for one token of it. */
export interface Configured {
  readonly endpoint: TokenEndpoint;
  readonly needs: readonly string[];
  request(values: CredentialValues): TokenRequest;
}

/** Configures the authorization server `corporate`, and one token of it. */
export function configured(
  corporate: { readonly protocol: string },
  token: object = {},
  options: Partial<HttpTokenEndpointOptions> = {},
): Configured {
  const secret = { namespace: 'billing', name: 'billing-tokens' };
  const one = { name: 'partner', authorizationServer: 'corporate', credential: 'dynamics', secret, ...token };
  const text = JSON.stringify({ authorizationServers: { corporate }, tokens: [one] });
  const { servers, tokens } = parseConfiguration(text, '/etc/token-acquirer/config.yaml');
  const { http } = protocolRow(corporate);
  const [specification] = tokens;
  if (http === undefined || specification === undefined) throw new Error('This is no protocol of HTTP requests.');
  return {
    endpoint: createHttpTokenEndpoint(http, servers, { clock: createFakeClock(), ...options }),
    needs: specification.neededKeys,
    request: (values) => ({
      ...specification.demand,
      authorizationServer: 'corporate',
      credential: buildCredential(values),
    }),
  };
}

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, or as it is where it is a text. */
  readonly body?: unknown;
}

/** A server that records its requests, and answers each one as the test says. */
export interface ScriptedServer extends LoopbackServer {
  readonly received: ReceivedRequest[];
  /** Answers wait from now on. */
  hold(): void;
  release(): void;
}

export async function startScriptedServer(
  answerTo: (request: ReceivedRequest) => ScriptedAnswer,
): Promise<ScriptedServer> {
  const received: ReceivedRequest[] = [];
  let held: (() => void)[] | undefined;
  const server = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (part: Buffer) => {
      body += part.toString();
    });
    incoming.on('end', () => {
      const request = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body };
      received.push(request);
      const answer = (): void => send(response, answerTo(request));
      if (held === undefined) answer();
      else held.push(answer);
    });
  });
  return {
    ...server,
    received,
    hold: () => {
      held = [];
    },
    release: () => {
      for (const answer of held ?? []) answer();
      held = undefined;
    },
  };
}

function send(response: ServerResponse, { status = 200, headers = {}, body = {} }: ScriptedAnswer): void {
  response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
}
