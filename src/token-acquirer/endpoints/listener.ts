import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server as TlsServer } from 'node:https';
import { isIP, isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { messageOf, systemCode, UsageError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { plainAddress } from '../../core/remote-address.ts';
import { sendProblem } from './problem.ts';

const HEADERS = 16 * 1024;
const BODY = 4 * 1024;
/** For a whole request. */
const SLOW = 10_000;
/** For a TLS handshake, and then for the headers: a peer that cannot tell who it is holds nothing for long. */
const SLOW_START = 3000;
/** How often the server looks for connections that are too slow. */
const LOOK_EVERY = 1000;
const IDLE = 5000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Certificate {
  readonly certificateFile: string;
  readonly privateKeyFile: string;
}

/** Every address of this machine, of IPv6 and of IPv4. */
const EVERY_ADDRESS = '::';
const EVERY_IPV4_ADDRESS = '0.0.0.0';

/** `127.0.0.1:7080`, `[::1]:7080`, or `:7080` for every address. Throws UsageError. */
export function parseAddress(text: string, option: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new UsageError(`${option} must be HOST:PORT, such as 127.0.0.1:7080.`);
  return { host: match[1] ?? (match[2] || EVERY_ADDRESS), port };
}

/** A serving certificate with its chain, and its key: PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const MINIMUM = { minVersion: 'TLSv1.2' } as const;

/** Throws UsageError. */
export async function readKeyPair({ certificateFile, privateKeyFile }: Certificate): Promise<KeyPair> {
  let pair: KeyPair;
  try {
    const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(privateKeyFile, 'utf8')]);
    pair = { cert, key };
  } catch (error) {
    throw new UsageError(
      `The certificate of the reissue endpoint cannot be read (${systemCode(error) ?? 'failed'}): ${certificateFile}, ${privateKeyFile}.`,
    );
  }
  try {
    // To the library an empty one is none at all.
    if (pair.cert !== '' && pair.key !== '') {
      createSecureContext({ ...pair, ...MINIMUM });
      return pair;
    }
  } catch {
    // The library's own message is no sentence.
  }
  throw new UsageError(`${certificateFile} and ${privateKeyFile} are not a PEM certificate and its key.`);
}

/** Receives each request that could not be served, its status, and what kind of error it was. */
export type OnError = (status: number, request: FastifyRequest, kind: string) => void;

/** A server with limits on everything, and RFC 9457 answers for everything that goes wrong. */
export function createListener(pair: KeyPair | undefined, onError: OnError = () => undefined): FastifyInstance {
  const limits = {
    maxHeaderSize: HEADERS,
    headersTimeout: SLOW_START,
    requestTimeout: SLOW,
    connectionsCheckingInterval: LOOK_EVERY,
  };
  const options = {
    bodyLimit: BODY,
    requestTimeout: SLOW,
    keepAliveTimeout: IDLE,
    forceCloseConnections: 'idle',
    logger: false,
    // Random, and never what the caller sends, so that nobody can choose what an audit finds.
    genReqId: () => randomUUID(),
    // A path that cannot be decoded comes here, past all hooks. The library's own answer would repeat the path.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      onError(400, request, error.name);
      void sendProblem(reply.header('x-request-id', request.id), { status: 400, detail: DETAILS[400] ?? '' });
    },
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  } as const;
  const app: FastifyInstance =
    pair === undefined
      ? fastify({ ...options, http: limits })
      : fastify({ ...options, https: { ...limits, handshakeTimeout: SLOW_START, ...pair, ...MINIMUM } });
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id));
  hangUpOnBodies(app, onError);
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, { status: 404, detail: 'There is nothing at this path.' }),
  );
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    onError(status, request, error.name);
    // The library's messages can quote the request, so a sentence of our own goes out.
    return sendProblem(reply, { status, detail: DETAILS[status] ?? 'The request could not be served.' });
  });
  return app;
}

