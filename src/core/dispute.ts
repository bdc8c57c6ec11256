import { doubled } from './doubling.ts';
import type { Ms } from './token.ts';

/** Repairs of one stored token that follow each other: someone else writes it, too. */
export interface Dispute {
  /** How many in a row, the latest included: 1 or more. */
  readonly repairs: number;
  /** When the latest was, on the monotonic clock. */
  readonly at: Ms;
}

/** A row goes on where the next repair comes within it: longer than the time between two looks at the store. */
const ROW: Ms = 60_000;
const FIRST_PAUSE: Ms = 100;
const LONGEST_PAUSE: Ms = 30_000;
/** One or two may be the steps of one and the same mishap. */
const DISPUTED = 4;

/** Returns the row with one more repair. */
export function repaired(before: Dispute | undefined, now: Ms): Dispute {
  return { repairs: isOver(before, now) ? 1 : before.repairs + 1, at: now };
}

/** Returns how long the latest repair is to stand before the next one: 100 ms, doubling to 30 s; 0 after a quiet minute. */
export function pauseAfter(dispute: Dispute | undefined, now: Ms): Ms {
  if (isOver(dispute, now)) return 0;
  const pause = doubled(FIRST_PAUSE, LONGEST_PAUSE, dispute.repairs);
  return Math.max(0, dispute.at + pause - now);
}

/** Whether someone writes the token again and again. */
export function isDisputed(dispute: Dispute | undefined, now: Ms): boolean {
  return !isOver(dispute, now) && dispute.repairs >= DISPUTED;
}

function isOver(dispute: Dispute | undefined, now: Ms): dispute is undefined {
  return dispute === undefined || now - dispute.at > ROW;
}
