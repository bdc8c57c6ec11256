import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Redacted } from '../core/redacted.ts';
import type { Ms } from '../core/token.ts';

const TIMEOUT: Ms = 5000;
const LONGEST_ANSWER = 64 * 1024;

export interface IntrospectionClient {
  /** RFC 7662 section 2. */
  readonly endpoint: string;
  readonly clientId: string;
  readonly clientSecret: Redacted;
  /** PEM: the CA to trust with an https endpoint, instead of the public CAs. */
  readonly ca?: string;
  /** How long to wait for an answer. Default: 5 s. */
  readonly timeout?: Ms;
}

/**
 * Asks the authorization server whether this is an access token in force (RFC 7662). A refresh token is none, though
 * it may be active. Throws an Error where there is no usable answer.
 */
export async function isActive(client: IntrospectionClient, token: string): Promise<boolean> {
  const { status, body } = await postForm(client, new URLSearchParams({ token, token_type_hint: 'access_token' }));
  if (status !== 200) throw new Error(`The introspection endpoint answered ${status}.`);
  const answer = parseAnswer(body);
  return answer['active'] === true && String(answer['token_type']).toLowerCase() === 'bearer';
}

function parseAnswer(body: string): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer === 'object' && answer !== null) return answer as Record<string, unknown>;
  } catch {
    // The parser's message quotes what it read.
  }
  throw new Error('The introspection endpoint answered with something else than a JSON object.');
}

/** RFC 6749 section 2.3.1: both are form-encoded before they are joined. */
function basicAuthorization({ clientId, clientSecret }: IntrospectionClient): string {
  const [id, secret] = [clientId, clientSecret.reveal()].map((part) => encodeURIComponent(part));
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

function postForm(client: IntrospectionClient, form: URLSearchParams): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const send = client.endpoint.startsWith('https:') ? requestHttps : requestHttp;
    const request = send(client.endpoint, {
      agent: false,
      ...(client.ca !== undefined && { ca: client.ca }),
      method: 'POST',
      headers: { authorization: basicAuthorization(client), 'content-type': 'application/x-www-form-urlencoded' },
      signal: AbortSignal.timeout(client.timeout ?? TIMEOUT),
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > LONGEST_ANSWER) response.destroy(new Error('The introspection endpoint answered too much.'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.end(form.toString());
  });
}
