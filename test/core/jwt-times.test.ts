import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJwt, timeInJwt } from '../../src/core/jwt-times.ts';

function jwt(claims: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.c2lnbmF0dXJl`;
}

describe('a time in a JWT', () => {
  it('is read in milliseconds', () => {
    expect(timeInJwt(jwt({ exp: 1_700_000_000, nbf: 1.5 }), 'exp')).toBe(1_700_000_000_000);
    expect(timeInJwt(jwt({ exp: 1_700_000_000, nbf: 1.5 }), 'nbf')).toBe(1500);
  });

  it.each([
    ['is missing', jwt({})],
    ['is a text', jwt({ exp: '1700000000' })],
    ['is in claims that are no mapping', jwt([1])],
    ['is in claims that are nothing', jwt(null)],
    ['is in no JSON', 'a.b.c'],
    ['is in an opaque token', 'opaque'],
    ['is in a JWE', `${jwt({ exp: 1 })}.d.e`],
  ])('is unknown where it %s', (_what, text) => {
    expect(timeInJwt(text, 'exp')).toBeUndefined();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.json(), (text, json) => {
        timeInJwt(text, 'exp');
        timeInJwt(`a.${Buffer.from(json).toString('base64url')}.b`, 'exp');
      }),
    );
  });
});

it('a JWT has three parts of base64url', () => {
  expect(isJwt(jwt({}))).toBe(true);
  for (const text of ['', 'a.b', 'a.b.c.d', 'a.b.c ', 'a.b.c\nd', 'a..c']) expect(isJwt(text)).toBe(false);
});
