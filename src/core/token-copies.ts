import { isFileName } from './names.ts';

/**
 * The forms of a copy. A further one is one row here. There are no templates: their author could
 * send the token anywhere.
 */
const FORMS = {
  raw: { meaning: 'the token', text: (token: string) => token },
  bearer: {
    meaning: '`Bearer` and the token, as a whole value of `Authorization`',
    text: (token: string) => `Bearer ${token}`,
  },
} as const satisfies Readonly<Record<string, { meaning: string; text: (token: string) => string }>>;

export type CopyForm = keyof typeof FORMS;

export const COPY_FORMS = Object.keys(FORMS) as [CopyForm, ...CopyForm[]];

/** A further key of the same Secret that has the token, too, for a program that expects another key or another form. */
export interface TokenCopy {
  readonly key: string;
  readonly form: CopyForm;
}

/** One list for all tokens without copies. */
export const NO_COPIES: readonly TokenCopy[] = [];

/** Returns what the keys of the copies hold. */
export function copiesOf(accessToken: string, copies: readonly TokenCopy[]): Record<string, string> {
  return Object.fromEntries(copies.map(({ key, form }) => [key, FORMS[form].text(accessToken)]));
}

/** Whether a copy may have this key: the others of a Secret belong to tokens, their documents and the CA. */
export function isCopyKey(key: string): boolean {
  return isFileName(key) && !key.endsWith('.json') && key !== 'ca.crt';
}

export function isSameCopies(one: readonly TokenCopy[], other: readonly TokenCopy[]): boolean {
  return (
    one.length === other.length && one.every(({ key, form }, at) => other[at]?.key === key && other[at].form === form)
  );
}

/** Returns the meaning of a form, for the reference. */
export function meaningOf(form: CopyForm): string {
  return FORMS[form].meaning;
}
