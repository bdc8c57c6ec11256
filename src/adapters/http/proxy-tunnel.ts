import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { systemCode } from '../../core/errors.ts';
import { CertificateError, type Trust } from './certificate-fault.ts';
import { destinationOf, type OpenTransport, openConnection } from './open-connection.ts';

/** The proxy opened no tunnel. The message goes on from "could not be sent: " and names no password. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  /** HTTP status of its answer; `undefined` where it gave none. */
  readonly status: number | undefined;
  /** More sentences about it. */
  readonly explanation: string | undefined;

  constructor(message: string, { status, explanation }: { status?: number; explanation?: string | undefined } = {}) {
    super(message);
    this.status = status;
    this.explanation = explanation;
  }
}

/**
 * The transport through the tunnel of an HTTP proxy (RFC 9110 section 9.3.6). `ca` counts for the TLS connection to an
 * https proxy, and `trust` says where it comes from. Rejects with ProxyError, or with the signal's reason; no socket is left open then.
 */
export function throughProxy(proxy: URL, ca: string | undefined, trust: Trust): OpenTransport {
  return async ({ host, port }, signal) => {
    const socket = await connectTo(proxy, { ca, trust }, signal);
    const end = (): void => void socket.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      const { response, head } = await askFor(`${host.includes(':') ? `[${host}]` : host}:${port}`, proxy, socket);
      const { statusCode: status = 0 } = response;
      if (status < 200 || status > 299) throw refusal(proxy, response);
      if (head.length > 0) socket.unshift(head);
      return socket;
    } catch (error) {
      socket.destroy();
      if (signal.aborted) throw signal.reason;
      if (error instanceof ProxyError) throw error;
      throw new ProxyError(`the proxy ${proxy.host} gave no answer to CONNECT (${codeOf(error)})`);
    } finally {
      signal.removeEventListener('abort', end);
    }
  };
}

async function connectTo(
  proxy: URL,
  { ca, trust }: { ca: string | undefined; trust: Trust },
  signal: AbortSignal,
): Promise<Socket> {
  try {
    return await openConnection(destinationOf(proxy, { ca }), signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const explanation = error instanceof CertificateError ? error.explain(trust) : undefined;
    throw new ProxyError(`no connection to the proxy ${proxy.host} (${codeOf(error)})`, { explanation });
  }
}

interface Answer {
  readonly response: IncomingMessage;
  /** What came after the answer. */
  readonly head: Buffer;
}

function askFor(authority: string, proxy: URL, socket: Socket): Promise<Answer> {
  const headers = { host: authority, ...credentialsOf(proxy) };
  return new Promise((resolve, reject) => {
    request({ method: 'CONNECT', path: authority, headers, createConnection: () => socket })
      .on('connect', (response, _socket, head) => resolve({ response, head }))
      .on('error', reject)
      .end();
  });
}

function credentialsOf({ username, password }: URL): { readonly 'proxy-authorization'?: string } {
  if (username === '' && password === '') return {};
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A "%" that encodes nothing stands for itself. The error of Node might be shown, and the password with it.
    return text;
  }
}

function refusal(proxy: URL, { statusCode = 0, headers }: IncomingMessage): ProxyError {
  const answered = `the proxy ${proxy.host} answered CONNECT with HTTP ${statusCode}`;
  const status = { status: statusCode };
  if (statusCode !== 407) return new ProxyError(answered, status);
  const offered = headers['proxy-authenticate'] ?? '';
  const isBasic = offered === '' || /(?:^|,)\s*basic\b/i.test(offered);
  if (!isBasic)
    return new ProxyError(
      `${answered}: it does not offer Basic authentication, and no other scheme is supported`,
      status,
    );
  const remedy =
    credentialsOf(proxy)['proxy-authorization'] === undefined
      ? 'it wants a user name and a password; put them into the URL of proxy, as http://user:password@host:port'
      : 'it does not accept the user name and the password in the URL of proxy';
  return new ProxyError(`${answered}: ${remedy}`, status);
}

/** No message of Node: it may quote the proxy's answer. */
function codeOf(error: unknown): string {
  return systemCode(error) ?? 'UNKNOWN';
}
