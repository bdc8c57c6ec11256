import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isBearerType,
  isShownType,
  MAX_TOKEN_TYPE_LENGTH,
  NOT_BEARER_PATTERN,
  notBearerBecause,
  TOKEN_TYPE,
} from '../../src/core/token-type.ts';
import { secret } from '../support/secrets.ts';

const PROOF_TYPES = ['mac', 'MAC', 'DPoP', 'dpop', 'PoP', 'pop'];

describe('a bearer type', () => {
  it.each([
    ['Bearer', []],
    ['bearer', []],
    ['BEARER', ['BearerToken']],
    ['BearerToken', ['BearerToken']],
    ['bearertoken', ['BearerToken']],
    ['application access token', ['Application Access Token']],
  ])('is %s with %j in the configuration', (type, others) => {
    expect(isBearerType(type, others)).toBe(true);
  });

  it.each([
    ['', []],
    ['BearerToken', []],
    ['Bearer ', []],
    ['Token', ['BearerToken']],
  ])('is not %j with %j in the configuration', (type, others) => {
    expect(isBearerType(type, others)).toBe(false);
  });

  it.each([...PROOF_TYPES, 'N_A', 'n_a'])('is never %s, whatever is configured', (type) => {
    expect(isBearerType(type, [type])).toBe(false);
    expect(notBearerBecause(type)).toEqual(expect.any(String));
    expect(new RegExp(NOT_BEARER_PATTERN).test(type)).toBe(true);
  });

  it('is rejected by the pattern of the JSON Schema exactly if the parser rejects it', () => {
    const near = fc.stringMatching(/^[macdponMACDPON_]{1,4}$/);
    fc.assert(
      fc.property(near, (type) => {
        expect(new RegExp(NOT_BEARER_PATTERN).test(type)).toBe(notBearerBecause(type) !== undefined);
      }),
    );
  });
});

describe('a name that is shown', () => {
  it.each([
    'BearerToken',
    'Application Access Token',
    'OAuth2',
    'urn:ietf:params:oauth:token-type:access_token',
    'session_token',
  ])('is %s', (type) => {
    expect(isShownType(type)).toBe(true);
    expect(TOKEN_TYPE.test(type)).toBe(true);
  });

  it.each([
    ['a token', secret('access-token')],
    ['hexadecimal digits', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['a UUID', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
    ['a JWT', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln'],
    ['a line break', 'Bearer\nToken'],
    ['an escape sequence', '\u001b[31mBearer'],
    ['nothing', ''],
    ['too many words', 'word '.repeat(20).trim()],
    ['a long word', 'a'.repeat(21)],
  ])('is not %s', (_what, type) => {
    expect(isShownType(type)).toBe(false);
  });

  it('is checked in linear time', () => {
    expect(isShownType('a '.repeat(100_000))).toBe(false);
    expect(TOKEN_TYPE.test('a '.repeat(100_000))).toBe(false);
    expect(MAX_TOKEN_TYPE_LENGTH).toBe(64);
  });
});
