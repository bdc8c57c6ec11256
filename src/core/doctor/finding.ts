import type { Observed } from './observed.ts';

/** Something that is wrong. */
export interface Finding {
  /** `error`: tokens are or will be missing or useless. `warning`: it may be meant. */
  readonly severity: 'error' | 'warning';
  /** What it is about: `Secret billing/billing-tokens`. */
  readonly subject: string;
  readonly message: string;
  readonly why: string;
  /** A command, or a sentence that says what to type. */
  readonly fix: string;
}

export const GROUPS = [
  'Configuration',
  'Authorization servers',
  'Credentials',
  'Installation',
  'AccessTokens',
  'Token Secrets',
  'Client apps',
  'Network',
  'Permissions',
] as const;

/** One question that the doctor asks. */
export interface Check {
  readonly name: string;
  readonly group: (typeof GROUPS)[number];
  /** What is true where nothing is found. */
  readonly title: string;
  /** When it can be answered: `before` an installation, `after` one, or `both`. */
  readonly when: 'before' | 'after' | 'both';
  readonly find: (seen: Observed) => readonly Finding[];
  /** Returns what could not be checked, and why, in sentences. */
  readonly unchecked?: (seen: Observed) => readonly string[];
  /** It is made only where somebody asked for it. */
  readonly option?: 'inPods' | 'trials';
}

/** Each value once, by the text that names it. */
export function uniqueBy<Value>(values: readonly Value[], nameOf: (value: Value) => string): readonly Value[] {
  return [...new Map(values.map((value) => [nameOf(value), value])).values()];
}
