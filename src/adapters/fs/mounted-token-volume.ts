import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, systemCode } from '../../core/errors.ts';
import type { Ms } from '../../core/token.ts';
import { type DocumentedToken, documentKey, parseDocument, TokenVolumeError } from '../../core/token-volume.ts';
import type { TokenVolume } from '../../ports/token-volume.ts';
import { DATA_LINK, type WatchFunction, watchDirectory } from './watch-directory.ts';

const { O_NONBLOCK, O_RDONLY } = constants;
const LARGEST = 64 * 1024;
/** Each further try follows another swap that took place during the one before. */
const TRIES = 10;

export interface MountedTokenVolumeOptions {
  /** How often to look where `fs.watch` is silent. */
  readonly poll?: Ms;
  /** Instead of `fs.watch`. */
  readonly watch?: WatchFunction;
}

/**
 * The token volume in a directory: as the kubelet mounts it, with `..data` leading to one state after the other, or
 * plain. One watch serves all that watch, and there is none while nobody does.
 */
export function mountedTokenVolume(directory: string, options: MountedTokenVolumeOptions = {}): TokenVolume {
  const listeners = new Set<() => void>();
  let stop: (() => void) | undefined;

  function watch(changed: () => void): () => void {
    const listener = (): void => changed();
    listeners.add(listener);
    stop ??= watchDirectory(
      directory,
      () => {
        for (const listen of listeners) listen();
      },
      { ...options, swapsImmediately: true },
    );
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      stop?.();
      stop = undefined;
    };
  }

  return { read: (key) => readToken(directory, key), watch };
}

/** `..data` is resolved once, so that both files are of one state; a state that is removed in the meantime is read again. */
function readToken(directory: string, key: string): DocumentedToken | undefined {
  for (let tries = 1; ; tries += 1) {
    const state = stateOf(directory);
    const gone = (): boolean => tries < TRIES && stateOf(directory) !== state;
    try {
      const found = readState(join(directory, state ?? '.'), key);
      if (found !== undefined || !gone()) return found;
    } catch (error) {
      if (!gone()) throw error;
    }
  }
}

/** What `..data` leads to; `undefined` for a plain directory. */
function stateOf(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, DATA_LINK));
  } catch {
    return undefined;
  }
}

/** The `.json` is the truth, as it says when the token expires; the raw token is for others. */
function readState(directory: string, key: string): DocumentedToken | undefined {
  const text = readText(directory, documentKey(key));
  if (text === undefined) {
    if (readText(directory, key) === undefined) return undefined;
    throw new TokenVolumeError(
      `The volume has ${key} but no ${documentKey(key)}, which says when it expires: list both keys under items.`,
    );
  }
  return parseDocument(key, text);
}

function readText(directory: string, name: string): string | undefined {
  let file: number | undefined;
  try {
    // Without blocking, so that a pipe in place of the file cannot stop the process.
    file = openSync(join(directory, name), O_RDONLY | O_NONBLOCK);
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new TokenVolumeError(`The key ${name} is not a file.`);
    if (stats.size > LARGEST) throw new TokenVolumeError(`The key ${name} is larger than ${LARGEST} bytes.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (error instanceof TokenVolumeError) throw error;
    throw new TokenVolumeError(
      `The key ${name} cannot be read (${code ?? messageOf(error)}): the volume must be readable to this user.`,
    );
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
