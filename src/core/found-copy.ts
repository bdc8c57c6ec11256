import type { Token } from './token.ts';
import { copiesOf, NO_COPIES } from './token-copies.ts';
import { isSameHeader } from './token-header.ts';
import { fromVolumeData, TokenVolumeError, toVolumeData, type VolumeData, type VolumeForm } from './token-volume.ts';

/** What was read from the store. */
export interface Found {
  /** `undefined` where the store has no token, or data that is none. */
  readonly token: Token | undefined;
  /** Why the data is not a token, as a sentence that quotes none of it. */
  readonly fault: string | undefined;
  /** Whether it is written as this version writes it. */
  readonly isOurForm: boolean;
  /** Whether it names its header, and everything is stored next to it: its copies, and such as `ca.crt`. */
  readonly isComplete: boolean;
}

/** Where a token is stored, in which form, and what belongs next to it. */
export interface ExpectedCopy {
  readonly key: string;
  readonly form: VolumeForm;
  readonly common: VolumeData;
}

/** Describes what was read, next to the token in memory. */
export function describeFound(data: VolumeData, held: Token | undefined, { key, form, common }: ExpectedCopy): Found {
  const hasCommon = contains(data, common);
  // The usual case, which spares the parsing.
  if (held !== undefined && contains(data, toVolumeData(key, held, form)))
    return { token: held, fault: undefined, isOurForm: true, isComplete: hasCommon };
  try {
    const documented = fromVolumeData(key, data);
    if (documented === undefined)
      return { token: undefined, fault: undefined, isOurForm: false, isComplete: hasCommon };
    // The configuration says in which header the token is sent, and not the copy.
    const { header, ...token } = documented;
    const isOurForm = contains(data, toVolumeData(key, token, { ...form, copies: NO_COPIES }));
    const hasCopies = contains(data, copiesOf(token.accessToken.reveal(), form.copies));
    const isComplete = hasCommon && hasCopies && isSameHeader(header, form.header);
    return { token, fault: undefined, isOurForm, isComplete };
  } catch (error) {
    if (!(error instanceof TokenVolumeError)) throw error;
    return { token: undefined, fault: error.message, isOurForm: false, isComplete: hasCommon };
  }
}

/** Whether the data has these keys with these texts. */
export function contains(data: Readonly<Record<string, string | undefined>>, wanted: VolumeData): boolean {
  return Object.entries(wanted).every(([key, text]) => data[key] === text);
}