/** A body that is too large, or that nobody may send, is not read to its end: Node would, to use the connection again. */
function hangUpOnBodies(app: FastifyInstance, onError: OnError): void {
  app.addHook('onRequest', async (request, reply) => {
    if (Number(request.headers['content-length'] ?? 0) <= BODY) return;
    onError(413, request, 'TooLarge');
    await sendProblem(reply.header('connection', 'close'), { status: 413, detail: DETAILS[413] ?? '' });
  });
  app.addHook('onSend', async (request, reply) => {
    const unread = request.headers['transfer-encoding'] !== undefined;
    if (unread && reply.statusCode >= 400) void reply.header('connection', 'close');
  });
}

/** Bodies are checked by zod. Left to itself fastify loads a JSON Schema compiler, which costs time at each start. */
function noSchemas(): never {
  throw new Error('Routes here have no schemas: check the body in the route.');
}

const DETAILS: Readonly<Record<number, string>> = {
  400: 'The request is malformed; the body must be a JSON object.',
  413: `The body is larger than ${BODY} bytes.`,
  415: 'The body must be application/json.',
};

/** The path of a request, for logs: a query may hold what somebody put there by mistake. */
export function pathOf({ url }: { readonly url: string }): string {
  return url.replace(/[?#].*$/s, '');
}

/** Takes a renewed certificate into use, without a restart. */
export function renewCertificate(app: FastifyInstance, pair: KeyPair): void {
  (app.server as unknown as TlsServer).setSecureContext({ ...pair, ...MINIMUM });
}

/** Plain http would carry tokens in the clear. Throws UsageError. */
export function requireTls({ host }: Address, certificate: Certificate | undefined): void {
  if (certificate !== undefined || isLoopbackHost(host)) return;
  throw new UsageError(
    `The reissue endpoint may not listen on ${host} without TLS. Give endpoint.certificateFile and endpoint.privateKeyFile in the configuration, or listen on 127.0.0.1.`,
  );
}

/** Listens and returns the URL of the real address, `https://[::]:8443` for every one. Throws UsageError where it is unavailable. */
export async function listen(app: FastifyInstance, { host, port }: Address, option: string): Promise<string> {
  try {
    return await listenThere(app, host, port);
  } catch (error) {
    const code = systemCode(error);
    const why = code === undefined ? undefined : LISTEN_FAULTS[code];
    throw new UsageError(
      `Cannot listen on ${host}:${port}: ${why ?? messageOf(error)}. Choose another address with ${option}.`,
    );
  }
}

async function listenThere(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    // For localhost, fastify would open a second server, without the limits above.
    return realUrl(app, await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port }));
  } catch (error) {
    if (host !== EVERY_ADDRESS || !NO_IPV6.has(systemCode(error) ?? '')) throw error;
    return realUrl(app, await app.listen({ host: EVERY_IPV4_ADDRESS, port }));
  }
}

/** fastify names loopback where it listens on every address. */
function realUrl({ server }: FastifyInstance, url: string): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return url;
  const host = isIPv6(address.address) ? `[${address.address}]` : address.address;
  return `${new URL(url).protocol}//${host}:${address.port}`;
}

/** What a kernel without IPv6 answers to an IPv6 address. */
const NO_IPV6: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

const LISTEN_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'the port needs permissions that this process lacks',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no such host',
};

/**
 * Rejects what a web page in a browser on the same network could send: a Host that is a DNS name other than localhost
 * (DNS rebinding), or an Origin that is not this server.
 */
export function refuseForeignPages(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const called = URL.parse(`http://${request.headers.host ?? ''}`);
    const host = called?.hostname.replace(/^\[(.*)\]$/, '$1');
    const origin = request.headers.origin;
    // Both as a URL has them: an IPv6 address can be written in many ways.
    const foreign = origin !== undefined && URL.parse(origin)?.host !== called?.host;
    if (foreign || host === undefined || !(isLoopbackHost(host) || isIP(host) !== 0)) {
      await sendProblem(reply, {
        status: 403,
        detail: 'Call this address by its IP address or as localhost, and not from a page of another site.',
      });
    }
  });
}

/**
 * Whether the connection comes from this machine to its loopback address. The proxy of a service mesh connects from a
 * loopback address, too, for callers of the network, but to the address of the pod.
 */
export function isLocal({ socket }: Pick<FastifyRequest, 'socket'>): boolean {
  return [socket.remoteAddress, socket.localAddress].every((address) => isLoopbackHost(plainAddress(address)));
}
