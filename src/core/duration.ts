import type { Ms } from './token.ts';

const UNITS: Readonly<Record<string, Ms>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
/** A thousand years. Beyond, the end of a duration is no date any more. */
const LONGEST: Ms = 1000 * 366 * 86_400_000;
/** What a duration looks like, to programs. */
export const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** What a duration looks like, for error messages. */
export const DURATION_FORM = 'a duration such as 30s, 10m or 1h30m';

/** Returns the milliseconds of `90s`, `10m`, `1h30m`, `250ms`; `undefined` for anything else, for zero, and beyond a thousand years. */
export function parseDuration(text: string): Ms | undefined {
  if (!DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(PART)) total += Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN);
  return total > 0 && total <= LONGEST ? total : undefined;
}

/** The shortest way that people write it: `1h30m`, `12s`, `0s`. Rounded down to whole seconds, below one to `250ms`. */
export function formatDuration(duration: Ms): string {
  if (duration < 0) return `-${formatDuration(-duration)}`;
  if (duration > 0 && duration < 1000) return `${Math.floor(duration)}ms`;
  let seconds = Math.floor(duration / 1000);
  let text = '';
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    if (seconds >= size) text += `${Math.floor(seconds / size)}${unit}`;
    seconds %= size;
  }
  return seconds > 0 || text === '' ? `${text}${seconds}s` : text;
}
