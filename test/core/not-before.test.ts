import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepBack, type NewToken, notBeforeOf } from '../../src/core/not-before.ts';
import { unsignedJwt } from '../support/jwt.ts';

const NOW = Date.UTC(2026, 0, 1);
const SECONDS = NOW / 1000;

describe('the nbf of an access token', () => {
  it.each<[string, string, number | undefined]>([
    ['is read from a JWT', unsignedJwt({ nbf: SECONDS }), NOW],
    ['is read with a fraction', unsignedJwt({ nbf: SECONDS + 0.5 }), NOW + 500],
    ['may be missing', unsignedJwt({ iat: SECONDS }), undefined],
    ['may be a text', unsignedJwt({ nbf: '1' }), undefined],
    ['may be null', unsignedJwt({ nbf: null }), undefined],
    ['is not in a list', unsignedJwt([1]), undefined],
    ['is not in null', unsignedJwt(null), undefined],
    ['is not in an opaque token', 'opaque', undefined],
    ['is not in a token with dots', 'one.two.three', undefined],
    ['is not in four parts', `${unsignedJwt({ nbf: SECONDS })}.four`, undefined],
    ['is not in an encrypted JWT', 'a.b.c.d.e', undefined],
    ['is not in parts that are not base64url', `{}.${unsignedJwt({ nbf: 1 }).split('.')[1]}.!`, undefined],
    ['is not in an empty token', '', undefined],
    ['is not in empty parts', '..', undefined],
  ])('%s', (_sentence, token, nbf) => {
    expect(notBeforeOf(token)).toBe(nbf);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const payload = Buffer.from(other).toString('base64url');
        expect(() => notBeforeOf(one)).not.toThrow();
        expect(() => notBeforeOf(`a.${payload}.c`)).not.toThrow();
      }),
    );
  });
});

describe('a new token', () => {
  const token: NewToken = { notBefore: NOW, now: NOW, skew: 0, lifetime: 3_600_000, remaining: 1_200_000 };

  it.each<[string, Partial<NewToken>, number]>([
    ['is not kept back once it is due', {}, 0],
    ['is not kept back after it was due', { notBefore: NOW - 5000 }, 0],
    ['is not kept back without a time', { notBefore: undefined }, 0],
    ['is kept back until it is due', { notBefore: NOW + 3000 }, 3000],
    ['is kept back for a minute at most', { notBefore: NOW + 3_600_000 }, 60_000],
    ['is kept back for half of the rest of the other', { notBefore: NOW + 30_000, remaining: 10_000 }, 5000],
    ['is kept back for half of its own life', { notBefore: NOW + 30_000, lifetime: 20_000 }, 10_000],
    ['is not kept back without another', { notBefore: NOW + 3000, remaining: 0 }, 0],
    ['is not kept back if the other has expired', { notBefore: NOW + 3000, remaining: -1 }, 0],
    ['is not kept back because of a clock that is behind', { notBefore: NOW + 3_600_000, skew: -3_600_000 }, 0],
    ['is kept back though the clock is ahead', { notBefore: NOW - 3_597_000, skew: 3_600_000 }, 3000],
  ])('%s', (_sentence, given, wait) => {
    expect(keepBack({ ...token, ...given })).toBe(wait);
  });
});
