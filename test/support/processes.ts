import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Returns whether the process runs. A process that ended but was not yet waited for does not count. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Resolves as soon as all processes have ended, or after this time with those that still run. */
export async function survivors(pids: () => readonly number[], within: number): Promise<number[]> {
  const until = performance.now() + within;
  for (;;) {
    const alive = pids().filter(isAlive);
    if (alive.length === 0 || performance.now() > until) return alive;
    await pause(50);
  }
}
