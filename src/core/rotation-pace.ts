import type { Ms } from './token.ts';

/** A process that has been up for so long is in no crash loop. */
const SETTLED: Ms = 60_000;
const AFTER_START = 2;

/**
 * How many rotating refresh tokens may be in requests together at one authorization server. Each of them is lost when
 * the process is killed, so a crash loop must not meet many. `suspect`: a mark of an earlier process was found, and no
 * exchange has succeeded since.
 */
export function rotationsTogether({ uptime, suspect }: { uptime: Ms; suspect: boolean }): number {
  if (suspect) return 1;
  return uptime < SETTLED ? AFTER_START : Infinity;
}
