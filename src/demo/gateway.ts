import type { IncomingMessage, ServerResponse } from 'node:http';
import { isBearerToken } from '../core/bearer.ts';
import { type Sha256, sha256 } from '../core/token.ts';
import { forward } from './forward.ts';
import { type IntrospectionClient, isActive } from './introspection.ts';
import { closeServer, createDemoServer, type Listening, listen } from './listener.ts';
import { sendProblem } from './problem.ts';

/** The gateway's verdict on the token of one request. */
export interface GatewayVerdict {
  /** `undefined` where there was no token. */
  readonly sha256: Sha256 | undefined;
  /** 200 if the request was let through, whatever the service then answers. */
  readonly status: 200 | 400 | 401 | 503;
}

export interface GatewayOptions extends Listening {
  /** Of the service behind: scheme, host and port. */
  readonly service: string;
  readonly introspection: IntrospectionClient;
  /** Default: `incident-desk`. */
  readonly realm?: string;
  /** Bytes of a request's body, default 1 MiB. */
  readonly bodyLimit?: number;
  /** While true, the gateway rejects every token, without asking the authorization server. */
  readonly rejectAll?: () => boolean;
  readonly onVerdict?: (verdict: GatewayVerdict) => void;
}

export interface Gateway {
  /** `http://127.0.0.1:PORT`, by default. */
  readonly url: string;
  stop(): Promise<void>;
}

type Finding =
  | { readonly kind: 'none' | 'several' }
  | { readonly kind: 'malformed' | 'present'; readonly token: string };

/**
 * Starts an API gateway, on loopback by default: it asks the authorization server about the token of every
 * request, keeps no answer, and lets only those through whose token is in force. The service never sees the token.
 *
 * No token: 401 with a bare challenge; one that is malformed, expired, revoked or unknown: 401 `invalid_token`;
 * several Authorization headers: 400 `invalid_request` (RFC 6750 section 3); authorization server unreachable: 503.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const server = createDemoServer(options.tls, (request, response) => void answer(options, request, response));
  const url = await listen(server, options);
  return { url, stop: () => closeServer(server) };
}

async function answer(options: GatewayOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { service, realm = 'incident-desk', bodyLimit = 1024 * 1024, onVerdict } = options;
  const finding = tokenOf(request);
  const status = await judge(options, finding);
  onVerdict?.({ sha256: 'token' in finding ? sha256(finding.token) : undefined, status });
  if (status === 200) forward({ request, response, to: service, withhold: ['authorization'], bodyLimit });
  else challenge(response, { status, finding, realm });
}

/** RFC 6750 section 2.1; the other two ways of sending a token are not accepted. */
function tokenOf(request: IncomingMessage): Finding {
  const headers = request.headersDistinct['authorization'] ?? [];
  if (headers.length > 1) return { kind: 'several' };
  const token = /^bearer +(.*)$/i.exec(headers[0] ?? '')?.[1];
  if (token === undefined) return { kind: 'none' };
  return { kind: isBearerToken(token) ? 'present' : 'malformed', token };
}

async function judge(
  { introspection, rejectAll = () => false }: GatewayOptions,
  finding: Finding,
): Promise<GatewayVerdict['status']> {
  if (finding.kind === 'several') return 400;
  if (finding.kind !== 'present' || rejectAll()) return 401;
  try {
    return (await isActive(introspection, finding.token)) ? 200 : 401;
  } catch {
    return 503;
  }
}

interface Refusal {
  readonly status: 400 | 401 | 503;
  readonly finding: Finding;
  readonly realm: string;
}

function challenge(response: ServerResponse, { status, finding, realm }: Refusal): void {
  if (status === 503) {
    sendProblem(response, 503, 'The authorization server cannot check the token.', { 'retry-after': '1' });
    return;
  }
  const error = status === 400 ? 'invalid_request' : finding.kind === 'none' ? undefined : 'invalid_token';
  const value = error === undefined ? `Bearer realm="${realm}"` : `Bearer realm="${realm}", error="${error}"`;
  sendProblem(response, status, DETAILS[error ?? 'none'], { 'www-authenticate': value });
}

const DETAILS = {
  none: 'This service is for holders of an access token.',
  invalid_token: 'The access token is malformed, expired, revoked or unknown.',
  invalid_request: 'One request takes one Authorization header.',
} as const;
