import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readProjectedToken, refusalOf } from '../../src/adapters/kubernetes/callers/projected-token.ts';
import { isJwt, timeInJwt } from '../../src/core/jwt-times.ts';
import { CANARY, expectLinear, expectTime, fuzz } from '../support/fuzz.ts';
import { damaged, hostileText, nearJson } from '../support/hostile.ts';

const NOW = Date.UTC(2026, 10, 30);
const HEADER = { alg: 'RS256', kid: 'key-1', typ: 'JWT' };
const CLAIMS = {
  iss: 'https://kubernetes.default.svc',
  sub: 'system:serviceaccount:billing:billing-app',
  aud: ['token-acquirer'],
  exp: NOW / 1000 + 600,
  iat: NOW / 1000 - 60,
  nbf: NOW / 1000 - 60,
  'kubernetes.io': {
    namespace: 'billing',
    serviceaccount: { name: 'billing-app', uid: CANARY },
    pod: { name: 'billing-1', uid: 'pod-uid' },
  },
};

const segment = (text: string): string => Buffer.from(text).toString('base64url');
const jwt = fc
  .tuple(nearJson(HEADER), nearJson(CLAIMS), fc.constantFrom('', 'c2lnbmF0dXJl', '!'))
  .map(([head, claims, signature]) => `${segment(head)}.${segment(claims)}.${signature}`);
const bearers = fc.oneof({ weight: 6, arbitrary: jwt }, { weight: 2, arbitrary: jwt.chain(damaged) }, hostileText);

describe('the token of a caller', () => {
  it('names a ServiceAccount and finite times, or is none', () => {
    fuzz(
      bearers,
      (bearer) => {
        const token = readProjectedToken(bearer);
        if (token === undefined) return;
        expect(bearer).toMatch(/^[\w.-]{1,16384}$/);
        expect(token.caller.name).toMatch(/^system:serviceaccount:[-a-z0-9]{1,63}:[-.a-z0-9]{1,253}$/);
        if (token.caller.instance !== undefined) expect(token.caller.instance.length).toBeLessThanOrEqual(64);
        for (const time of [token.expiresAt, token.issuedAt, token.notBefore]) if (time !== undefined) expectTime(time);
      },
      1500,
    );
  });

  it('is never accepted after its end, for another audience, or for longer than is allowed', () => {
    fuzz(bearers, (bearer) => {
      const token = readProjectedToken(bearer);
      if (token === undefined) return;
      const refusal = refusalOf(token, { audience: 'token-acquirer', now: NOW, maxLifetime: 86_400_000 });
      if (refusal !== undefined) return;
      expect(token.audiences).toContain('token-acquirer');
      expect(token.expiresAt).toBeGreaterThan(NOW);
      expect(token.expiresAt - (token.issuedAt ?? Number.NaN)).toBeLessThanOrEqual(86_400_000);
    });
  });

  it('takes linear time', () => {
    expectLinear(readProjectedToken, ['a', '.', '-', '_', 'e30', ' ', 'W1tb'], { size: 16 * 1024 });
    expectLinear((text) => readProjectedToken(`${segment(text)}.${segment(text)}.c`), ['{', '"', '\\', '[', ',', ' ']);
  });
});

describe('the time in a JWT', () => {
  it('is one that a date can show, or unknown', () => {
    fuzz(
      fc.tuple(bearers, fc.constantFrom('exp' as const, 'nbf' as const)),
      ([text, claim]) => {
        const time = timeInJwt(text, claim);
        if (time !== undefined) expectTime(time);
      },
      1000,
    );
  });

  it('takes linear time', () => {
    expectLinear(isJwt, ['a', '.', '-', '_', ' ', '=']);
    expectLinear((text) => timeInJwt(text, 'exp'), ['a', '.', '-', 'e30', ' ']);
  });
});
