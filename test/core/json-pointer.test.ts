import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conflictIn, documentOf, POINTER, pointerParts, valueAt } from '../../src/core/json-pointer.ts';

/** The document of RFC 6901 section 5. */
const RFC = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
};

describe('a JSON pointer', () => {
  it.each<[string, unknown]>([
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('finds what RFC 6901 says: %s', (pointer, value) => {
    expect(POINTER.test(pointer)).toBe(true);
    expect(valueAt(RFC, pointer)).toEqual(value);
  });

  it.each(['/foo/2', '/foo/00', '/foo/-', '/foo/length', '/bar', '/foo/0/x', '/constructor', '/__proto__', '/m~01n'])(
    'finds nothing at %s',
    (pointer) => {
      expect(valueAt(RFC, pointer)).toBeUndefined();
    },
  );

  it.each([null, 'text', 7, undefined])('finds nothing in %s', (document) => {
    expect(valueAt(document, '/a')).toBeUndefined();
  });

  it.each(['', 'foo', 'foo/bar', '/a~', '/a~2', '#/foo'])('is not %j', (text) => {
    expect(POINTER.test(text)).toBe(false);
  });

  it('unescapes in the order that RFC 6901 section 4 requires', () => {
    expect(pointerParts('/~01/~1')).toEqual(['~1', '/']);
  });
});

describe('a document from pointers', () => {
  it.each<[string, [string, unknown][], unknown]>([
    [
      'of names',
      [
        ['a', 1],
        ['b', 'x'],
      ],
      { a: 1, b: 'x' },
    ],
    [
      'of nested names',
      [
        ['/a/b', 1],
        ['/a/c/d', true],
      ],
      { a: { b: 1, c: { d: true } } },
    ],
    [
      'with a list in any order',
      [
        ['/m/1', 'b'],
        ['/m/0', 'a'],
      ],
      { m: ['a', 'b'] },
    ],
    [
      'with objects in a list',
      [
        ['/m/0/k', 1],
        ['/m/0/l', 2],
        ['/m/1/k', 3],
      ],
      { m: [{ k: 1, l: 2 }, { k: 3 }] },
    ],
    [
      'with numbers that leave a gap',
      [
        ['/m/0', 'a'],
        ['/m/2', 'b'],
      ],
      { m: { 0: 'a', 2: 'b' } },
    ],
    ['with escaped names', [['/a~1b/c~0d', 1]], { 'a/b': { 'c~d': 1 } }],
    ['of nothing', [], {}],
  ])('is made %s', (_what, values, document) => {
    expect(documentOf(values)).toEqual(document);
  });

  it('has members of any name, and changes no prototype', () => {
    const document = documentOf([['/__proto__/polluted', 1]]);
    expect(JSON.stringify(document)).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('has each value at its pointer', () => {
    const part = fc.stringMatching(/^[a-c~/]{1,3}$/);
    const pointer = fc
      .array(part, { minLength: 1, maxLength: 4 })
      .map((parts) => parts.map((one) => `/${one.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
    fc.assert(
      fc.property(fc.uniqueArray(pointer, { minLength: 1, maxLength: 6 }), (pointers) => {
        fc.pre(conflictIn(pointers) === undefined);
        const document = documentOf(pointers.map((one, index) => [one, index]));
        expect(pointers.map((one) => valueAt(document, one))).toEqual([...pointers.keys()]);
      }),
    );
  });
});

describe('places of one document', () => {
  it.each<[string, string[], [string, string] | undefined]>([
    ['next to each other', ['/a/b', '/a/c', 'd'], undefined],
    ['with a common beginning of their names', ['/a', '/ab'], undefined],
    ['inside each other', ['/a/b', '/a'], ['/a', '/a/b']],
    ['that are the same', ['/a', 'a'], ['/a', 'a']],
    ['far inside each other', ['/x', '/a/b/c/d', '/a/b'], ['/a/b', '/a/b/c/d']],
  ])('are looked at: %s', (_what, places, conflict) => {
    expect(conflictIn(places)).toEqual(conflict);
  });
});
