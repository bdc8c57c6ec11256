import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** An HTTP answer as a vendor's page shows it. */
export interface VendorAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Is sent as it is where it is a text, else as JSON. */
  readonly body?: unknown;
}

export function bodyOf({ body }: VendorAnswer): string {
  if (body === undefined) return '';
  return typeof body === 'string' ? body : JSON.stringify(body);
}

export function send(response: ServerResponse, answer: VendorAnswer): void {
  const type = typeof answer.body === 'string' ? 'text/plain' : 'application/json; charset=utf-8';
  response.writeHead(answer.status, { 'content-type': type, ...answer.headers }).end(bodyOf(answer));
}

/** The form of a token request; `client_id` and `client_secret` of the Basic scheme are put where those of a form are. */
export async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const form = new URLSearchParams((await buffer(request)).toString());
  const [, basic] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  if (basic === undefined) return form;
  const [id = '', secret = ''] = Buffer.from(basic, 'base64')
    .toString()
    .split(':')
    .map((part) => new URLSearchParams(`v=${part}`).get('v') ?? '');
  form.set('client_id', id);
  form.set('client_secret', secret);
  return form;
}

/** Answers given by hand come before those that the request deserves. */
export class Script {
  readonly #answers: VendorAnswer[] = [];

  next(...answers: VendorAnswer[]): void {
    this.#answers.push(...answers);
  }

  take(): VendorAnswer | undefined {
    return this.#answers.shift();
  }
}
