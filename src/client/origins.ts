import { UsageError } from '../core/errors.ts';
import { isLoopbackHost } from '../core/loopback.ts';

const EXAMPLE = "origins: ['https://api.example.com']";

/** Where a client may send its token. */
export interface OriginOptions {
  readonly origins: readonly string[];
  readonly allowPlainHttp?: boolean | undefined;
}

/**
 * Returns the origins that may get the token, as `URL.origin` spells them. Throws UsageError where none is named, where
 * one is not an origin, and for plain http off loopback without `allowPlainHttp` (RFC 6750 section 5.3).
 */
export function checkedOrigins(options: OriginOptions | undefined): ReadonlySet<string> {
  // Callers without types leave it out, or give one text: each letter of that would be looked at.
  const given: unknown = options?.origins;
  if (!Array.isArray(given) || given.length === 0) {
    throw new UsageError(
      `authorizedFetch needs the list of origins that may get the token. Name your gateway, such as { ${EXAMPLE} }.`,
    );
  }
  return new Set(given.map((origin) => checkedOrigin(textOf(origin), options?.allowPlainHttp === true)));
}

/** An object need not have a text. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '';
  }
}

/** The sentences do not quote the text, which may hold a password, before it is known to be an origin. */
function checkedOrigin(text: string, allowPlainHttp: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new UsageError(`An entry of origins is not an origin. Give scheme, host and port only, such as ${EXAMPLE}.`);
  }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname) && !allowPlainHttp) {
    throw new UsageError(
      `The origin ${url.origin} is plain http, over which anyone on the network can read the token. Use https, or set allowPlainHttp: true.`,
    );
  }
  return url.origin;
}

/** Returns the origin of an http or https URL; `undefined` for any other text. */
export function originOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) ? url.origin : undefined;
}
