import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http';

/** Answers with problem details (RFC 9457): a sentence, and no word of what the request held. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  detail: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail });
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
  response.end(`${body}\n`);
}
