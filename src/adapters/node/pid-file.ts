import { readFileSync, statSync } from 'node:fs';
import { systemCode } from '../../core/errors.ts';
import type { Execution } from '../../ports/execution-state.ts';

const MOST_BYTES = 64;
/** Only a positive number: 0 and negative numbers would mean whole groups of processes. */
const PID = /^\s*([1-9]\d{0,9})\s*$/;

/**
 * `running` while the process lives that the file names, `stopped` where it does not or there is no file, `unknown`
 * where the file cannot be read or holds something else.
 */
export function lookAtPidFile(path: string): Execution {
  const text = readPid(path);
  if (text === undefined) return 'stopped';
  const pid = PID.exec(text)?.[1];
  return pid === undefined ? 'unknown' : lookAtProcess(Number(pid));
}

/** `undefined` where there is no file, an empty text where it cannot be a PID file. */
function readPid(path: string): string | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() && stats.size <= MOST_BYTES ? readFileSync(path, 'latin1') : '';
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? undefined : '';
  }
}

function lookAtProcess(pid: number): Execution {
  try {
    // Signal 0 is never delivered; it only asks.
    process.kill(pid, 0);
    return 'running';
  } catch (error) {
    // Another user's process lives too.
    if (systemCode(error) === 'EPERM') return 'running';
    return systemCode(error) === 'ESRCH' ? 'stopped' : 'unknown';
  }
}
