import { originOf } from './origins.ts';
import { isRequest } from './request-body.ts';
import { drop } from './streams.ts';
import { membersOf } from './taken-request.ts';

export interface Sending {
  readonly input: string | Request;
  readonly url: string;
  /** With all headers, that of the token among them. */
  readonly init: RequestInit & { readonly headers: Headers };
  /** The header that carries the token. */
  readonly tokenHeader: string;
  /** Whether the body can be sent again. */
  readonly repeatable: boolean;
}

type Fetch = typeof globalThis.fetch;
type RequestRedirect = NonNullable<RequestInit['redirect']>;

/** The Fetch standard has this number. */
const MOST_REDIRECTS = 20;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** What must not get to another origin, next to the token. */
const PRIVATE = ['authorization', 'proxy-authorization', 'cookie', 'host'];
const OF_A_BODY = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length'];

/**
 * Sends a request, and follows redirects in its place (Fetch standard, HTTP-redirect fetch).
 * Libraries differ in where they drop `Authorization`: node-fetch 2 sends it to subdomains and to other ports. No `fetch`
 * drops any other header that carries a token.
 */
export async function sendOn(fetch: Fetch, sending: Sending): Promise<Response> {
  const { input, init } = sending;
  const redirect = init.redirect ?? (isRequest(input) ? input.redirect : undefined) ?? 'follow';
  if (redirect !== 'follow') return fetch(input, init);
  let next = { ...sending, init: { ...init, redirect: 'manual' as RequestRedirect } };
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(next.input, next.init);
    const target = targetOf(response, next.url);
    if (target === undefined) return redirects === 0 ? response : markRedirected(response, next.url);
    if (redirects === MOST_REDIRECTS) throw new TypeError(`More than ${MOST_REDIRECTS} redirects.`);
    drop(response.body);
    next = redirected(next, response.status, target);
    if (next.init.redirect === 'follow') return markRedirected(await fetch(next.input, next.init), next.url);
  }
}

/** Where an answer leads; `undefined` where it does not. */
function targetOf({ status, headers }: Response, from: string): string | undefined {
  const location = REDIRECTS.includes(status) ? headers.get('location') : null;
  if (location === null) return undefined;
  const target = URL.canParse(location, from) ? new URL(location, from).href : '';
  if (originOf(target) === undefined) throw new TypeError('A redirect leads to no http or https URL.');
  return target;
}

/** Another origin is left to `fetch` from there on: the request no longer has anything that is not for it. */
function redirected({ input, url, init, repeatable, tokenHeader }: Sending, status: number, target: string) {
  const headers = new Headers(init.headers);
  const method = (init.method ?? (isRequest(input) ? input.method : 'GET')).toUpperCase();
  const toGet = status === 303 ? !['GET', 'HEAD'].includes(method) : status < 303 && method === 'POST';
  const elsewhere = originOf(target) !== originOf(url);
  for (const name of [...(toGet ? OF_A_BODY : []), ...(elsewhere ? [...PRIVATE, tokenHeader] : [])])
    headers.delete(name);
  if (!toGet && !repeatable) throw new TypeError('A redirect asks for the body again, which was sent as it came.');
  const { body, ...rest } = { ...(isRequest(input) && membersOf(input)), ...init };
  return {
    input: target,
    url: target,
    repeatable: true,
    tokenHeader,
    init: {
      ...rest,
      headers,
      method: toGet ? 'GET' : method,
      ...(!toGet && body !== undefined && { body }),
      redirect: (elsewhere ? 'follow' : 'manual') as RequestRedirect,
    },
  };
}

/** As an answer to a request that `fetch` itself sent on. */
function markRedirected(response: Response, url: string): Response {
  return Object.defineProperties(response, { redirected: { value: true }, url: { value: response.url || url } });
}
