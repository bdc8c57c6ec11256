import { type Instant, later } from './instant.ts';
import type { Ms } from './token.ts';

const LONGEST: Ms = 5000;

/**
 * Returns when a token is due for a process that may not be the only one: later by chance, so that one of them renews it and the
 * others find it renewed. `chance` ∈ [0, 1) stays the same for one token of a process.
 */
export function dueByChance(
  { renewal, expiry }: { readonly renewal: Instant; readonly expiry: Instant },
  chance: number,
): Instant {
  const left = Math.max(0, expiry.wall - renewal.wall);
  return later(renewal, chance * Math.min(LONGEST, left / 4));
}
