import { parseChallenges } from '../../core/bearer.ts';
import type { Credential } from '../../core/credential.ts';
import type { Redacted } from '../../core/redacted.ts';

type Body = Readonly<Record<string, unknown>>;

/** Members that hold a provider's name of an error, in lower case and without underscores. */
const MEMBERS: readonly string[] = ['error', 'errorcode', 'code'];
const NESTED_MEMBERS: readonly string[] = [...MEMBERS, 'status', 'type'];

const LONGEST_NAME = 40;
const NAME = /^[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*$/;
/** Where words of a name meet (`InvalidClient`, `E0000004`). Random texts have many more such places. */
const SEAM = /[a-z](?=[A-Z])|[A-Za-z](?=\d)|\d(?=[A-Za-z])/g;
const MOST_SEAMS = 3;

/** The secrets that were sent. A message must not repeat any part of them. */
export interface SentSecrets {
  readonly credential: Credential;
  readonly refreshToken?: Redacted | undefined;
}

/**
 * Returns the names that an answer has for its error, the OAuth `error` (RFC 6749 section 5.2) first. They are in the
 * usual members of a JSON body, one level deep, or else in the challenges, as for a wrong Basic secret.
 */
export function errorNames(body: Body | undefined, headers: Headers): string[] {
  const found = body === undefined ? [] : namesIn(body);
  if (found.length > 0) return found;
  const challenges = parseChallenges(headers.get('www-authenticate') ?? '');
  return challenges.map(({ parameters }) => parameters.get('error')).filter((name) => name !== undefined);
}

/**
 * Returns whether a message may show the name. It must read like a name (`inactive_org`, `BAD_CLIENT_ID`), so that a
 * token or a sentence is not quoted, and it must not share any text with the secrets that were sent.
 */
export function isShowable(name: string, sent: SentSecrets | undefined): boolean {
  if (name.length > LONGEST_NAME || !NAME.test(name) || (name.match(SEAM) ?? []).length > MOST_SEAMS) return false;
  const lower = name.toLowerCase();
  return secretsOf(sent).every((secret) => !secret.includes(lower) && !(secret.length > 3 && lower.includes(secret)));
}

function namesIn(body: Body): string[] {
  const nested = [child(body, 'error'), child(child(body, 'fault'), 'detail'), firstOf(body, 'errors')];
  return [...textsAt(body, MEMBERS), ...nested.flatMap((one) => textsAt(one, NESTED_MEMBERS))];
}

function textsAt(body: Body | undefined, members: readonly string[]): string[] {
  if (body === undefined) return [];
  const texts = Object.entries(body).flatMap(([key, value]) => {
    const rank = members.indexOf(key.toLowerCase().replaceAll('_', ''));
    return rank !== -1 && typeof value === 'string' && value !== '' ? [{ rank, value }] : [];
  });
  return texts.toSorted((one, other) => one.rank - other.rank).map(({ value }) => value);
}

function child(body: Body | undefined, key: string): Body | undefined {
  return asBody(body !== undefined && Object.hasOwn(body, key) ? body[key] : undefined);
}

function firstOf(body: Body, key: string): Body | undefined {
  const list = Object.hasOwn(body, key) ? body[key] : undefined;
  return asBody(Array.isArray(list) ? list[0] : undefined);
}

function asBody(value: unknown): Body | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
}

/** The client ID is no secret, and servers use parts of it in names. */
function secretsOf(sent: SentSecrets | undefined): string[] {
  if (sent === undefined) return [];
  const { client_id: _, ...values } = sent.credential.values;
  return [...Object.values(values), sent.refreshToken]
    .map((value) => value?.reveal().toLowerCase() ?? '')
    .filter((value) => value !== '');
}
