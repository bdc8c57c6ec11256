import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

const APART: Ms = 60_000;
const REMEMBERED = 100;

/** Passes a sentence on at most once a minute, so that a flood of calls does not become a flood of log lines. */
export function withoutRepetition(
  clock: Pick<Clock, 'monotonic'>,
  pass: (sentence: string) => void,
): (sentence: string) => void {
  const passedAt = new Map<string, Ms>();
  return (sentence) => {
    const now = clock.monotonic();
    const last = passedAt.get(sentence);
    if (last !== undefined && now - last < APART) return;
    if (passedAt.size >= REMEMBERED) passedAt.clear();
    passedAt.set(sentence, now);
    pass(sentence);
  };
}
