import { type Agent, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Ms } from '../../core/token.ts';
import {
  checkedLookup,
  isLoopbackAddress,
  isRefusedAddress,
  literalAddress,
  type Resolve,
  resolveOnce,
} from './addresses.ts';
import { type ClientCertificate, exchange, type OutboundRequest } from './exchange.ts';
import { OutboundError } from './outbound-error.ts';

export type { ClientCertificate };

/**
 * One HTTP exchange over a connection of its own. Resolves with any complete answer, redirects and errors included,
 * and follows none. Throws OutboundError and nothing else.
 */
export type OutboundFetch = (url: string, request?: OutboundRequest) => Promise<Response>;

export interface OutboundOptions {
  /** For name, connection, request and answer together; default 10 s. */
  readonly timeout?: Ms;
  /** The longest body of an answer, in bytes, compressed or not; default 64 KiB. */
  readonly bodyLimit?: number;
  /** Certificates in PEM to trust instead of the public ones; asked for at each request. May throw OutboundError. */
  readonly ca?: () => string;
  /** `http://host:port` to tunnel https through. The environment's own proxy settings are not obeyed. */
  readonly proxy?: string;
  /** Hosts to reach without the proxy, as in `NO_PROXY`. */
  readonly noProxy?: string;
  readonly resolve?: Resolve;
}

const TIMEOUT: Ms = 10_000;
const BODY_LIMIT = 64 * 1024;

/**
 * The way out for everything that carries a credential: https only outside loopback, certificates always verified,
 * no link-local or metadata address, no user info in the URL, no redirects, bounded time and size.
 */
export function createOutbound(options: OutboundOptions = {}): OutboundFetch {
  const { timeout = TIMEOUT, bodyLimit = BODY_LIMIT } = options;
  const resolve = resolveOnce(options.resolve);
  return async (url, request = {}) => {
    const target = permitted(url);
    const lookup = checkedLookup(resolve, { loopbackOnly: target.protocol === 'http:' });
    const agent = agentFor(target, options, request.clientCertificate);
    return exchange(target, request, { agent, lookup, timeout, bodyLimit });
  };
}

function permitted(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  // Neither the parser's own error nor this message quotes the text: it may hold a password.
  if (target === undefined) throw new OutboundError('refused_address', 'The URL to call is not a URL.', 'not-sent');
  const refuse = (why: string): OutboundError =>
    new OutboundError('refused_address', `No request is sent to ${target.host}: ${why}.`, 'not-sent');
  if (target.username !== '' || target.password !== '') throw refuse('its URL contains a user name or password');
  const address = literalAddress(target);
  if (address !== undefined && isRefusedAddress(address)) throw refuse('it is a link-local or metadata address');
  if (target.protocol === 'https:') return target;
  if (target.protocol !== 'http:') throw refuse('its URL is neither https nor http');
  const loopback = address === undefined ? target.hostname === 'localhost' : isLoopbackAddress(address);
  if (!loopback) throw refuse('plain http is for loopback only; use https');
  return target;
}

/** An agent for one request: a POST that meets a pooled connection which the server has closed cannot be repeated. */
function agentFor(
  target: URL,
  { ca, proxy, noProxy }: OutboundOptions,
  clientCertificate: ClientCertificate | undefined,
): Agent {
  // Never through the proxy: that would carry plain http out of loopback.
  if (target.protocol === 'http:') return new HttpAgent({ keepAlive: false });
  return new HttpsAgent({
    keepAlive: false,
    // Stated, because NODE_TLS_REJECT_UNAUTHORIZED=0 is the default otherwise.
    rejectUnauthorized: true,
    ...clientCertificate,
    ...(ca === undefined ? {} : { ca: ca() }),
    ...(proxy === undefined ? {} : { proxyEnv: { HTTPS_PROXY: proxy, NO_PROXY: noProxy } }),
  });
}
