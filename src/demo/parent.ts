import type { Ms } from '../core/token.ts';

const EVERY: Ms = 500;

/** Environment: the parent that the start script saw (`$PPID`), which may have ended by the time that this one looks. */
export const STARTED_BY = 'DEMO_STARTED_BY';

/**
 * Resolves when the process that started this one has ended. A killed npm takes nothing along, and this process would
 * run on with nobody to end it.
 */
export function parentGone(startedBy: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (process.ppid === startedBy) return;
      clearInterval(timer);
      resolve();
    }, EVERY).unref();
  });
}
