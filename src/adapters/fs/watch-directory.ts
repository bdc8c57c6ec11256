import { type BigIntStats, readdirSync, readlinkSync, statSync, watch as watchNode } from 'node:fs';
import { basename, join } from 'node:path';
import { systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';

/** The symlink that the kubelet swaps. Only its target identifies a state of the volume. */
export const DATA_LINK = '..data';

const DEFAULT_POLL: Ms = 2000;
/** Events that come within this time are one change. */
const GATHERED: Ms = 10;

/** The part of `fs.watch` that is needed here. */
export type WatchFunction = (
  directory: string,
  heard: (fileName: string | null) => void,
  failed: () => void,
) => () => void;

export interface WatchOptions {
  /** Which entries count. `..data` always does; without it in the directory, by default every entry. */
  readonly only?: (fileName: string) => boolean;
  /** How often to compare the signature, 2000 ms by default: the longest that a change can go unnoticed. */
  readonly poll?: Ms;
  /**
   * Reports a swap of `..data` without gathering further events. Only for readers that resolve `..data`: the kubelet makes the links
   * of new keys after the swap.
   */
  readonly swapsImmediately?: boolean;
  /** What the poll compares. By default where `..data` leads, else names, times and sizes of the entries. */
  readonly signature?: () => string;
  /** Instead of `fs.watch`. */
  readonly watch?: WatchFunction;
}

/**
 * Calls `changed` after a change in the directory: within some 10 ms where `fs.watch` works, at the latest after the
 * poll where it does not (inotify exhausted or silent, directory absent at first or replaced). Once a change.
 * Never keeps the process alive. The return value stops it.
 *
 * The directory is watched, never a file or `..data`: a watch on those is deaf after the first swap.
 */
export function watchDirectory(directory: string, changed: () => void, options: WatchOptions = {}): () => void {
  const watching = new DirectoryWatch(directory, changed, options);
  watching.start();
  return () => watching.stop();
}

class DirectoryWatch {
  readonly #directory: string;
  readonly #changed: () => void;
  readonly #options: WatchOptions;
  #signature = '';
  #watched = '';
  #stopWatch: (() => void) | undefined;
  #poll: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;

  constructor(directory: string, changed: () => void, options: WatchOptions) {
    this.#directory = directory;
    this.#changed = changed;
    this.#options = options;
  }

  start(): void {
    this.#attach();
    this.#signature = this.#sign();
    this.#poll = setInterval(() => this.#look(), this.#options.poll ?? DEFAULT_POLL).unref();
  }

  stop(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#detach();
  }

  #look(): void {
    // A change that was noticed is reported soon, and once.
    if (this.#gathering !== undefined) return;
    this.#attach();
    const signature = this.#sign();
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.#changed();
  }

  #heard(fileName: string | null): void {
    if (this.#options.swapsImmediately === true && fileName === DATA_LINK) return this.#swapped();
    if (this.#gathering !== undefined || !this.#counts(fileName)) return;
    this.#gathering = setTimeout(() => this.#report(), GATHERED).unref();
  }

  /** The poll may have been first. No two states that `..data` leads to have the same name, so the signature decides. */
  #swapped(): void {
    if (dataLink(this.#directory) === undefined || this.#sign() !== this.#signature) this.#report();
  }

  /** An event is believed even where the signature is the same: two writes can share one time stamp. */
  #report(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#attach();
    this.#signature = this.#sign();
    this.#changed();
  }

  #counts(fileName: string | null): boolean {
    if (fileName === null || fileName === DATA_LINK) return true;
    // The kubelet's scaffolding around a swap: `..2026_01_01…` and `..data_tmp`.
    if (fileName.startsWith('..')) return false;
    // The directory itself was moved or removed.
    if (fileName === basename(this.#directory)) return true;
    return this.#options.only?.(fileName) ?? dataLink(this.#directory) === undefined;
  }

  /** Watches the existing directory, if it is not already watched. */
  #attach(): void {
    const identity = identityOf(this.#directory);
    if (this.#stopWatch !== undefined && identity === this.#watched) return;
    this.#detach();
    if (identity === undefined) return;
    try {
      const watch = this.#options.watch ?? watchWithNode;
      this.#stopWatch = watch(
        this.#directory,
        (fileName) => this.#heard(fileName),
        () => this.#detach(),
      );
      this.#watched = identity;
    } catch {
      // EMFILE, ENOSPC, ENOENT: the poll sees the changes and tries again.
    }
  }

  #detach(): void {
    this.#stopWatch?.();
    this.#stopWatch = undefined;
  }

  #sign(): string {
    const { signature = () => signatureOf(this.#directory, this.#options.only) } = this.#options;
    try {
      // Another directory in its place is a change, whatever is in it.
      return `${identityOf(this.#directory)} ${signature()}`;
    } catch (error) {
      return `unreadable: ${systemCode(error) ?? 'unknown'}`;
    }
  }
}

function watchWithNode(directory: string, heard: (fileName: string | null) => void, failed: () => void): () => void {
  const watcher = watchNode(directory, { persistent: false }, (_event, fileName) => heard(fileName));
  watcher.on('error', failed);
  return () => watcher.close();
}

/**
 * Identifies a directory, so that another one in its place is noticed, by its time of creation: inode numbers are reused.
 * Returns `undefined` if it cannot be read: it is missing, is a link to itself, or is below a closed directory.
 */
function identityOf(directory: string): string | undefined {
  try {
    const stats = statSync(directory, { bigint: true });
    return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`;
  } catch {
    return undefined;
  }
}

function dataLink(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, DATA_LINK));
  } catch {
    return undefined;
  }
}

function signatureOf(directory: string, only: ((fileName: string) => boolean) | undefined): string {
  const link = dataLink(directory);
  if (link !== undefined) return link;
  const names = readdirSync(directory).filter((name) => only?.(name) ?? true);
  return names
    .sort()
    .map((name) => `${name} ${stampOf(statSync(join(directory, name), { bigint: true, throwIfNoEntry: false }))}`)
    .join('\n');
}

function stampOf(stats: BigIntStats | undefined): string {
  return stats === undefined ? 'gone' : `${stats.ino} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.size}`;
}
