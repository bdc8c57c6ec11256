import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { excuse } from './file-faults.ts';

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const OTHERS_READ = 0o004;
const OTHERS_ENTER = 0o001;

/**
 * Returns how somebody else controls this directory: the end of a sentence. Returns `undefined` where only the user of
 * this process and root can write to it. Access control lists are not read.
 */
export function foreignControlOf(stats: Pick<Stats, 'mode' | 'uid'>): string | undefined {
  const user = process.getuid?.();
  if (user === undefined) return undefined;
  if (stats.uid !== user && stats.uid !== 0) return `belongs to the user ${stats.uid}`;
  if ((stats.mode & OTHERS_WRITE) !== 0) return `can be written by every user (mode ${modeText(stats)})`;
  if ((stats.mode & GROUP_WRITES) !== 0) return `can be written by its group (mode ${modeText(stats)})`;
  return undefined;
}

/** Returns what to do about such a directory: a sentence. */
export function remedyOfControl(directory: string): string {
  const user = process.getuid?.() ?? '';
  return `Anyone who can write there could have this process move credentials to where clients read. Run: chown ${user} ${directory} && chmod go-w ${directory}.`;
}

/** Returns whether a path is a real directory, not a link, that only the user of this process and root can write to. */
export function isOwnDirectory(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && foreignControlOf(stats) === undefined;
}

/**
 * Returns the mode of a file that every user of this machine can read: its own mode and those of all folders above let
 * them. Returns `undefined` for a closed or missing one, and within a Secret volume, whose boundary is its pod.
 */
export function modeOpenToAll(path: string): string | undefined {
  // A swap of the volume may remove the file in between. Its reader reads again.
  return excuse(['ENOENT', 'ENOTDIR'], () => openMode(path));
}

function openMode(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || process.getuid === undefined || (stats.mode & OTHERS_READ) === 0) return undefined;
  const real = realpathSync(path);
  if (real.split(sep).some((part) => part.startsWith('..'))) return undefined;
  for (let folder = dirname(real); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & OTHERS_ENTER) === 0) return undefined;
  }
  return modeText(stats);
}

function modeText({ mode }: Pick<Stats, 'mode'>): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
