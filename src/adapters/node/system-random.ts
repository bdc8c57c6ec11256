import type { Random } from '../../ports/random.ts';

/** Chance for jitter. Not for secrets. */
export function createSystemRandom(): Random {
  return { fraction: () => Math.random() };
}
