import { blamesToken } from '../core/bearer.ts';
import { readUpTo } from './streams.ts';

const LONGEST_BODY = 64 * 1024;

/** What a gateway answers to a bad token instead of 401. All that is given must match. */
export interface TokenErrorRule {
  readonly status: number;
  /** Is searched for in the first 64 KiB of the body. */
  readonly body?: RegExp | undefined;
  readonly header?: { readonly name: string; readonly value: RegExp } | undefined;
}

/**
 * Whether the answer to a request that carried our token says that the token is bad: a 401, unless its challenge names
 * another error than `invalid_token` (RFC 6750 section 3.1), or what the rules add. The body is left unread.
 */
export async function isTokenError(response: Response, rules: readonly TokenErrorRule[]): Promise<boolean> {
  if (response.status === 401 && blamesToken(response.headers.get('www-authenticate'))) return true;
  for (const rule of rules) {
    if (await matches(response, rule)) return true;
  }
  return false;
}

async function matches(response: Response, { status, body, header }: TokenErrorRule): Promise<boolean> {
  if (response.status !== status) return false;
  if (header !== undefined && !finds(header.value, response.headers.get(header.name) ?? '')) return false;
  return body === undefined || finds(body, await peekAtBody(response));
}

/** A pattern with the flag `g` or `y` would go on where it last stopped. */
function finds(pattern: RegExp, text: string): boolean {
  return text.search(pattern) >= 0;
}

async function peekAtBody(response: Response): Promise<string> {
  const copy = response.clone().body;
  if (copy === null) return '';
  const { bytes } = await readUpTo(copy, LONGEST_BODY);
  return new TextDecoder().decode(bytes);
}
