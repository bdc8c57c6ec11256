import type { FastifyReply } from 'fastify';
import type { Ms } from '../../core/token.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

export interface Problem {
  readonly status: number;
  /** A sentence: what is wrong and what to do. */
  readonly detail: string;
  /** For programs: an error code of the authorization server's (RFC 6749 section 5.2) or of the token-acquirer's own. */
  readonly code?: string;
  readonly retryAfter?: Ms;
}

/** Answers problem+json (RFC 9457). `Retry-After` is in whole seconds, rounded up (RFC 9110 section 10.2.3). */
export function sendProblem(reply: FastifyReply, { status, detail, code, retryAfter }: Problem): FastifyReply {
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="token-acquirer"');
  if (retryAfter !== undefined && retryAfter > 0)
    void reply.header('retry-after', String(Math.ceil(retryAfter / 1000)));
  const body = {
    type: 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    detail,
    ...(code !== undefined && { code }),
  };
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}
