import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ProjectedToken,
  readProjectedToken,
  refusalOf,
} from '../../../src/adapters/kubernetes/callers/projected-token.ts';
import { secret } from '../../support/secrets.ts';
import { AUDIENCE, POD, segment, TokenIssuer } from '../../support/token-issuer.ts';

const NOW = Date.UTC(2026, 0, 1);
const NAME = 'system:serviceaccount:billing:billing-app';

let issuer: TokenIssuer;
beforeAll(async () => {
  issuer = await TokenIssuer.start();
});

async function read(claims: Readonly<Record<string, unknown>> = {}): Promise<ProjectedToken | undefined> {
  return readProjectedToken(await issuer.mint({ now: NOW, claims }));
}

describe('a projected token', () => {
  it('names its ServiceAccount, issuer, audience and expiry', async () => {
    expect(await read()).toEqual({
      caller: { name: NAME, instance: POD },
      issuer: issuer.issuer,
      audiences: [AUDIENCE],
      expiresAt: NOW + 600_000,
      issuedAt: NOW,
      notBefore: NOW,
      keyId: issuer.key.kid,
    });
  });

  it.each<{ name: string; claims: Readonly<Record<string, unknown>>; expected: Partial<ProjectedToken> }>([
    { name: 'one audience as text', claims: { aud: AUDIENCE }, expected: { audiences: [AUDIENCE] } },
    { name: 'several audiences', claims: { aud: ['a', AUDIENCE] }, expected: { audiences: ['a', AUDIENCE] } },
    { name: 'no nbf', claims: { nbf: undefined }, expected: { notBefore: undefined } },
    {
      name: 'no pod, as of kubectl create token',
      claims: { 'kubernetes.io': { namespace: 'billing', serviceaccount: { name: 'billing-app' } } },
      expected: { caller: { name: NAME } },
    },
  ])('may have $name', async ({ claims, expected }) => {
    expect(await read(claims)).toMatchObject(expected);
  });

  it.each<{ name: string; claims: Readonly<Record<string, unknown>> }>([
    { name: 'a user', claims: { sub: 'jane@example.com' } },
    { name: 'a node', claims: { sub: 'system:node:worker-1' } },
    { name: 'the administrator', claims: { sub: 'system:admin' } },
    { name: 'a ServiceAccount with no name', claims: { sub: 'system:serviceaccount:billing:' } },
    { name: 'a name with a line break', claims: { sub: `${NAME}\n` } },
    { name: 'a name with one part more', claims: { sub: `${NAME}:x` } },
    { name: 'upper case', claims: { sub: 'system:serviceaccount:Billing:billing-app' } },
    { name: 'another ServiceAccount than its claims', claims: { sub: 'system:serviceaccount:billing:other' } },
    { name: 'another namespace than its claims', claims: { sub: 'system:serviceaccount:orders:billing-app' } },
    { name: 'no sub', claims: { sub: undefined } },
    { name: 'a sub that is not a text', claims: { sub: [NAME] } },
    { name: 'no claims of Kubernetes', claims: { 'kubernetes.io': undefined } },
    { name: 'no exp, as of a Secret', claims: { exp: undefined } },
    { name: 'exp as text', claims: { exp: '9999999999' } },
    { name: 'no aud, as of a Secret', claims: { aud: undefined } },
    { name: 'an aud of numbers', claims: { aud: [1] } },
    { name: 'no iss', claims: { iss: undefined } },
    {
      name: 'a pod with no uid',
      claims: { 'kubernetes.io': { namespace: 'billing', serviceaccount: { name: 'billing-app' }, pod: {} } },
    },
  ])('is invalid with $name', async ({ claims }) => {
    expect(await read(claims)).toBeUndefined();
  });

  it.each<{ name: string; change: (token: string) => string }>([
    { name: 'nothing', change: () => '' },
    { name: 'dots', change: () => '..' },
    { name: 'garbage', change: () => secret('garbage') },
    { name: 'two parts', change: (token) => token.split('.').slice(0, 2).join('.') },
    { name: 'four parts', change: (token) => `${token}.x` },
    { name: 'five parts, as an encrypted one', change: (token) => `${token}.x.x` },
    { name: 'a blank', change: (token) => `${token} ` },
    { name: 'a line break', change: (token) => `${token}\n` },
    { name: 'letters that base64url does not have', change: (token) => token.replace('.', '+.') },
    { name: 'an array in the middle', change: (token) => token.replace(/\.[^.]+\./, `.${segment([])}.`) },
    { name: 'null in the middle', change: (token) => token.replace(/\.[^.]+\./, `.${segment('null')}.`) },
    { name: 'invalid JSON in the middle', change: (token) => token.replace(/\.[^.]+\./, `.${segment('{')}.`) },
    { name: 'a header that is not an object', change: (token) => token.replace(/^[^.]+/, segment('"x"')) },
    { name: 'a kid that is not a text', change: (token) => token.replace(/^[^.]+/, segment({ alg: 'ES256', kid: 1 })) },
    { name: 'more than 16 KiB', change: (token) => `${token}${'x'.repeat(16 * 1024)}` },
    { name: 'a megabyte', change: () => `${segment('{}')}.${'x'.repeat(1024 * 1024)}.x` },
  ])('cannot be $name', async ({ change }) => {
    expect(readProjectedToken(change(await issuer.mint({ now: NOW })))).toBeUndefined();
  });

  it.each<{ name: string; claims?: Readonly<Record<string, unknown>>; after?: number; refusal: string | undefined }>([
    { name: 'correct', refusal: undefined },
    { name: 'for others', claims: { aud: ['vault'] }, refusal: 'wrong-audience' },
    { name: 'for no audience', claims: { aud: [] }, refusal: 'wrong-audience' },
    { name: 'for an audience with the same beginning', claims: { aud: `${AUDIENCE}-2` }, refusal: 'wrong-audience' },
    {
      name: 'for the API server',
      claims: { aud: ['https://kubernetes.default.svc.cluster.local'] },
      refusal: 'wrong-audience',
    },
    { name: 'for others and this one', claims: { aud: ['vault', AUDIENCE] }, refusal: undefined },
    { name: 'in its last moment', after: 599_999, refusal: undefined },
    { name: 'at its end', after: 600_000, refusal: 'expired' },
    { name: 'from a clock a minute ahead', after: -60_000, refusal: undefined },
    { name: 'from the future', after: -61_000, refusal: 'not-yet-valid' },
  ])('is checked when it is $name', async ({ claims, after = 0, refusal }) => {
    const token = await read(claims);
    expect(token && refusalOf(token, { audience: AUDIENCE, now: NOW + after })).toBe(refusal);
    expect(token).toBeDefined();
  });
});
