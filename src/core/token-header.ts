/** The header of a request that carries a token, and what stands before the token in it. */
export interface TokenHeader {
  readonly name: string;
  readonly prefix: string;
}

/** A header as a configuration gives it. */
interface GivenHeader {
  readonly name?: string | undefined;
  readonly prefix?: string | undefined;
}

/** RFC 6750 section 2.1. A volume leaves it out. */
export const BEARER_HEADER: TokenHeader = { name: 'Authorization', prefix: 'Bearer ' };

export const MAX_HEADER_NAME = 64;
export const MAX_PREFIX = 64;
/** RFC 9110 section 5.6.2: a token. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Headers that have another meaning, or that clients and proxies set or remove. In lower case. */
const TAKEN = [
  'accept',
  'connection',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'origin',
  'range',
  'referer',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
];
const TAKEN_FAMILIES = ['accept-', 'content-', 'if-', 'proxy-', 'sec-', 'x-forwarded-'];

/** Of the names that are taken, in any case, for a JSON Schema. */
export const TAKEN_NAME_PATTERN = `^(?:(?:${TAKEN.map(inAnyCase).join('|')})$|${TAKEN_FAMILIES.map(inAnyCase).join('|')})`;
export const HEADER_NAME_PATTERN = NAME.source;
/** Of a prefix: printable ASCII with no space at the start, which no header keeps, and no letter or digit at the end. */
export const PREFIX_PATTERN = '^(?:[!-/:-@\\[-`{-~]|[!-~][ -~]*[ -/:-@\\[-`{-~])?$';

/** What keeps a header of this name from carrying a token; goes on from "a header name that …". */
export function headerNameProblem(name: string): string | undefined {
  if (!NAME.test(name)) return 'is not a valid name of an HTTP header';
  if (name.length > MAX_HEADER_NAME) return `is longer than ${MAX_HEADER_NAME} characters`;
  const lower = name.toLowerCase();
  const isTaken = TAKEN.includes(lower) || TAKEN_FAMILIES.some((family) => lower.startsWith(family));
  return isTaken ? 'has another meaning in HTTP' : undefined;
}

/** What keeps a text from standing before a token; goes on from "a prefix that …". */
export function prefixProblem(prefix: string): string | undefined {
  if (!PRINTABLE.test(prefix)) return 'contains a character that is not printable ASCII';
  if (prefix.length > MAX_PREFIX) return `is longer than ${MAX_PREFIX} characters`;
  if (prefix.startsWith(' ')) return 'begins with a space';
  // `Bearer` in place of `Bearer ` is an easy slip.
  if (/[0-9A-Za-z]$/.test(prefix)) return 'ends with a letter or digit, so the token would run into it';
  return undefined;
}

/** Returns the header that carries a token where only a part of it is given: no other one has a prefix by itself. */
export function headerOf({ name, prefix }: GivenHeader = {}): TokenHeader {
  const isBearer = name === undefined || isSameName(name, BEARER_HEADER.name);
  const header = { name: name ?? BEARER_HEADER.name, prefix: prefix ?? (isBearer ? BEARER_HEADER.prefix : '') };
  // One object for all tokens: each weighs on a process with thousands of them.
  return isSameHeader(header, BEARER_HEADER) ? BEARER_HEADER : header;
}

export function isSameHeader(one: TokenHeader = BEARER_HEADER, other: TokenHeader = BEARER_HEADER): boolean {
  return isSameName(one.name, other.name) && one.prefix === other.prefix;
}

/** Reads the header of a token document, or of an answer; `undefined` for the usual one. Throws HeaderError. */
export function parseHeader(value: unknown): TokenHeader | undefined {
  if (value === undefined) return undefined;
  const { name, prefix } = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  if (typeof name !== 'string' || typeof prefix !== 'string')
    throw new HeaderError('has a header without name or prefix');
  const nameProblem = headerNameProblem(name);
  if (nameProblem !== undefined) throw new HeaderError(`has a header whose name ${nameProblem}`);
  const problem = prefixProblem(prefix);
  if (problem !== undefined) throw new HeaderError(`has a header whose prefix ${problem}`);
  const header = headerOf({ name, prefix });
  return header === BEARER_HEADER ? undefined : header;
}

/** Returns the member of a document or an answer that names the header. The usual one is left out. */
export function headerMember(header: TokenHeader): { readonly header?: TokenHeader } {
  return isSameHeader(header) ? {} : { header: { name: header.name, prefix: header.prefix } };
}

/** Why a value is not a header; goes on from "the document …". */
export class HeaderError extends Error {
  override readonly name = 'HeaderError';
}

function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function inAnyCase(text: string): string {
  return text.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
