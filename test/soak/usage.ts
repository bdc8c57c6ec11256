import { readdirSync, readFileSync } from 'node:fs';

/** What a process uses. */
export interface Usage {
  /** Anonymous memory, in bytes. */
  readonly memory: number;
  readonly descriptors: number;
}

/** Returns `undefined` where the process has ended. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const memory = Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
    return { memory, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}
