import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ServerCertificate } from '../../support/certificates.ts';
import { type LoopbackServer, startHttpServer } from '../../support/loopback-server.ts';

export interface FrontOptions {
  /** `http://127.0.0.1:PORT` */
  readonly target: string;
  /** What the target shall take for the host that was asked; by default what was. */
  readonly host?: string;
  /** With it, the front speaks https. */
  readonly certificate?: ServerCertificate;
  /** Sees each answer before the caller does. */
  readonly onAnswer?: (path: string, body: string) => void;
}

/** Stands before an authorization server: adds TLS, or keeps a record of what it answers. */
export function startFront(options: FrontOptions): Promise<LoopbackServer> {
  return startHttpServer((request, response) => {
    forward(options, request, response).catch(() => response.destroy());
  }, options.certificate);
}

async function forward(options: FrontOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { target, host, onAnswer } = options;
  const { method, url: path = '/', headers } = request;
  const { port } = new URL(target);
  const onward = requestHttp({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { ...headers, host: host ?? headers.host, connection: 'close' },
  });
  onward.end(await text(request));
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    onward.once('response', resolve);
    onward.once('error', reject);
  });
  const body = await text(answer);
  onAnswer?.(path, body);
  const { 'transfer-encoding': _, connection: __, 'content-length': ___, ...kept } = answer.headers;
  response.writeHead(answer.statusCode ?? 502, kept);
  response.end(body);
}
