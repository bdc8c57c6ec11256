import { bearerTokenProblem } from './bearer.ts';
import { Redacted } from './redacted.ts';
import { type EpochMs, PREVIOUS_HASHES, sha256, type Token } from './token.ts';
import { copiesOf, isCopyKey, isSameCopies, NO_COPIES, type TokenCopy } from './token-copies.ts';
import {
  BEARER_HEADER,
  HeaderError,
  headerMember,
  isSameHeader,
  parseHeader,
  type TokenHeader,
} from './token-header.ts';

/** What a token volume holds: file or Secret key → text. */
export type VolumeData = Readonly<Record<string, string>>;

/** Why data is not a token: a sentence that quotes none of it. */
export class TokenVolumeError extends Error {
  override readonly name = 'TokenVolumeError';
}

/** `<key>.json` as it is stored. Field names are RFC 6749's, times RFC 3339, hashes lower-case hexadecimal. */
export interface TokenDocument {
  access_token: string;
  token_type: string;
  scope: string;
  issued_at: string;
  expires_at: string;
  renew_at: string;
  generation: number;
  sha256: string;
  previous_sha256: string[];
  /** Left out for `Authorization: Bearer`. */
  header?: TokenHeader;
  /** The keys of its copies, so that a process that starts later knows which to remove; left out where there are none. */
  copies?: string[];
}

/** How the configuration wants a token to be written. */
export interface VolumeForm {
  readonly header: TokenHeader;
  readonly copies: readonly TokenCopy[];
}

export const USUAL_FORM: VolumeForm = { header: BEARER_HEADER, copies: NO_COPIES };

/** Where a token is written: under which key, or nowhere; and in which form. */
export interface Place extends VolumeForm {
  readonly key: string;
  readonly delivery: 'secret' | 'endpoint';
}

/** What a document says: the token, the header that carries it, where that is not the usual one, and where its copies are. */
export interface DocumentedToken extends Token {
  readonly header?: TokenHeader | undefined;
  readonly copies?: readonly string[] | undefined;
}

const HASH = /^[0-9a-f]{64}$/;
// `Date.parse` also takes years and local times.
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const MAX_BYTES = 64 * 1024;

export function documentKey(key: string): string {
  return `${key}.json`;
}

/** `<key>.json` of a token. It holds the access token. */
export function documentOf(token: Token, { header, copies }: VolumeForm = USUAL_FORM): TokenDocument {
  return {
    access_token: token.accessToken.reveal(),
    token_type: token.tokenType,
    scope: token.scope,
    issued_at: new Date(token.issuedAt).toISOString(),
    expires_at: new Date(token.expiresAt).toISOString(),
    renew_at: new Date(token.renewAt).toISOString(),
    generation: token.generation,
    sha256: token.sha256,
    previous_sha256: [...token.previousSha256],
    ...headerMember(header),
    ...(copies.length > 0 && { copies: copies.map(({ key }) => key) }),
  };
}

/** The keys of a token with what they hold, to be written in one request: the two of each token, and its copies. */
export function toVolumeData(key: string, token: Token, form: VolumeForm = USUAL_FORM): VolumeData {
  return { ...ownData(key, token, form), ...copiesOf(token.accessToken.reveal(), form.copies) };
}

/** The two keys of a token, without its copies. */
export function ownData(key: string, token: Token, form: VolumeForm): VolumeData {
  const document = documentOf(token, form);
  return { [key]: document.access_token, [documentKey(key)]: `${JSON.stringify(document)}\n` };
}

/** Returns all keys that a token has in its Secret. */
export function keysOf({ key, delivery, copies }: Pick<Place, 'key' | 'delivery' | 'copies'>): readonly string[] {
  return delivery === 'endpoint' ? [] : [key, documentKey(key), ...copies.map((copy) => copy.key)];
}

/** Whether a token is written in the same way in both places. */
export function isSamePlace(one: Place, other: Place): boolean {
  const isSameKey = one.key === other.key && one.delivery === other.delivery;
  return isSameKey && isSameHeader(one.header, other.header) && isSameCopies(one.copies, other.copies);
}

