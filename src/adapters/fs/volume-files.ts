import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  type Dirent,
  fchmodSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { excuse } from './file-faults.ts';

// All of it synchronous: a few microseconds a call, a tenth of what it costs through the thread pool, where it would
// also wait behind name lookups that hang.

export const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;
const MOST_BYTES = 64 * 1024 + 1;

/** The entries of a directory; none where opening it fails with an excused code. */
export function list(directory: string, excused: readonly string[] = ['ENOENT']): Dirent[] {
  return excuse(excused, () => readdirSync(directory, { withFileTypes: true })) ?? [];
}

/** The file's text, cut after one byte more than a key of a token may have: enough to see that it is too long. */
export function readText(path: string): string {
  // Neither through a symlink out of the state, nor waiting for the writer of a FIFO.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(MOST_BYTES, fstatSync(file).size));
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(file);
  }
}

/** Creates a file, readable by the group. */
export function writeNew(path: string, text: string): void {
  const file = openSync(path, 'wx', FILE_MODE);
  try {
    // The mode given to open is cut by the umask.
    fchmodSync(file, FILE_MODE);
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}

/**
 * The same file in another directory. A hard link costs one call and no space; where there can be none (file systems, files of another user), a copy.
 */
export function carry(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    chmodSync(to, FILE_MODE);
  }
}

/** Creates a symlink, and replaces an existing file or symlink. */
export function linkAnew(target: string, path: string): void {
  const made = excuse(['EEXIST'], () => {
    symlinkSync(target, path);
    return true;
  });
  if (made) return;
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

/** Creates a directory and those above it with mode 0750, whatever the umask. Existing ones stay as they are. */
export function makeDirectory(path: string): void {
  const made = excuse(['ENOENT', 'EEXIST'], () => {
    mkdirSync(path, DIRECTORY_MODE);
    return true;
  });
  if (made) {
    // What a set-group-ID parent handed down is kept: it is how a group of readers is given.
    chmodSync(path, (statSync(path).mode & 0o7000) | DIRECTORY_MODE);
    return;
  }
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  makeDirectory(dirname(path));
  makeDirectory(path);
}

/** Removes a directory that should hold these files and nothing else: faster than `rm` is. */
export function removeDirectory(path: string, names: readonly string[]): void {
  try {
    for (const name of names) unlinkSync(join(path, name));
    rmdirSync(path);
  } catch {
    rmSync(path, { recursive: true, force: true });
  }
}
