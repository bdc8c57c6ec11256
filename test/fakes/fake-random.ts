import type { Random } from '../../src/ports/random.ts';

/** Returns known random numbers: always this number, or these in turn and from the start again. */
export function fakeRandom(fractions: number | readonly number[] = 0): Random {
  const sequence = typeof fractions === 'number' ? [fractions] : fractions;
  let at = 0;
  return {
    fraction() {
      const fraction = sequence[at % sequence.length] ?? 0;
      at += 1;
      return fraction;
    },
  };
}

/** Evenly spread fractions that are the same in every run (a Weyl sequence). */
export function evenFractions(): Random {
  let at = 0;
  return {
    fraction() {
      at = (at + 0.618_033_988_749_895) % 1;
      return at;
    },
  };
}
