import fc from 'fast-check';
import { CANARY } from './fuzz.ts';

/** Texts that harm what trusts them: line breaks, control bytes, other alphabets, lone surrogates, names of prototypes. */
export const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\r\nInjected: 1',
    'a\r\nb',
    'a\nb',
    'a b',
    '\u2028',
    '\ud800',
    '\u202ereversed',
    '__proto__',
    'constructor',
    'toString',
    '../../etc/passwd',
    '{{ .Values }}',
    '${jndi:ldap}',
    'a'.repeat(17 * 1024),
  ),
  fc.tuple(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 })).map(([one, other]) => `${one}${CANARY}${other}`),
);

/** JSON of any kind, and numbers that JSON can write and a program cannot use. */
const hostileJson = fc.oneof(
  hostileText.map((text) => JSON.stringify(text)),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '1e400',
    '-1e400',
    '1e308',
    '1e306',
    '-0',
    '8.64e15',
    '8.64e12',
    '9007199254740993',
    '0.1',
    '{"__proto__":{"polluted":true}}',
    '{"toString":null,"valueOf":null}',
    '[[]]',
    'null',
  ),
);

const PROTOTYPE_NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];

/** A value in JSON, where a text replaces a value at its path, and `undefined` removes it. */
type Edits = ReadonlyMap<string, string | undefined>;

/**
 * Texts near a JSON object: some of its values are replaced or missing at any depth, prototype keys are added, and sometimes
 * the text itself is damaged.
 */
export function nearJson(valid: object): fc.Arbitrary<string> {
  const edit = fc.tuple(
    fc.constantFrom(...pathsIn(valid)),
    fc.oneof({ weight: 5, arbitrary: hostileJson }, { weight: 1, arbitrary: fc.constant(undefined) }),
  );
  const whole = fc.array(edit, { maxLength: 3 }).map((edits) => written(valid, new Map(edits)) ?? 'null');
  return fc.oneof(
    { weight: 8, arbitrary: whole },
    { weight: 2, arbitrary: whole.chain(damaged) },
    { weight: 1, arbitrary: hostileJson },
    { weight: 1, arbitrary: hostileText },
  );
}

/** The paths of all members of an object, and of prototype keys in each object. */
function pathsIn(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const added = Array.isArray(value) ? [] : PROTOTYPE_NAMES.map((name) => `${path}/${name}`);
  return Object.entries(value)
    .flatMap(([name, member]) => [`${path}/${name}`, ...pathsIn(member, `${path}/${name}`)])
    .concat(added);
}

function written(value: unknown, edits: Edits, path = ''): string | undefined {
  if (edits.has(path)) return edits.get(path);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.flatMap((one, at) => written(one, edits, `${path}/${at}`) ?? []).join(',')}]`;
  }
  const names = [...Object.keys(value), ...PROTOTYPE_NAMES.filter((name) => edits.has(`${path}/${name}`))];
  const members = names.flatMap((name) => {
    const text = written((value as Readonly<Record<string, unknown>>)[name], edits, `${path}/${name}`);
    return text === undefined ? [] : `${JSON.stringify(name)}:${text}`;
  });
  return `{${members.join(',')}}`;
}

/** The text with a few cuts, insertions and repetitions. */
export function damaged(text: string): fc.Arbitrary<string> {
  const edit = fc.record({ at: fc.nat(text.length), cut: fc.nat(20), insert: fc.oneof(hostileText, fc.constant('')) });
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let changed = text;
    for (const { at, cut, insert } of edits) changed = changed.slice(0, at) + insert + changed.slice(at + cut);
    return changed;
  });
}

const headerTexts = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '30',
    '30.5',
    '999999999999999',
    '1e9',
    '1796000000',
    '1796000000000',
    'Mon, 30 Nov 2026 12:00:00 GMT',
    'Mon Nov 30 12:00:00 2026',
    'Mon, 30 Nov 999999 12:00:00 GMT',
    '"default";r=0;t=30',
    'limit=10, remaining=0, reset=30',
    CANARY,
  ),
  fc.string({ unit: fc.constantFrom(...Array.from('Bearer error="invalid_token", \\\'=;,')), maxLength: 60 }),
  fc.constantFrom(
    `Bearer error="invalid_token", error_description="${CANARY}"`,
    `Basic realm="${CANARY}", Bearer error=insufficient_scope`,
    `Negotiate ${CANARY}==, Bearer error='${CANARY}'`,
  ),
);

/** Values of a header as a library hands them over: without control characters. */
export const headerText = headerTexts.map((text) => text.replaceAll(/[^\x20-\x7e\x80-\xff]/g, '').trim());

/** Headers of an answer, some of these. */
export function headers(...names: readonly string[]): fc.Arbitrary<Record<string, string>> {
  const field = fc.tuple(fc.constantFrom(...names), headerText);
  return fc.array(field, { maxLength: 4 }).map((fields) => Object.fromEntries(fields));
}
