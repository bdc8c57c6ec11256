/** Which lines of a log report a rejected token. */
export type LineMatch =
  /** What client libraries, proxies and programs usually print. */
  | { readonly kind: 'usual' }
  /** A field of a JSON line, with dots between the names of nested fields. */
  | { readonly kind: 'field'; readonly field: string; readonly equals: LogValue }
  /** An expression in the syntax of RE2. */
  | { readonly kind: 'expression'; readonly expression: string };

/** A value of a log that can be compared. */
type LogValue = string | number | boolean;

export const USUAL: LineMatch = { kind: 'usual' };

/** Tests a line with the expression of a match. */
export type LineTest = (line: string) => boolean;

/** What a line reports: that a token was rejected. */
export interface LineFinding {
  /** The SHA-256 of the token that the line names, or its first 8 digits. */
  readonly rejected: string | undefined;
}

/** Names of top-level fields with the status of a response that a program received. */
const STATUS_FIELDS = [
  'status',
  'statusCode',
  'status_code',
  'response_code',
  'http_status',
  'http.status_code',
  'http.response.status_code',
] as const;

/** Answers that are token errors of a request which the program sent. An access log of its own server has other forms. */
const USUAL_TEXTS: readonly RegExp[] = [
  // Go, Python, Java (Spring), Rust, wget, OkHttp, .NET: the status with its phrase.
  /\b401[ :,(]{1,2}\(?(?:Client Error: ?)?Unauthorized\b/i,
  // urllib, curl, axios, undici and others: a word for a status before the number.
  /\b(?:HTTP Error|status(?: code)?|statusCode|status_code|response code|returned error|code)[ :=]{1,3}["']?401\b/i,
  /\bdoes not indicate success: 401\b/i,
  /\bClient ?ResponseError: 401\b/i,
  // curl --verbose and --include. An access log has a quote before the number.
  /\bHTTP\/\d(?:\.\d)? 401\b/,
  // gRPC.
  /\bcode = Unauthenticated\b/,
  /\b(?:16 )?UNAUTHENTICATED\b/,
  // The challenge of RFC 6750.
  /\berror=\\?["']?invalid_token\b/,
];

/** Challenges that are no token errors, as in the client library. */
const OTHER_CHALLENGES = /\berror=\\?["']?(?:insufficient_scope|invalid_request)\b/;

/** Each usual line has one of these texts, so that all others are passed over quickly. */
const USUAL_NEEDLES = ['401', 'UNAUTHENTICATED', 'Unauthenticated', 'invalid_token'];

const HASH = /["']?\b(?:rejected_)?sha256["']?[:=] ?["']?([0-9a-f]{64}|[0-9a-f]{8})(?![0-9a-f])/;

/** Returns texts of which each line that matches has at least one. Empty where no such text is known. */
export function needlesOf(match: LineMatch): readonly string[] {
  if (match.kind === 'usual') return USUAL_NEEDLES;
  // A text may be written with escapes, but digits and words are not.
  if (match.kind === 'field' && /^[\w.-]+$/.test(String(match.equals))) return [String(match.equals)];
  return [];
}

/** Returns what the line reports, or `undefined` where it is about something else. `test`: of a match by expression. */
export function readLine(line: string, match: LineMatch, test: LineTest): LineFinding | undefined {
  const isMatch = match.kind === 'usual' ? isUsual(line) : match.kind === 'field' ? hasField(line, match) : test(line);
  return isMatch ? { rejected: HASH.exec(line)?.[1] } : undefined;
}

function isUsual(line: string): boolean {
  if (OTHER_CHALLENGES.test(line)) return false;
  return hasStatus(line) || USUAL_TEXTS.some((text) => text.test(line));
}

function hasStatus(line: string): boolean {
  const object = objectIn(line);
  return object !== undefined && STATUS_FIELDS.some((field) => isValue(object[field], '401'));
}

function hasField(line: string, { field, equals }: Extract<LineMatch, { kind: 'field' }>): boolean {
  const object = objectIn(line);
  if (object === undefined) return false;
  const found = field in object ? object[field] : field.split('.').reduce<unknown>(valueAt, object);
  return isValue(found, String(equals));
}

/** Logs write numbers as texts, and the other way around. An object may throw when it is made a text, so it never is. */
function isValue(found: unknown, text: string): boolean {
  return ['string', 'number', 'boolean'].includes(typeof found) && `${found as LogValue}` === text;
}

function valueAt(value: unknown, name: string): unknown {
  const isOwner = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isOwner ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** A line that was cut is no JSON any more. */
function objectIn(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
