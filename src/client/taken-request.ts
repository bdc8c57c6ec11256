import { Readable } from 'node:stream';
import { isRequest, type RequestBody } from './request-body.ts';
import { isWebStream } from './streams.ts';

/** What a caller gave to `fetch`, taken at the call. */
export interface TakenRequest {
  /** What is given to `fetch`: a text, or a Request of its own class, whose URL and method cannot change. */
  readonly input: string | Request;
  readonly url: string;
  /** Without headers. */
  readonly init: RequestInit;
  /** A copy: those of a Request and of `init` can change. */
  readonly headers: Headers;
  /** What the caller gave, if that was a Request. */
  readonly request: Request | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Members of a Request that `init` has, too. Its headers and body are taken apart from them. */
const MEMBERS = ['method', 'redirect', 'signal', 'cache', 'credentials', 'integrity', 'keepalive'] as const;

/** Returns the URL that `fetch` would read from its first argument. */
export function urlOf(input: string | URL | Request): string {
  return isRequest(input) ? input.url : String(input);
}

/**
 * Takes URL, method and headers once, without waiting, as `fetch` does. The call itself waits for a body or a token
 * before it sends, and sends again after a token error: what its caller changes in the meantime must not lead the token
 * to another place. `url` is what `urlOf` returned: it was compared with the origins, so it is what is sent.
 */
export function takeRequest(
  given: { readonly input: string | URL | Request; readonly init: RequestInit | undefined; readonly url: string },
  fetch: typeof globalThis.fetch | undefined,
): TakenRequest {
  const { input, init, url } = given;
  const request = isRequest(input) ? input : undefined;
  const whole = request !== undefined && takes(fetch, request);
  return {
    input: whole ? request : url,
    url,
    request,
    init: { ...(request !== undefined && !whole && membersOf(request)), ...init },
    headers: new Headers(init?.headers ?? request?.headers),
    // node-fetch 2 has null there.
    signal: init?.signal ?? request?.signal ?? undefined,
  };
}

/**
 * Returns whether a `fetch` takes a Request as it is: Node's takes Node's, and that of a library takes its own class.
 * Any other it would turn into a text, `[object Request]`.
 */
function takes(fetch: typeof globalThis.fetch | undefined, request: Request): boolean {
  return (fetch === undefined) === request instanceof globalThis.Request;
}

/** Returns the `init` that makes such a Request. */
export function membersOf(request: Request): RequestInit {
  const members = MEMBERS.map((name) => [name, request[name]] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(members);
}

/** Returns what `init` has of the body: what was kept of it, else what the caller gave. */
export function bodyOf({ input, init, request }: TakenRequest, { body }: RequestBody): RequestInit {
  if (body !== undefined) return { body };
  const live = request?.body;
  const given = init.body !== undefined && init.body !== null;
  if (request === input || given || live === undefined || live === null) return {};
  if (request?.bodyUsed === true) throw new TypeError('The body of the Request has been read already.');
  // All libraries take a stream of Node; node-fetch 2 takes no other.
  const stream = isWebStream(live) ? Readable.fromWeb(live) : live;
  return { body: stream, duplex: 'half' };
}
