import type { EpochMs } from './token.ts';

/** When a credential ends, as far as its own files say. */
export interface CredentialExpiry {
  /** The first of its ends; `undefined` where no file states one. */
  readonly at: EpochMs | undefined;
  /** A sentence about an `expires_at` that is not valid, without its text; `undefined` where it is, or is missing. */
  readonly fault: string | undefined;
}

/** One credential in use, and when it ends. */
export interface CredentialEnd {
  readonly credential: string;
  readonly at: EpochMs;
}

/** What a person writes, the end of a sentence. */
export const EXPIRY_FORM = 'a date such as 2027-01-31, or a time with its zone such as 2027-01-31T12:00:00Z,';

/** RFC 3339; or a date, as the portals of authorization servers show it. */
const FORM = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d))?$/i;

/** Returns the time that `expires_at` states, `undefined` for another text. A date is its first moment in UTC: rather too early. */
export function parseExpiry(text: string): EpochMs | undefined {
  const [, date, time = '00:00:00', zone = 'Z'] = FORM.exec(text.trim()) ?? [];
  if (date === undefined || !isDay(date)) return undefined;
  const at = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(at) ? undefined : at;
}

/** Returns the first of several ends. */
export function firstEnd(ends: readonly (EpochMs | undefined)[]): EpochMs | undefined {
  const known = ends.filter((end) => end !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** `Date.parse` takes 30 February for 2 March. */
function isDay(date: string): boolean {
  const at = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date);
}
