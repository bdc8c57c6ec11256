import { type Json, keyOf } from './kubernetes-api-patch.ts';
import { Rejection } from './kubernetes-api-status.ts';

type Matches = (object: Json) => boolean;

const KEY = '[\\w./-]+';
const FORMS: readonly [RegExp, (key: string, values: readonly string[]) => (value: string | undefined) => boolean][] = [
  [new RegExp(`^(${KEY}) in \\(([\\w., -]*)\\)$`), (_key, values) => (value) => values.includes(value ?? '\0')],
  [new RegExp(`^(${KEY}) notin \\(([\\w., -]*)\\)$`), (_key, values) => (value) => !values.includes(value ?? '\0')],
  [
    new RegExp(`^(${KEY})\\s*!=\\s*([\\w.-]*)$`),
    (_key, [wanted]) =>
      (value) =>
        value !== wanted,
  ],
  [
    new RegExp(`^(${KEY})\\s*==?\\s*([\\w.-]*)$`),
    (_key, [wanted]) =>
      (value) =>
        value === wanted,
  ],
  [new RegExp(`^!(${KEY})$`), () => (value) => value === undefined],
  [new RegExp(`^(${KEY})$`), () => (value) => value !== undefined],
];

/** Parses a label selector. Throws `Rejection` with 400 for an invalid one. */
export function labelSelector(text: string): Matches {
  const parts = text === '' ? [] : text.split(/,(?![^(]*\))/).map((part) => requirement(part.trim()));
  return (object) => parts.every((part) => part(object));
}

function requirement(text: string): Matches {
  for (const [form, make] of FORMS) {
    const [whole, key = '', values = ''] = form.exec(text) ?? [];
    if (whole === undefined) continue;
    const holds = make(
      key,
      values.split(',').map((value) => value.trim()),
    );
    return (object) => {
      const value = keyOf(keyOf(keyOf(object, 'metadata'), 'labels'), key);
      return holds(typeof value === 'string' ? value : undefined);
    };
  }
  throw new Rejection(400, 'BadRequest', `unable to parse requirement: ${text}`);
}

/** Parses a field selector of equalities: `metadata.name=x,spec.nodeName=y`. */
export function fieldSelector(text: string): Matches {
  const parts = text === '' ? [] : text.split(',').map((part) => part.split(/==?/));
  return (object) =>
    parts.every(([path = '', wanted]) => {
      let value: Json | undefined = object;
      for (const key of path.split('.')) value = keyOf(value, key);
      return value === wanted;
    });
}
