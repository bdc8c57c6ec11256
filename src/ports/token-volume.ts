import type { DocumentedToken } from '../core/token-volume.ts';

/** The client's view of the mounted token volume. */
export interface TokenVolume {
  /**
   * The token under `key`, both of its files taken from one state of the volume; `undefined` where it has none yet.
   * Throws TokenVolumeError for data that is no token.
   */
  read(key: string): DocumentedToken | undefined;
  /** Calls back after the volume changed, at the latest after the polling interval; the return value stops it. */
  watch(changed: () => void): () => void;
}
