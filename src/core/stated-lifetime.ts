import type { EpochMs } from './token.ts';

/** RFC 3339 section 5.6, with its offset. */
const TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;
const NUMBER = /^\d{1,15}(?:\.\d{1,9})?$/;
/** As seconds this is the year 2001, and as a lifetime 31 years. */
const FIRST_EPOCH_SECONDS = 1e9;
const FIRST_EPOCH_MS = 1e12;

/**
 * Returns a lifetime in seconds from what a server states: seconds, an RFC 3339 time, or a Unix time in seconds or
 * milliseconds. `answeredAt` is when it was stated, by the same clock. `undefined` for anything else.
 */
export function statedSeconds(stated: unknown, answeredAt: EpochMs): number | undefined {
  if (typeof stated === 'number') return Number.isFinite(stated) ? fromNumber(stated, answeredAt) : undefined;
  if (typeof stated !== 'string') return undefined;
  const text = stated.trim();
  if (NUMBER.test(text)) return fromNumber(Number(text), answeredAt);
  const time = TIME.test(text) ? Date.parse(text.toUpperCase().replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(time) ? undefined : (time - answeredAt) / 1000;
}

function fromNumber(number: number, answeredAt: EpochMs): number {
  if (number < FIRST_EPOCH_SECONDS) return number;
  return (number < FIRST_EPOCH_MS ? number * 1000 - answeredAt : number - answeredAt) / 1000;
}
