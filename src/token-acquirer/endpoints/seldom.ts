import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';

const APART: Ms = 60_000;
const REMEMBERED = 100;

/** Passes a sentence on at most once a minute, so that a flood of calls is no flood of log lines. */
export function seldom(clock: Pick<Clock, 'monotonic'>, tell: (sentence: string) => void): (sentence: string) => void {
  const told = new Map<string, Ms>();
  return (sentence) => {
    const now = clock.monotonic();
    const last = told.get(sentence);
    if (last !== undefined && now - last < APART) return;
    if (told.size >= REMEMBERED) told.clear();
    told.set(sentence, now);
    tell(sentence);
  };
}
