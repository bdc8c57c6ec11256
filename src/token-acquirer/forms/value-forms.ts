import { z } from 'zod';
import { DURATION, DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { isLabel, LABEL } from '../../core/names.ts';
import { DEFAULT_RENEWAL, LATEST_RENEWAL, percentText } from '../../core/renewal.ts';

// The JSON Schema knows no refinements, so `meta` repeats them for it (src/docs/chart-schema.ts).

/** A file name, or a key of a Secret. */
export const KEY = /^[A-Za-z0-9](?:[-._A-Za-z0-9]{0,200}[A-Za-z0-9])?$/;
/** A DNS label as a part of another pattern. */
export const LABEL_PART = LABEL.source.slice(1, -1);
const PERCENTAGE = /^\d{1,2}(?:\.\d+)?%$/;
const PERCENTAGE_IN_BOUNDS = /^(?:(?:0?[1-9]|[1-8]\d)(?:\.\d+)?|90(?:\.0+)?)%$/;
const LOOPBACK = String.raw`(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])`;

/** A mapping that has only these keys. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const error = ({ code }: { readonly code?: string }): string | undefined =>
    code === 'unrecognized_keys' ? Object.keys(shape).join(KEY_SEPARATOR) : undefined;
  return z.strictObject(shape, { error });
}

/** Separates the valid keys in the issue that zod reports for an unknown key of a `section`. */
export const KEY_SEPARATOR = ', ';

export const label = z
  .string()
  .refine(isLabel, 'must be a DNS label: lower-case letters, digits and hyphens, at most 63')
  .meta({ pattern: LABEL.source });

export const objectName = z
  .string()
  .refine(
    (text) => text.length <= 253 && text.split('.').every(isLabel),
    'must be the name of a Kubernetes object: lower-case letters, digits, hyphens and dots',
  )
  .meta({ pattern: `^${LABEL_PART}(?:\\.${LABEL_PART})*$`, maxLength: 253 });

/** A name of a file or folder that leads nowhere else. */
export function fileName(what: string) {
  return z
    .string()
    .regex(KEY, `must be ${what} of letters, digits, hyphens, dots and underscores`)
    .refine((text) => !text.includes('..'), 'must not contain ".."')
    .meta({ not: { pattern: '[.][.]' } });
}

/** A whole number within bounds. */
export function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return z.int().min(least, message).max(most, message);
}

export const file = z.string().min(1, 'must be the path of a file');

export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, `must be ${DURATION_FORM}, greater than zero`)
  .meta({ pattern: DURATION.source, allOf: [{ pattern: '[1-9]' }] });

export const percentage = z
  .string()
  .refine(
    (text) => PERCENTAGE.test(text) && isBetween(Number.parseFloat(text) / 100, 0.01, LATEST_RENEWAL),
    `must be a percentage from 1% to ${percentText(LATEST_RENEWAL)}, such as ${percentText(DEFAULT_RENEWAL.at)}`,
  )
  .meta({ pattern: PERCENTAGE_IN_BOUNDS.source });

export const url = z
  .string()
  .superRefine((text, context) => {
    const problem = urlProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  })
  .meta({ pattern: String.raw`^(?:https://[^\s/?#@:][^\s/?#@]*|http://${LOOPBACK}(?::\d+)?)(?:[/?#].*)?$` });

export const proxyUrl = z
  .string()
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be an http or https URL')
  .meta({ pattern: '^https?://' });

export const values = z.union([z.string(), z.array(z.string()).min(1)], 'must be a text or a list of texts');

/** For JSON Schema: either key requires the other. */
export function together(one: string, other: string): Record<string, string[]> {
  return { [one]: [other], [other]: [one] };
}

/** For `oneOf` or `anyOf` of JSON Schema: one alternative per key. */
export function either(...keys: readonly string[]): { required: string[] }[] {
  return keys.map((key) => ({ required: [key] }));
}

function urlProblem(text: string): string | undefined {
  const parsed = URL.parse(text);
  if (parsed === null) return 'must be an absolute URL';
  if (parsed.username !== '' || parsed.password !== '')
    return 'must not contain a user name or password; credentials belong in the credentials volume';
  if (parsed.protocol === 'https:' || (parsed.protocol === 'http:' && isLoopbackHost(parsed.hostname)))
    return undefined;
  return 'must use https; plain http is for loopback only';
}

function isBetween(number: number, least: number, most: number): boolean {
  return number >= least && number <= most;
}
