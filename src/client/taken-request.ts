import { isRequest } from './request-body.ts';

/** What a caller gave to `fetch`, taken at the call. */
export interface TakenRequest {
  /** A text, or a Request, whose URL and method cannot change. */
  readonly input: string | Request;
  readonly init: RequestInit;
  /** A copy: those of a Request and of `init` can change. */
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
}

/** Returns the URL that `fetch` would read from its first argument. */
export function urlOf(input: string | URL | Request): string {
  return isRequest(input) ? input.url : String(input);
}

/**
 * Takes URL, method and headers once, without waiting, as `fetch` does. The call itself waits for a body or a token
 * before it sends, and sends again after a token error: what its caller changes in the meantime must not lead the token
 * to another place. `url` is what `urlOf` returned: it was compared with the origins, so it is what is sent.
 */
export function takeRequest(input: string | URL | Request, url: string, init: RequestInit | undefined): TakenRequest {
  const request = isRequest(input) ? input : undefined;
  return {
    input: request ?? url,
    init: { ...init },
    headers: new Headers(init?.headers ?? request?.headers),
    signal: init?.signal ?? request?.signal,
  };
}
