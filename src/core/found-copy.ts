import type { Token } from './token.ts';
import { copiesOf } from './token-copies.ts';
import { isSameHeader } from './token-header.ts';
import {
  fromVolumeData,
  ownData,
  TokenVolumeError,
  toVolumeData,
  type VolumeData,
  type VolumeForm,
} from './token-volume.ts';

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
  /** Keys of copies that the configuration no longer names. */
  readonly formerCopies: readonly string[];
}

const NOTHING = { token: undefined, fault: undefined, isOurForm: false, formerCopies: [] } as const;

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
    return { ...NOTHING, token: held, isOurForm: true, isComplete: hasCommon };
  try {
    const documented = fromVolumeData(key, data);
    if (documented === undefined) return { ...NOTHING, isComplete: hasCommon };
    // The configuration says in which header the token is sent and where its copies are, and not what was found.
    const { header, copies = [], ...token } = documented;
    const kept = new Set(form.copies.map((copy) => copy.key));
    const hasCopies = contains(data, copiesOf(token.accessToken.reveal(), form.copies));
    return {
      ...NOTHING,
      token,
      isOurForm: contains(data, ownData(key, token, form)),
      isComplete: hasCommon && hasCopies && isSameHeader(header, form.header),
      formerCopies: copies.filter((copy) => !kept.has(copy)),
    };
  } catch (error) {
    if (!(error instanceof TokenVolumeError)) throw error;
    return { ...NOTHING, fault: error.message, isComplete: hasCommon };
  }
}

/** Whether the data has these keys with these texts. */
export function contains(data: Readonly<Record<string, string | undefined>>, wanted: VolumeData): boolean {
  return Object.entries(wanted).every(([key, text]) => data[key] === text);
}
