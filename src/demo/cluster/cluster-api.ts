import { readFileSync } from 'node:fs';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import type { Ms } from '../../core/token.ts';
import { type Environment, mountedText, required } from './settings.ts';

/** The requests of the preparation to the API server. */
export interface ClusterApi {
  /** The object at a path such as `/api/v1/namespaces/a/secrets/b`. */
  get(path: string): Promise<object>;
  /** A merge patch (RFC 7396). */
  patch(path: string, change: object): Promise<void>;
}

const PATIENCE: Ms = 10_000;

/** The API server of the cluster that this runs in, as the pod's own ServiceAccount. */
export function clusterApi(environment: Environment, folder: string): ClusterApi {
  const host = required(environment, 'KUBERNETES_SERVICE_HOST');
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${required(environment, 'KUBERNETES_SERVICE_PORT')}`;
  const options = { ca: readFileSync(join(folder, 'ca.crt'), 'utf8'), token: mountedText(folder, 'token') };
  return {
    get: (path) => send(`${origin}${path}`, { ...options, method: 'GET' }),
    async patch(path, change) {
      await send(`${origin}${path}`, { ...options, method: 'PATCH', body: JSON.stringify(change) });
    },
  };
}

interface Call {
  readonly method: 'GET' | 'PATCH';
  readonly body?: string;
  readonly ca: string;
  readonly token: string;
}

/** Throws an Error with the failed request and the status. It quotes no answer, which may contain what was sent. */
function send(url: string, { method, body, ca, token }: Call): Promise<object> {
  return new Promise((resolve, reject) => {
    const outgoing = requestHttps(url, {
      method,
      ca,
      agent: false,
      signal: AbortSignal.timeout(PATIENCE),
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body !== undefined && {
          'content-type': 'application/merge-patch+json',
          'content-length': Buffer.byteLength(body),
        }),
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as object);
        else reject(new Error(`${method} ${new URL(url).pathname} was answered with ${answer.statusCode}.`));
      });
    });
    outgoing.end(body);
  });
}
