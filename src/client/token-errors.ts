import { blamesToken } from '../core/bearer.ts';
import { UsageError } from '../core/errors.ts';
import { originOf } from './origins.ts';
import { peekAtBody } from './peeked-response.ts';

/** What a gateway answers to a bad token instead of 401. All that is given must match; `status` or `redirectedTo` is needed. */
export interface TokenErrorRule {
  readonly status?: number | undefined;
  /**
   * Is searched for in the first 64 KiB of the body, as far as they arrive within a second. Bodies without an end
   * (`text/event-stream` and the like) are not read.
   */
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

export interface Judged {
  /** Whether the answer says that the token is bad. */
  readonly blamesToken: boolean;
  /** To be used in place of the answer that was judged: the same, its body unread. */
  readonly response: Response;
}

/**
 * Judges the answer to a request that carried our token to this origin. The token is bad after a 401, unless its
 * challenge names `invalid_request` or `insufficient_scope` (RFC 6750 section 3.1), and after what the rules add. An
 * answer of another origin, to which a redirect led, is judged only by rules that say where redirects lead: that origin
 * did not get our token.
 */
export async function judge(response: Response, rules: readonly TokenErrorRule[], origin: string): Promise<Judged> {
  const elsewhere = response.redirected && originOf(response.url) !== origin;
  if (!elsewhere && response.status === 401 && blamesToken(response.headers.get('www-authenticate'))) {
    return { blamesToken: true, response };
  }
  const applicable = rules.filter((rule) => !elsewhere || rule.redirectedTo !== undefined);
  const candidates = applicable.filter((rule) => matchesHead(response, rule));
  if (candidates.some(({ body }) => body === undefined)) return { blamesToken: true, response };
  if (candidates.length === 0) return { blamesToken: false, response };
  const { text, response: whole } = await peekAtBody(response);
  const found = candidates.some(({ body }) => body !== undefined && finds(body, text));
  return { blamesToken: found, response: whole };
}

function matchesHead(response: Response, { status, header, redirectedTo }: TokenErrorRule): boolean {
  if (status !== undefined && response.status !== status) return false;
  if (header !== undefined && !finds(header.value, response.headers.get(header.name) ?? '')) return false;
  return redirectedTo === undefined || leadsTo(response, new URL(redirectedTo));
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
