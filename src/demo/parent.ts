import type { Ms } from '../core/token.ts';

const EVERY: Ms = 500;

/**
 * Resolves when the process that started this one is gone. A killed npm takes nothing along, and this process would
 * run on with nobody to end it.
 *
 * `startedBy`: the parent that the start script saw, since it may be gone by the time that this is called.
 */
export function parentGone(startedBy: number = process.ppid): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (process.ppid === startedBy) return;
      clearInterval(timer);
      resolve();
    }, EVERY).unref();
  });
}
