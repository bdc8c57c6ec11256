import type { Socket } from 'node:net';
import type { Ms } from '../../core/token.ts';
import {
  checkedResolve,
  isLoopbackAddress,
  isRefusedAddress,
  literalAddress,
  type Resolve,
  resolveBySystem,
  resolveOnce,
} from './addresses.ts';
import type { Trust } from './certificate-fault.ts';
import type { OpenSocket } from './connection-attempts.ts';
import { type ClientCertificate, exchange, type OutboundRequest } from './exchange.ts';
import { KeptConnections } from './kept-connections.ts';
import { isDirect } from './no-proxy.ts';
import { type Destination, destinationOf, directly, type OpenTransport, openConnection } from './open-connection.ts';
import { OutboundError } from './outbound-error.ts';
import { throughProxy } from './proxy-tunnel.ts';

export type { ClientCertificate };

/**
 * Makes one HTTP exchange, by default over a separate connection. Resolves with any complete answer, redirects and errors included,
 * and follows none. Throws OutboundError, and what `beforeSending` throws.
 */
export type OutboundFetch = (url: string, request?: OutboundRequest) => Promise<Response>;

export interface OutboundOptions {
  /** For name, connection, request and answer together; default 10 s. */
  readonly timeout?: Ms;
  /** The longest body of an answer, in bytes, compressed or not; default 64 KiB. */
  readonly bodyLimit?: number;
  /** Certificates in PEM to trust instead of the public ones; asked for at each request. May throw OutboundError. */
  readonly ca?: () => string;
  /** Where a person keeps those certificates, or may put them, for messages; `caFile` by default. */
  readonly caPlace?: string;
  /** `http://host:port` or `https://host:port` to tunnel https through; the environment's own settings do not count. */
  readonly proxy?: string;
  /** Hosts to reach without the proxy, as in `NO_PROXY`. */
  readonly noProxy?: string;
  readonly resolve?: Resolve;
  /** Opens the TCP connection to one address. */
  readonly openSocket?: OpenSocket;
}

const TIMEOUT: Ms = 10_000;
const BODY_LIMIT = 64 * 1024;

/**
 * The way out for everything that carries a credential: https only outside loopback, certificates always verified,
 * no link-local or metadata address, no user info in the URL, no redirects, bounded time and size.
 */
export function createOutbound(options: OutboundOptions = {}): OutboundFetch {
  const { timeout = TIMEOUT, bodyLimit = BODY_LIMIT } = options;
  const shared = { ...options, resolve: resolveOnce(options.resolve) };
  const connections = new KeptConnections();
  return async (url, request = {}) => {
    const target = permitted(url);
    const connect = (signal: AbortSignal): Promise<Socket> => connectTo(target, shared, request, signal);
    const { keepsConnection = false, clientCertificate } = request;
    // A POST on a kept connection that the server has closed cannot always be repeated, so the caller decides.
    const isKept = keepsConnection && clientCertificate === undefined;
    const kept = isKept ? { connections, use: connections.useFor(target.origin, caFor(target, options)) } : undefined;
    return exchange(target, request, { connect, kept, timeout, bodyLimit, trust: trustOf(options) });
  };
}

function caFor({ protocol }: URL, { ca }: OutboundOptions): string | undefined {
  return protocol === 'https:' ? ca?.() : undefined;
}

async function connectTo(
  target: URL,
  options: OutboundOptions,
  { clientCertificate }: OutboundRequest,
  signal: AbortSignal,
): Promise<Socket> {
  const ca = caFor(target, options);
  const destination = destinationOf(target, { ...clientCertificate, ca });
  return openConnection(destination, signal, transportTo(destination, ca, options));
}

function trustOf({ ca, caPlace = 'caFile' }: OutboundOptions): Trust {
  return { place: caPlace, isConfigured: ca !== undefined };
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

/** A proxy carries https only: plain http would leave loopback through it. */
function transportTo(destination: Destination, ca: string | undefined, options: OutboundOptions): OpenTransport {
  const { proxy, noProxy = '', resolve, openSocket } = options;
  const isPlain = destination.tls === undefined;
  if (proxy !== undefined && !isPlain && !isDirect(destination, noProxy))
    return throughProxy(new URL(proxy), ca, trustOf(options));
  return directly({ resolve: checkedResolve(resolve ?? resolveBySystem, { loopbackOnly: isPlain }), openSocket });
}
