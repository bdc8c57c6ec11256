import type { Token } from './token.ts';
import { fromVolumeData, TokenVolumeError, toVolumeData, type VolumeData } from './token-volume.ts';

/** What was read from the store. */
export interface Found {
  /** `undefined` where the store has no token, or data that is none. */
  readonly token: Token | undefined;
  /** Why the data is not a token, as a sentence that quotes none of it. */
  readonly fault: string | undefined;
  /** Whether it is written as this version writes it. */
  readonly isOurForm: boolean;
  /** Whether everything is stored next to it, such as `ca.crt`. */
  readonly isComplete: boolean;
}

/** Describes what was read, next to the token in memory. `common`: what belongs next to the stored token. */
export function describeFound(key: string, data: VolumeData, held: Token | undefined, common: VolumeData): Found {
  const isComplete = contains(data, common);
  // The usual case, which spares the parsing.
  if (held !== undefined && contains(data, toVolumeData(key, held)))
    return { token: held, fault: undefined, isOurForm: true, isComplete };
  try {
    const token = fromVolumeData(key, data);
    const isOurForm = token !== undefined && contains(data, toVolumeData(key, token));
    return { token, fault: undefined, isOurForm, isComplete };
  } catch (error) {
    if (!(error instanceof TokenVolumeError)) throw error;
    return { token: undefined, fault: error.message, isOurForm: false, isComplete };
  }
}

/** Whether the data has these keys with these texts. */
export function contains(data: Readonly<Record<string, string | undefined>>, wanted: VolumeData): boolean {
  return Object.entries(wanted).every(([key, text]) => data[key] === text);
}
