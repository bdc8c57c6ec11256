import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { callOnce } from '../../src/adapters/http/bounded-call.ts';
import { CheckedEndpoint, type EndpointSettings } from '../../src/client-app/check/endpoint.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ServerCertificate } from './certificates.ts';
import { type LoopbackServer, startHttpServer } from './loopback-server.ts';
import { registerSecret, secret } from './secrets.ts';
import { temporaryDirectory } from './temporary.ts';

/** An answer of the endpoint, in the form of its contract. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SeenCall {
  readonly method: string;
  readonly path: string;
  /** Whether the call has the caller's token, another one, or none. */
  readonly by: 'caller' | 'another' | 'nobody';
  readonly body: string;
  /** Whether the call only tests the chain. */
  readonly test: string | undefined;
}

export interface ScriptedEndpoint extends LoopbackServer {
  readonly seen: SeenCall[];
  readonly caller: Redacted;
  readonly settings: EndpointSettings;
  /** Sets the next answers in turn. The last one is repeated. */
  script(...answers: ScriptedAnswer[]): void;
  /** The endpoint in the configuration of the check. */
  checked(settings?: Partial<EndpointSettings>): CheckedEndpoint;
}

/** Makes a ServiceAccount token with the claims that the check reads. */
export function serviceAccountToken(account = 'billing-app', audience = 'token-acquirer'): string {
  const claims = { aud: [audience], sub: `system:serviceaccount:billing:${account}` };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return registerSecret(`${part({ alg: 'RS256' })}.${part(claims)}.${secret('signature')}`);
}

/** Starts a reissue endpoint with scripted answers. */
export async function startScriptedEndpoint(certificate?: ServerCertificate): Promise<ScriptedEndpoint> {
  const { path, remove } = temporaryDirectory();
  const caller = serviceAccountToken();
  const callerTokenFile = join(path, 'token');
  writeFileSync(callerTokenFile, caller);
  const seen: SeenCall[] = [];
  const answers: ScriptedAnswer[] = [];
  const server = await startHttpServer((request, response) => {
    void text(request).then((body) => {
      const { authorization } = request.headers;
      const by = authorization === `Bearer ${caller}` ? 'caller' : authorization === undefined ? 'nobody' : 'another';
      seen.push({ method: request.method ?? '', path: request.url ?? '', by, body, test: headerOf(request) });
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
      const content = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {});
      response.writeHead(answer.status ?? 200, answer.headers ?? {}).end(content);
    });
  }, certificate);
  const settings: EndpointSettings = {
    url: server.url,
    namespace: 'billing',
    secret: 'billing-tokens',
    callerTokenFile,
    caFile: undefined,
  };
  return {
    ...server,
    seen,
    settings,
    caller: new Redacted(caller),
    script: (...given) => void answers.splice(0, answers.length, ...given),
    checked: (given) => new CheckedEndpoint({ ...settings, ...given }, callOnce),
    async stop() {
      await server.stop();
      remove();
    },
  };
}

function headerOf({ headers }: IncomingMessage): string | undefined {
  return headers['token-acquirer-test'] as string | undefined;
}

/** Makes a 200 of the reissue. */
export function reissued(fields: object = {}): ScriptedAnswer {
  const times = { issued_at: '2026-01-01T12:00:00.000Z', expires_at: '2026-01-01T13:00:00.000Z' };
  return { body: { outcome: 'reissued', stored: true, generation: 7, ...times, ...fields } };
}

/** Makes a problem+json of the token-acquirer (RFC 9457). */
export function problem(status: number, code?: string, retryAfter?: number): ScriptedAnswer {
  return {
    status,
    body: { type: 'about:blank', title: 'No', status, ...(code !== undefined && { code }) },
    headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) },
  };
}
