import type { EpochMs, Ms } from '../../core/token.ts';

const SECONDS = /^\d{1,15}$/;
/** All three forms of RFC 9110 section 5.6.7 begin so; what else `Date.parse` takes for a date is none here. */
const HTTP_DATE = /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i;

/** What a `Retry-After` asks for (RFC 9110 section 10.2.3), `undefined` where it is absent or makes no sense. */
export function parseRetryAfter(value: string | null, now: EpochMs): Ms | undefined {
  const text = value?.trim() ?? '';
  if (SECONDS.test(text)) return Number(text) * 1000;
  if (!HTTP_DATE.test(text)) return undefined;
  // The asctime form names no zone, and is in UTC.
  const time = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}
