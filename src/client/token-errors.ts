import { blamesToken } from '../core/bearer.ts';
import { UsageError } from '../core/errors.ts';
import { originOf } from './origins.ts';
import { readUpTo } from './streams.ts';

const LONGEST_BODY = 64 * 1024;

/** What a gateway answers to a bad token instead of 401. All that is given must match; `status` or `redirectedTo` is needed. */
export interface TokenErrorRule {
  readonly status?: number | undefined;
  /** Is searched for in the first 64 KiB of the body. */
  readonly body?: RegExp | undefined;
  readonly header?: { readonly name: string; readonly value: RegExp } | undefined;
  /**
   * Where the answer leads, such as to a login page: an origin (`https://login.example.com`), or a URL to whose path
   * the answer leads or below. It leads there by its `Location`, or because `fetch` followed the redirect.
   */
  readonly redirectedTo?: string | undefined;
}

/** Returns the rules. Throws UsageError for one that would match every answer, or that names no URL. */
export function checkedRules(rules: readonly TokenErrorRule[]): readonly TokenErrorRule[] {
  for (const { status, redirectedTo } of rules) {
    if (status === undefined && redirectedTo === undefined) {
      throw new UsageError('A rule of tokenErrors has neither status nor redirectedTo. Give it one of them.');
    }
    if (redirectedTo !== undefined && originOf(redirectedTo) === undefined) {
      throw new UsageError(
        'The redirectedTo of a rule of tokenErrors is not an http or https URL. Give one, such as https://login.example.com.',
      );
    }
  }
  return rules;
}

/**
 * Returns whether the answer to a request that carried our token to this origin says that the token is bad: a 401, unless its
 * challenge names `invalid_request` or `insufficient_scope` (RFC 6750 section 3.1), or what the rules add. An answer of
 * another origin, to which a redirect led, is judged only by rules that say where redirects lead: it did not get our
 * token. The body is left unread.
 */
export async function isTokenError(
  response: Response,
  rules: readonly TokenErrorRule[],
  origin: string,
): Promise<boolean> {
  const elsewhere = response.redirected && originOf(response.url) !== origin;
  if (!elsewhere && response.status === 401 && blamesToken(response.headers.get('www-authenticate'))) return true;
  for (const rule of rules) {
    if (elsewhere && rule.redirectedTo === undefined) continue;
    if (await matches(response, rule)) return true;
  }
  return false;
}

async function matches(response: Response, { status, body, header, redirectedTo }: TokenErrorRule): Promise<boolean> {
  if (status !== undefined && response.status !== status) return false;
  if (header !== undefined && !finds(header.value, response.headers.get(header.name) ?? '')) return false;
  if (redirectedTo !== undefined && !leadsTo(response, new URL(redirectedTo))) return false;
  return body === undefined || finds(body, await peekAtBody(response));
}

/** A pattern with the flag `g` or `y` would go on where it last stopped. */
function finds(pattern: RegExp, text: string): boolean {
  return text.search(pattern) >= 0;
}

function leadsTo(response: Response, target: URL): boolean {
  const path = target.pathname.replace(/\/$/, '');
  return destinationsOf(response).some(
    ({ origin, pathname }) => origin === target.origin && (pathname === path || pathname.startsWith(`${path}/`)),
  );
}

/** Where a redirect that was followed has led, and where one that was not would lead (RFC 9110 section 10.2.2). */
function destinationsOf(response: Response): URL[] {
  const { redirected, url, status, headers } = response;
  const location = status >= 300 && status < 400 ? headers.get('location') : null;
  const base = URL.canParse(url) ? url : undefined;
  return [redirected ? url : null, location].flatMap((text) =>
    text !== null && URL.canParse(text, base) ? [new URL(text, base)] : [],
  );
}

async function peekAtBody(response: Response): Promise<string> {
  const copy = response.clone().body;
  if (copy === null) return '';
  const { bytes } = await readUpTo(copy, LONGEST_BODY);
  return new TextDecoder().decode(bytes);
}
