import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SHARED_FOLDER } from '../../core/credential.ts';
import { isShared } from './credential-folder.ts';
import { type WatchOptions, watchDirectory } from './watch-directory.ts';

interface Watched {
  readonly listeners: Set<() => void>;
  /** Reads it again, and calls back where it is another. */
  readonly look: () => void;
  /** For a change in the root: only then is it worth reading. */
  readonly lookIfMoved: () => void;
  readonly stop: () => void;
}

export interface CredentialWatchesOptions extends Pick<WatchOptions, 'poll' | 'watch'> {
  /** Identifies a state of a credential; `undefined` while it cannot be read. */
  readonly stateOf: (credential: string) => string | undefined;
}

/** Watches of credential folders in one root; however many watch a credential, it is watched once. */
export class CredentialWatches {
  readonly #root: string;
  readonly #options: CredentialWatchesOptions;
  readonly #watched = new Map<string, Watched>();
  #stopRoot: () => void = () => undefined;

  constructor(root: string, options: CredentialWatchesOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** Calls back after a change of that credential; the result stops it. */
  add(credential: string, changed: () => void): () => void {
    if (this.#watched.size === 0) this.#stopRoot = this.#watchRoot();
    const watched = this.#watched.get(credential) ?? this.#open(credential);
    this.#watched.set(credential, watched);
    const listener = (): void => changed();
    watched.listeners.add(listener);
    return () => {
      if (!watched.listeners.delete(listener) || watched.listeners.size > 0) return;
      this.#watched.delete(credential);
      watched.stop();
      if (this.#watched.size === 0) this.#stopRoot();
    };
  }

  /**
   * One watch for all, so that each credential does not cost as much as all of them. Where the root is one projected volume, the
   * folders are links into it, and a swap happens in the root.
   */
  #watchRoot(): () => void {
    const changed = (): void => {
      for (const { lookIfMoved } of Array.from(this.#watched.values())) lookIfMoved();
    };
    const stopRoot = watchDirectory(this.#root, changed, { ...this.#options, only: (name) => this.#watched.has(name) });
    const stopShared = this.#watchShared();
    return () => {
      stopRoot();
      stopShared();
    };
  }

  /** One for all credentials without their own folder: a swap of that volume may have changed any of them. */
  #watchShared(): () => void {
    const changed = (): void => {
      for (const [credential, { look }] of Array.from(this.#watched)) if (isShared(this.#root, credential)) look();
    };
    return watchDirectory(join(this.#root, SHARED_FOLDER), changed, this.#options);
  }

  #open(credential: string): Watched {
    const { stateOf } = this.#options;
    const listeners = new Set<() => void>();
    const path = join(this.#root, credential);
    let state = stateOf(credential);
    let place = placeOf(path);
    const look = (): void => {
      const before = state;
      // Too many open files are no change of the credential: a server that rejected it would be asked again for nothing.
      state = stateOf(credential) ?? before;
      if (state !== before) for (const listen of Array.from(listeners)) listen();
    };
    const lookIfMoved = (): void => {
      const before = place;
      place = placeOf(path);
      if (place !== before) look();
    };
    // Without its own folder there is nothing to watch here: the watch of the shared folder covers all of them.
    const stop = isShared(this.#root, credential) ? () => undefined : watchDirectory(path, look, this.#options);
    return { listeners, look, lookIfMoved, stop };
  }
}

/** Which folder it is that stands there now: another one after it was replaced, or the volume swapped. */
function placeOf(folder: string): string | undefined {
  try {
    const path = realpathSync(folder);
    const { ino, birthtimeNs } = statSync(path, { bigint: true });
    return `${path} ${ino} ${birthtimeNs}`;
  } catch {
    return undefined;
  }
}
