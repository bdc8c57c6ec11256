import type { EpochMs, Ms } from '../core/token.ts';

/** Time as an argument. */
export interface Clock {
  /** Wall clock: what `expires_at` is compared with. May jump. */
  now(): EpochMs;
  /** Never goes back and never jumps, but stands still while the machine is suspended. */
  monotonic(): Ms;
  /** Resolves after `delay`, or immediately when `signal` aborts. Never rejects, and never keeps the process alive. */
  wait(delay: Ms, signal?: AbortSignal): Promise<void>;
}
