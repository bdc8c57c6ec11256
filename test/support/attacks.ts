import { randomBytes } from 'node:crypto';
import { CompactSign, SignJWT } from 'jose';
import type { EpochMs } from '../../src/core/token.ts';
import { registerSecret, secret } from './secrets.ts';
import { AUDIENCE, segment, TokenIssuer, tampered } from './token-issuer.ts';

export interface Attack {
  readonly name: string;
  readonly make: (issuer: TokenIssuer, now: EpochMs) => Promise<string> | string;
  /** A part of the reason of the rejection. */
  readonly because: string;
}

async function unsigned(issuer: TokenIssuer, now: EpochMs, alg: string): Promise<string> {
  const header = segment({ alg, kid: issuer.key.kid });
  return registerSecret(`${header}.${segment(issuer.claims({ now }))}.${segment('signature')}`);
}

async function signedByStranger(issuer: TokenIssuer, now: EpochMs, kid: string): Promise<string> {
  const stranger = await TokenIssuer.start({ issuer: issuer.issuer });
  return stranger.mint({ now, header: { kid } });
}

/** Bearers of an attacker, beginning with those that need no knowledge of the cluster. */
export const ATTACKS: readonly Attack[] = [
  { name: 'nothing', make: () => '', because: 'no ServiceAccount token' },
  { name: 'garbage', make: () => randomBytes(400).toString('base64url'), because: 'no ServiceAccount token' },
  { name: 'garbage in three parts', make: () => 'YQ.YQ.YQ', because: 'no ServiceAccount token' },
  { name: 'a megabyte', make: () => 'x'.repeat(1024 * 1024), because: 'no ServiceAccount token' },
  { name: 'a static token', make: () => secret('static-token'), because: 'no ServiceAccount token' },
  { name: 'a certificate', make: () => '-----BEGIN CERTIFICATE-----', because: 'no ServiceAccount token' },
  {
    name: 'a megabyte around a good token',
    make: async (issuer, now) => issuer.mint({ now, claims: { padding: 'x'.repeat(1024 * 1024) } }),
    because: 'no ServiceAccount token',
  },
  {
    name: 'a token with its signature cut off',
    make: async (issuer, now) => (await issuer.mint({ now })).replace(/[^.]+$/, ''),
    because: 'no ServiceAccount token',
  },
  {
    name: 'the token of a user',
    make: (issuer, now) => issuer.mint({ now, claims: { sub: 'jane@example.com' } }),
    because: 'no ServiceAccount token',
  },
  {
    name: 'a token out of a Secret, with neither audience nor end',
    make: (issuer, now) =>
      issuer.mint({
        now,
        claims: {
          aud: undefined,
          exp: undefined,
          'kubernetes.io': undefined,
          'kubernetes.io/serviceaccount/namespace': 'billing',
          'kubernetes.io/serviceaccount/service-account.name': 'billing-app',
        },
      }),
    because: 'no ServiceAccount token',
  },
  {
    name: "a token for the API server's own audience",
    make: (issuer, now) => issuer.mint({ now, audiences: [issuer.issuer] }),
    because: 'another audience',
  },
  {
    name: 'a token for another audience',
    make: (issuer, now) => issuer.mint({ now, audiences: ['vault'] }),
    because: 'another audience',
  },
  {
    name: 'a token whose audience was changed',
    make: async (issuer, now) =>
      tampered(await issuer.mint({ now, audiences: ['vault'] }), (claims) => ({ ...claims, aud: [AUDIENCE] })),
    because: 'signature',
  },
  { name: 'an expired token', make: (issuer, now) => issuer.mint({ now: now - 600_000 }), because: 'expired' },
  {
    name: 'an expired token whose end was changed',
    make: async (issuer, now) =>
      tampered(await issuer.mint({ now: now - 600_000 }), (claims) => ({ ...claims, exp: now / 1000 + 600 })),
    because: 'signature',
  },
  {
    name: 'a token not yet valid',
    make: (issuer, now) => issuer.mint({ now: now + 300_000 }),
    because: 'not valid yet',
  },
  {
    name: 'a token of another ServiceAccount whose name was changed',
    make: async (issuer, now) =>
      tampered(await issuer.mint({ now, serviceAccount: 'orders/orders-app' }), () => issuer.claims({ now })),
    because: 'signature',
  },
  {
    name: 'a token of another cluster',
    make: async (_issuer, now) => (await TokenIssuer.start({ issuer: 'https://other.example' })).mint({ now }),
    because: 'another issuer',
  },
  {
    name: "a token that the cluster's key signed for another issuer",
    make: (issuer, now) => issuer.mint({ now, claims: { iss: 'https://other.example' } }),
    because: 'another issuer',
  },
  { name: 'alg none', make: (issuer, now) => unsigned(issuer, now, 'none'), because: 'signature' },
  { name: 'alg nOnE', make: (issuer, now) => unsigned(issuer, now, 'nOnE'), because: 'signature' },
  { name: 'an unknown alg', make: (issuer, now) => unsigned(issuer, now, 'XX256'), because: 'signature' },
  {
    name: 'HS256 with the public key as the secret',
    make: async (issuer, now) => {
      const pem = new TextEncoder().encode(await issuer.publicPem());
      const sign = new SignJWT(issuer.claims({ now })).setProtectedHeader({ alg: 'HS256', kid: issuer.key.kid });
      return registerSecret(await sign.sign(pem));
    },
    because: 'signature',
  },
  {
    name: 'HS256 with the public JWK as the secret',
    make: async (issuer, now) => {
      const jwk = new TextEncoder().encode(JSON.stringify(issuer.key.jwk));
      const sign = new SignJWT(issuer.claims({ now })).setProtectedHeader({ alg: 'HS256', kid: issuer.key.kid });
      return registerSecret(await sign.sign(jwk));
    },
    because: 'signature',
  },
  {
    name: "the cluster's name for a stranger's key",
    make: (issuer, now) => signedByStranger(issuer, now, issuer.key.kid),
    because: 'signature',
  },
  {
    name: "a stranger's key in the header",
    make: async (issuer, now) => {
      const stranger = await TokenIssuer.start({ issuer: issuer.issuer });
      return stranger.mint({ now, header: { kid: issuer.key.kid, jwk: stranger.key.jwk } });
    },
    because: 'signature',
  },
  {
    name: "an address of a stranger's keys in the header",
    make: async (issuer, now) => {
      const stranger = await TokenIssuer.start({ issuer: issuer.issuer });
      return stranger.mint({ now, header: { kid: issuer.key.kid, jku: 'http://127.0.0.1:1/jwks' } });
    },
    because: 'signature',
  },
  {
    name: 'an unknown critical header',
    make: async (issuer, now) => {
      const { kid, privateKey } = issuer.key;
      const sign = new CompactSign(new TextEncoder().encode(JSON.stringify(issuer.claims({ now }))));
      sign.setProtectedHeader({ alg: 'ES256', kid, crit: ['odd'], odd: true });
      return registerSecret(await sign.sign(privateKey, { crit: { odd: true } }));
    },
    because: 'signature',
  },
  {
    name: 'an unknown key',
    make: (issuer, now) => signedByStranger(issuer, now, 'unheard-of'),
    because: 'key that the cluster does not have',
  },
  {
    name: "a stranger's signature with no name of a key",
    make: async (issuer, now) => {
      const stranger = await TokenIssuer.start({ issuer: issuer.issuer });
      return stranger.mint({ now, header: { kid: undefined } });
    },
    because: 'key that the cluster does not have',
  },
];
