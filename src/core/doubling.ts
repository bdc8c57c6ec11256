import type { Ms } from './token.ts';

/** Returns the pause after so many failures in a row: `first` after one, doubled for each further one, at most `longest`. */
export function doubled(first: Ms, longest: Ms, failures: number): Ms {
  // The exponent is bounded, because 2 ** 1024 is Infinity and Infinity times a jitter of 0 is NaN.
  return Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
}
