import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BEARER_HEADER,
  HEADER_NAME_PATTERN,
  HeaderError,
  headerMember,
  headerNameProblem,
  headerOf,
  isSameHeader,
  MAX_HEADER_NAME,
  MAX_PREFIX,
  PREFIX_PATTERN,
  parseHeader,
  prefixProblem,
  TAKEN_NAME_PATTERN,
} from '../../src/core/token-header.ts';

const KEYSTONE = { name: 'X-Auth-Token', prefix: '' };

describe('the name of a header for a token', () => {
  it.each(['Authorization', 'X-Auth-Token', 'api_key', 'x'.repeat(MAX_HEADER_NAME)])('can be %s', (name) => {
    expect(headerNameProblem(name)).toBeUndefined();
  });

  it.each<readonly [string, string]>([
    ['', 'is not a valid name of an HTTP header'],
    ['X Auth', 'is not a valid name of an HTTP header'],
    ['X-Auth:', 'is not a valid name of an HTTP header'],
    [':authority', 'is not a valid name of an HTTP header'],
    ['X-Auth\r\nHost', 'is not a valid name of an HTTP header'],
    ['Größe', 'is not a valid name of an HTTP header'],
    ['x'.repeat(MAX_HEADER_NAME + 1), 'is longer than 64 characters'],
    ...['Host', 'COOKIE', 'Connection', 'transfer-encoding', 'TE', 'Content-Length', 'content-anything'].map(
      (name) => [name, 'has another meaning in HTTP'] as const,
    ),
    ...['Proxy-Authorization', 'Sec-Fetch-Mode', 'X-Forwarded-For', 'Upgrade', 'Expect', 'Set-Cookie'].map(
      (name) => [name, 'has another meaning in HTTP'] as const,
    ),
  ])('cannot be %j', (name, problem) => {
    expect(headerNameProblem(name)).toBe(problem);
  });

  it('is judged by its patterns in the same way', () => {
    const [valid, taken] = [new RegExp(HEADER_NAME_PATTERN), new RegExp(TAKEN_NAME_PATTERN)];
    const parts = ['host', 'Content-', 'proxy-', 'te', 'x', '-', 'If-', 'Cookie', ' ', ':', 'T', 'via'];
    const names = fc.array(fc.constantFrom(...parts), { maxLength: 4 }).map((list) => list.join(''));
    const agree = fc.property(names, (name) => {
      expect(headerNameProblem(name) === undefined).toBe(valid.test(name) && !taken.test(name));
    });
    fc.assert(agree, { numRuns: 2000 });
  });
});

describe('the text before a token', () => {
  it.each(['', 'Bearer ', 'Token token=', 'key:', '=', '"', 'x'.repeat(MAX_PREFIX - 1).concat(' ')])(
    'can be %j',
    (prefix) => {
      expect(prefixProblem(prefix)).toBeUndefined();
    },
  );

  it.each([
    [' ', 'begins with a space'],
    [' Bearer ', 'begins with a space'],
    ['Bearer', 'ends with a letter or digit, so the token would run into it'],
    ['x', 'ends with a letter or digit, so the token would run into it'],
    ['Bearer\r\n', 'contains a character that is not printable ASCII'],
    ['Bearer\t', 'contains a character that is not printable ASCII'],
    ['Schlüssel ', 'contains a character that is not printable ASCII'],
    [' '.padStart(MAX_PREFIX + 1, 'x'), 'is longer than 64 characters'],
  ])('cannot be %j', (prefix, problem) => {
    expect(prefixProblem(prefix)).toBe(problem);
  });

  it('is judged by its pattern in the same way', () => {
    const pattern = new RegExp(PREFIX_PATTERN);
    const agree = fc.property(fc.string({ maxLength: MAX_PREFIX }), (prefix) => {
      expect(prefixProblem(prefix) === undefined).toBe(pattern.test(prefix));
    });
    fc.assert(agree, { numRuns: 2000 });
  });
});

describe('a header that is partly given', () => {
  it.each([
    [undefined, BEARER_HEADER],
    [{}, BEARER_HEADER],
    [{ name: 'authorization' }, BEARER_HEADER],
    [{ prefix: 'Token ' }, { name: 'Authorization', prefix: 'Token ' }],
    [{ name: 'X-Auth-Token' }, KEYSTONE],
    [
      { name: 'X-Auth-Token', prefix: 'Bearer ' },
      { name: 'X-Auth-Token', prefix: 'Bearer ' },
    ],
    [
      { name: 'Authorization', prefix: '' },
      { name: 'Authorization', prefix: '' },
    ],
  ])('%j has the usual rest', (given, header) => {
    expect(headerOf(given)).toEqual(header);
  });

  it('is the one object that all tokens share where it is the usual one', () => {
    expect(headerOf({ name: 'AUTHORIZATION', prefix: 'Bearer ' })).toBe(BEARER_HEADER);
  });
});

describe('the header of a document', () => {
  it('is left out where it is the usual one, so that volumes stay as they are', () => {
    expect(headerMember(BEARER_HEADER)).toEqual({});
    expect(headerMember(KEYSTONE)).toEqual({ header: KEYSTONE });
  });

  it('is read, with members of later versions', () => {
    expect(parseHeader(undefined)).toBeUndefined();
    expect(parseHeader({ name: 'authorization', prefix: 'Bearer ' })).toBeUndefined();
    expect(parseHeader({ ...KEYSTONE, encoding: 'base64' })).toEqual(KEYSTONE);
  });

  it.each<[unknown, string]>([
    [null, 'has a header without name or prefix'],
    ['X-Auth-Token', 'has a header without name or prefix'],
    [{ name: 'X-Auth-Token' }, 'has a header without name or prefix'],
    [{ name: 1, prefix: '' }, 'has a header without name or prefix'],
    [{ name: 'Host', prefix: '' }, 'has a header whose name has another meaning in HTTP'],
    [
      { name: 'X-Auth-Token', prefix: 'a\r\nHost: ' },
      'has a header whose prefix contains a character that is not printable ASCII',
    ],
  ])('is rejected where it is %j', (value, message) => {
    expect(() => parseHeader(value)).toThrow(new HeaderError(message));
  });
});

describe('two headers', () => {
  it.each([
    [undefined, BEARER_HEADER, true],
    [KEYSTONE, { name: 'x-auth-token', prefix: '' }, true],
    [KEYSTONE, undefined, false],
    [BEARER_HEADER, { name: 'Authorization', prefix: 'bearer ' }, false],
  ])('%j and %j are compared as HTTP does', (one, other, same) => {
    expect(isSameHeader(one, other)).toBe(same);
  });
});
