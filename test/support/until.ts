import { setTimeout as pause } from 'node:timers/promises';

const EVERY = 50;

/** Resolves as soon as it is so; rejects where it does not come to be so within this many milliseconds. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, within: number): Promise<void> {
  const end = performance.now() + within;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${within / 1000} s.`);
    await pause(EVERY);
  }
}
