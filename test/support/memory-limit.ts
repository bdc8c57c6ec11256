import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** A memory limit of the kernel, as in a container. */
export interface MemoryLimit {
  /** Words that come before a command, so that it runs within the limit from its start on. */
  readonly launcher: readonly string[];
  /** The peak of the memory in use, in bytes. */
  peak(): number;
  /** The number of processes that the kernel killed because of it. */
  kills(): number;
  remove(): Promise<void>;
}

const MOUNT = '/sys/fs/cgroup';
/** Moves the shell into the group, which then becomes the command. */
const ENTER = 'echo $$ > "$0" && exec "$@"';

/**
 * Returns `undefined` if this process may not create a control group: without root, or in a container without groups.
 */
export function createMemoryLimit(bytes: number): MemoryLimit | undefined {
  const v1 = join(MOUNT, 'memory');
  const name = `token-acquirer-test-${process.pid}-${Date.now()}`;
  const files = existsSync(join(v1, 'cgroup.procs')) ? VERSION_1 : VERSION_2;
  const group = join(files === VERSION_1 ? v1 : MOUNT, name);
  try {
    mkdirSync(group);
  } catch {
    return undefined;
  }
  try {
    writeFileSync(join(group, files.limit), String(bytes));
  } catch {
    rmdirSync(group);
    return undefined;
  }
  // Without swap, as under a kubelet. Not every kernel counts swap.
  if (existsSync(join(group, files.swap)))
    writeFileSync(join(group, files.swap), files === VERSION_1 ? String(bytes) : '0');
  const read = (file: string): string => readFileSync(join(group, file), 'utf8');
  return {
    launcher: ['/bin/sh', '-c', ENTER, join(group, 'cgroup.procs')],
    peak: () => Number(read(files.peak)),
    kills: () => Number(/^oom_kill (\d+)/m.exec(read(files.events))?.[1] ?? 0),
    async remove() {
      // A process that has just ended may still be counted.
      for (let tries = 0; tries < 100 && read('cgroup.procs') !== ''; tries += 1) await pause(50);
      rmdirSync(group);
    },
  };
}

const VERSION_1 = {
  limit: 'memory.limit_in_bytes',
  swap: 'memory.memsw.limit_in_bytes',
  peak: 'memory.max_usage_in_bytes',
  events: 'memory.oom_control',
} as const;

const VERSION_2 = {
  limit: 'memory.max',
  swap: 'memory.swap.max',
  peak: 'memory.peak',
  events: 'memory.events',
} as const;