/**
 * Reads a token back. `undefined` where both keys are missing.
 *
 * Throws TokenVolumeError where they exist but are not a token: one of the two missing, malformed, a hash that is
 * not of the access token, two different tokens, an access token that no header can carry.
 */
export function fromVolumeData(key: string, data: VolumeData): DocumentedToken | undefined {
  const raw = valueOf(data, key);
  const text = valueOf(data, documentKey(key));
  if (raw === undefined && text === undefined) return undefined;
  if (text === undefined) throw fault(key, `has no ${documentKey(key)} next to it`);
  const token = parseDocument(key, text);
  if (raw === undefined) throw fault(documentKey(key), `has no ${key} next to it`);
  if (raw !== token.accessToken.reveal()) throw fault(key, `is not the token that ${documentKey(key)} describes`);
  // The string that was given: thousands of tokens would be in memory twice.
  return { ...token, accessToken: new Redacted(raw) };
}

/** Reads only `<key>.json`: enough for a client, which takes both from one resolved directory. */
export function parseDocument(key: string, text: string): DocumentedToken {
  const where = documentKey(key);
  const document = parseObject(where, text);
  const accessToken = stringOf(where, document, 'access_token');
  const hash = stringOf(where, document, 'sha256');
  if (hash !== sha256(accessToken)) throw fault(where, 'has a sha256 that is not that of its access_token');
  const problem = bearerTokenProblem(accessToken);
  if (problem !== undefined) throw fault(where, `has an access_token that ${problem}`);
  const issuedAt = timeOf(where, document, 'issued_at');
  const expiresAt = timeOf(where, document, 'expires_at');
  if (issuedAt > expiresAt) throw fault(where, 'expires before it was issued');
  return {
    accessToken: new Redacted(accessToken),
    tokenType: stringOf(where, document, 'token_type'),
    scope: typeof document['scope'] === 'string' ? document['scope'] : '',
    issuedAt,
    expiresAt,
    renewAt: timeOf(where, document, 'renew_at'),
    generation: generationOf(where, document),
    sha256: hash,
    previousSha256: hashesOf(document),
    header: headerIn(where, document),
    copies: copyKeysIn(document),
  };
}

/** A token may be called `constructor`, and every object has one of those. */
function valueOf(data: VolumeData, key: string): string | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined;
}

function fault(key: string, what: string): TokenVolumeError {
  return new TokenVolumeError(`The key ${key} ${what}.`);
}

function parseObject(where: string, text: string): Record<string, unknown> {
  if (text.length > MAX_BYTES) throw fault(where, `is larger than ${MAX_BYTES} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes what it read, which may be a token.
    throw fault(where, text.trim() === '' ? 'is empty' : 'is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw fault(where, 'is not a JSON object');
  return parsed as Record<string, unknown>;
}

function stringOf(where: string, document: Record<string, unknown>, field: string): string {
  const value = document[field];
  if (typeof value !== 'string' || value === '') throw fault(where, `has no ${field}`);
  return value;
}

function timeOf(where: string, document: Record<string, unknown>, field: string): EpochMs {
  const text = stringOf(where, document, field);
  const time = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw fault(where, `has no RFC 3339 time in ${field}`);
  return time;
}

function generationOf(where: string, document: Record<string, unknown>): number {
  const value = document['generation'];
  if (!Number.isSafeInteger(value)) throw fault(where, 'has a generation that is not a whole number');
  return value as number;
}

function headerIn(where: string, document: Record<string, unknown>): TokenHeader | undefined {
  try {
    return parseHeader(document['header']);
  } catch (error) {
    if (!(error instanceof HeaderError)) throw error;
    throw fault(where, error.message);
  }
}

/** Only what a configuration could name: these keys may be removed. */
function copyKeysIn({ copies }: Record<string, unknown>): readonly string[] | undefined {
  if (!Array.isArray(copies)) return undefined;
  return copies.filter((key): key is string => typeof key === 'string' && isCopyKey(key));
}

function hashesOf(document: Record<string, unknown>): string[] {
  const value = document['previous_sha256'];
  if (!Array.isArray(value)) return [];
  return value.filter((hash): hash is string => typeof hash === 'string' && HASH.test(hash)).slice(0, PREVIOUS_HASHES);
}
