import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const MOUNTS = '/proc/self/mountinfo';

/**
 * Which of the files are mounted one by one, as with `subPath`: the kubelet never updates those. Empty where the system
 * does not say.
 */
export function subPathMounts(directory: string, names: readonly string[], mounts: string = readMounts()): string[] {
  const mounted = new Set(mounts.split('\n').map(mountPointOf));
  const real = realPathOf(directory);
  return names.filter((name) => mounted.has(join(real, name)));
}

/** The fifth field of a line (proc_pid_mountinfo(5)), where blanks are written in octal. */
function mountPointOf(line: string): string {
  const point = line.split(' ')[4] ?? '';
  return point.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function readMounts(): string {
  try {
    return readFileSync(MOUNTS, 'utf8');
  } catch {
    return '';
  }
}

function realPathOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
