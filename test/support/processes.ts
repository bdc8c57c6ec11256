import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Whether the process is there; one that ended and was not yet waited for is not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Resolves with those that are still alive after this long, as soon as there are none. */
export async function survivors(pids: () => readonly number[], within: number): Promise<number[]> {
  const until = performance.now() + within;
  for (;;) {
    const alive = pids().filter(isAlive);
    if (alive.length === 0 || performance.now() > until) return alive;
    await pause(50);
  }
}
