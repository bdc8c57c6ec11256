import type { EpochMs, Ms } from './token.ts';

/** Reads a header of the answer by its lower-case name. */
export type HeaderOf = (name: string) => string | null | undefined;

const SECONDS = /^\d{1,15}(?:\.\d{1,9})?$/;
/** All three forms of RFC 9110 section 5.6.7 begin so. `Date.parse` takes more for a date than is one. */
const HTTP_DATE = /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i;
/** As seconds this is the year 2001, and as a pause 31 years. */
const FIRST_EPOCH_SECONDS = 1e9;
const FIRST_EPOCH_MS = 1e11;
/** Statuses that ask for a pause by themselves, so that the end of a window is the end of the pause. */
const PAUSING: ReadonlySet<number> = new Set([429, 503]);

/** What a server states about a window of requests: until it ends, and how many are left in it. */
interface Window {
  readonly reset: Ms | undefined;
  readonly remaining: string | undefined;
}

/**
 * Returns how long an answer asks to wait: its `Retry-After` (RFC 9110 section 10.2.3), or else the end of a window of
 * requests (`RateLimit`, `RateLimit-Reset`, `X-RateLimit-Reset`, `X-Rate-Limit-Reset`). A window counts only with 429 and
 * 503, or where no request is left in it, because servers describe it in every answer.
 */
export function askedPause(status: number, header: HeaderOf, now: EpochMs): Ms | undefined {
  const asked = parseRetryAfter(header('retry-after'), now);
  if (asked !== undefined) return asked;
  const counted = windows(header, now).filter(({ remaining }) => PAUSING.has(status) || isZero(remaining));
  const spent = counted.filter(({ remaining }) => isZero(remaining));
  const resets = (spent.length > 0 ? spent : counted).map(({ reset }) => reset).filter((reset) => reset !== undefined);
  return resets.length === 0 ? undefined : Math.max(...resets);
}

/** Returns what a `Retry-After` asks for: seconds, also with a fraction, or a date. `undefined` for anything else. */
export function parseRetryAfter(value: string | null | undefined, now: EpochMs): Ms | undefined {
  const text = value?.trim() ?? '';
  if (SECONDS.test(text)) return Math.round(Number(text) * 1000);
  if (!HTTP_DATE.test(text)) return undefined;
  // The asctime form names no zone, and is in UTC.
  const time = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}

function windows(header: HeaderOf, now: EpochMs): Window[] {
  const prefixes = ['ratelimit', 'x-ratelimit', 'x-rate-limit'];
  const named = prefixes.map((prefix) => ({
    reset: parseReset(header(`${prefix}-reset`), now),
    remaining: header(`${prefix}-remaining`)?.trim(),
  }));
  return [...policies(header('ratelimit') ?? '', now), ...named].filter(({ reset }) => reset !== undefined);
}

/**
 * `RateLimit` as the drafts of draft-ietf-httpapi-ratelimit-headers have it: `"policy";r=0;t=30` for each policy, and in
 * the older ones `limit=10, remaining=0, reset=30`.
 */
function policies(value: string, now: EpochMs): Window[] {
  const items = value.includes(';') ? value.split(',') : [value];
  return items.map((item) => ({
    reset: parseReset(/(?:^|[;,])\s*(?:t|reset)=(\d+)/.exec(item)?.[1], now),
    remaining: /(?:^|[;,])\s*(?:r|remaining)=(\d+)/.exec(item)?.[1],
  }));
}

/** Seconds, or a moment in seconds or milliseconds since 1970. */
function parseReset(value: string | null | undefined, now: EpochMs): Ms | undefined {
  const text = value?.trim() ?? '';
  if (!SECONDS.test(text)) return parseRetryAfter(text, now);
  const number = Number(text);
  if (number >= FIRST_EPOCH_MS) return Math.max(0, Math.round(number) - now);
  return number >= FIRST_EPOCH_SECONDS ? Math.max(0, Math.round(number * 1000) - now) : Math.round(number * 1000);
}

function isZero(remaining: string | undefined): boolean {
  return remaining !== undefined && /^0+$/.test(remaining);
}
