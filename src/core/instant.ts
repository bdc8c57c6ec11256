import type { EpochMs, Ms } from './token.ts';

/**
 * One moment on both clocks. The wall clock may jump; the monotonic clock stands still while a machine is suspended.
 * The clock that reaches a deadline first counts.
 */
export interface Instant {
  readonly wall: EpochMs;
  readonly monotonic: Ms;
}

/** Returns the present moment on both clocks. */
export function instantOf(clock: { now(): EpochMs; monotonic(): Ms }): Instant {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/** Returns the moment `after` the instant. */
export function later({ wall, monotonic }: Instant, after: Ms): Instant {
  return { wall: wall + after, monotonic: monotonic + after };
}

/** Returns the moment at which the wall clock should read `at`, seen from `now`. */
export function deadline(at: EpochMs, now: Instant): Instant {
  return { wall: at, monotonic: now.monotonic + (at - now.wall) };
}

/** Returns how long until the deadline, by the clock that reaches it first; 0 when it is past. */
export function until(due: Instant, now: Instant): Ms {
  return Math.max(0, Math.min(due.wall - now.wall, due.monotonic - now.monotonic));
}

export function isPast(due: Instant, now: Instant): boolean {
  return until(due, now) === 0;
}
