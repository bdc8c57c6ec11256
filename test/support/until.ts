import { setTimeout as pause } from 'node:timers/promises';

const EVERY = 50;

/** Resolves as soon as the condition holds. Rejects if it does not hold within this many milliseconds. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, within: number): Promise<void> {
  const end = performance.now() + within;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${within / 1000} s.`);
    await pause(EVERY);
  }
}
