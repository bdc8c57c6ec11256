/** All that RFC 6749 appendix A.12 lets an access token consist of, except the space, which would end it in a header. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Longer than any token seen in the field; a header of this size still passes common gateways' limits. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

/**
 * What keeps the text from being sent as a bearer token; `undefined` where nothing does. A token is opaque: gateways
 * accept tokens that are no `b64token` (RFC 6750 section 2.1), and Salesforce issues them.
 *
 * Goes on from "an access_token that …", and quotes nothing of the text.
 */
export function bearerTokenProblem(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > MAX_TOKEN_LENGTH) {
    return `is ${text.length} characters long, and a bearer token may have at most ${MAX_TOKEN_LENGTH}`;
  }
  if (VISIBLE_ASCII.test(text)) return undefined;
  if (/[^\0-\x7f]/.test(text)) return 'contains a character that is not ASCII';
  if (/[ \t]/.test(text)) return 'contains a space or a tab';
  return 'contains a line break or another control character';
}

/** Whether the text may be sent as a bearer token: no CR, LF, blank or control byte can be in it. */
export function isBearerToken(text: string): boolean {
  return bearerTokenProblem(text) === undefined;
}

/** One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1); scheme and parameter names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const SPACE = /[ \t]*/y;
const SEPARATOR = /[ \t,]*/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
// Not in RFC 9110, but sent by gateways in the field. An apostrophe inside a word ends nothing; the bound keeps the time linear.
const SINGLE_QUOTED = /'((?:[^']|'(?![ \t,]|$)){0,1000})'(?=[ \t,]|$)/y;
// More than a token: Dynamics 365 sends URLs without quotes.
const UNQUOTED = /[^\s,"]*/y;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  get at(): number {
    return this.#at;
  }

  back(at: number): void {
    this.#at = at;
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match ?? undefined;
  }
}

function takeParameter(scanner: Scanner): [name: string, value: string] | undefined {
  const start = scanner.at;
  const name = scanner.take(TOKEN)?.[0].toLowerCase();
  scanner.take(SPACE);
  if (name === undefined || scanner.take(/=/y) === undefined) {
    scanner.back(start);
    return undefined;
  }
  scanner.take(SPACE);
  const quoted = scanner.take(QUOTED);
  if (quoted !== undefined) return [name, (quoted[1] ?? '').replaceAll(/\\(.)/g, '$1')];
  const single = scanner.take(SINGLE_QUOTED);
  if (single !== undefined) return [name, single[1] ?? ''];
  return [name, scanner.take(UNQUOTED)?.[0] ?? ''];
}

function takeChallenge(scanner: Scanner): Challenge | undefined {
  const scheme = scanner.take(TOKEN)?.[0].toLowerCase();
  if (scheme === undefined) return undefined;
  const parameters = new Map<string, string>();
  scanner.take(SPACE);
  // `Negotiate abc==`: what follows is one token68, not parameters.
  if (scanner.take(TOKEN68) !== undefined) return { scheme, parameters };
  for (;;) {
    const before = scanner.at;
    scanner.take(SEPARATOR);
    const parameter = takeParameter(scanner);
    if (parameter === undefined) {
      scanner.back(before);
      return { scheme, parameters };
    }
    if (!parameters.has(parameter[0])) parameters.set(...parameter);
  }
}

/**
 * Reads all challenges of a `WWW-Authenticate` value, which may be several headers joined by commas.
 * Never throws: what cannot be read ends the list.
 */
export function parseChallenges(header: string): Challenge[] {
  const scanner = new Scanner(header);
  const challenges: Challenge[] = [];
  while (!scanner.done) {
    scanner.take(SEPARATOR);
    const challenge = takeChallenge(scanner);
    if (challenge === undefined) break;
    challenges.push(challenge);
  }
  return challenges;
}

/** Errors that another token does not cure: the request is malformed, or the token may not do this (RFC 6750 section 3.1). */
const NOT_THE_TOKEN: ReadonlySet<string> = new Set(['invalid_request', 'insufficient_scope']);

/**
 * Returns whether a 401 with this `WWW-Authenticate` (null: none) says that the token we sent is bad.
 *
 * It does unless every error that its bearer challenges name is `invalid_request` or `insufficient_scope` (RFC 6750
 * section 3.1). Gateways have names of their own for a bad token (`token_expired`, `invalid_jwt`, `unauthorized`), and
 * many name no error at all.
 */
export function blamesToken(header: string | null): boolean {
  const errors = parseChallenges(header ?? '')
    .filter(({ scheme }) => scheme === 'bearer')
    .map(({ parameters }) => parameters.get('error'))
    .filter((error) => error !== undefined);
  return errors.length === 0 || errors.some((error) => !NOT_THE_TOKEN.has(error.toLowerCase()));
}
