import { randomUUID } from 'node:crypto';
import { CompactSign, type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK } from 'jose';
import type { EpochMs, Ms } from '../../src/core/token.ts';
import { registerSecret } from './secrets.ts';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export interface TokenOptions {
  readonly now: EpochMs;
  readonly lifetime?: Ms;
  readonly audiences?: readonly string[];
  readonly serviceAccount?: string;
  readonly pod?: string;
  /** Overrides for the claims and the header of a cluster. `undefined` removes one. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export const AUDIENCE = 'token-acquirer';
export const POD = '6f0f4c9e-3c0b-4a52-9d6c-0f5d0e1c2b3a';

/** Signs tokens as an API server does for ServiceAccounts, and publishes its keys in the same form. */
export class TokenIssuer {
  issuer: string;
  keys: SigningKey[] = [];

  constructor(issuer = 'https://kubernetes.default.svc.cluster.local') {
    this.issuer = issuer;
  }

  static async start(options: { issuer?: string; alg?: string } = {}): Promise<TokenIssuer> {
    const issuer = new TokenIssuer(options.issuer);
    await issuer.rotate(options.alg);
    return issuer;
  }

  /** Makes a new key, which signs from now on. The old ones stay published. */
  async rotate(alg = 'ES256'): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const kid = randomUUID();
    this.keys.unshift({
      kid,
      alg,
      privateKey,
      publicKey,
      jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    });
  }

  /** Removes all keys except the one that signs. */
  retire(): void {
    this.keys.length = 1;
  }

  get jwks(): { keys: JWK[] } {
    return { keys: this.keys.map(({ jwk }) => jwk) };
  }

  get key(): SigningKey {
    const [key] = this.keys;
    if (key === undefined) throw new Error('This issuer has no key.');
    return key;
  }

  async publicPem(): Promise<string> {
    return exportSPKI(this.key.publicKey);
  }

  claims({ now, lifetime = 600_000, pod = POD, ...given }: TokenOptions): Record<string, unknown> {
    const [namespace = '', name = ''] = (given.serviceAccount ?? 'billing/billing-app').split('/');
    const issuedAt = Math.floor(now / 1000);
    return {
      aud: given.audiences ?? [AUDIENCE],
      exp: issuedAt + lifetime / 1000,
      iat: issuedAt,
      iss: this.issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        pod: { name: `${name}-0`, uid: pod },
        serviceaccount: { name, uid: randomUUID() },
      },
      nbf: issuedAt,
      sub: `system:serviceaccount:${namespace}:${name}`,
      ...given.claims,
    };
  }

  async mint(options: TokenOptions): Promise<string> {
    const { alg, kid, privateKey } = this.key;
    const payload = new TextEncoder().encode(JSON.stringify(this.claims(options)));
    const sign = new CompactSign(payload).setProtectedHeader({ alg, kid, ...options.header });
    return registerSecret(await sign.sign(privateKey), 'a ServiceAccount token of a test');
  }
}

export function segment(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** Returns the token with other claims in its middle and its old signature. */
export function tampered(token: string, change: (claims: Record<string, unknown>) => Record<string, unknown>): string {
  const [head = '', body = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
  return registerSecret([head, segment(change(claims)), signature].join('.'), 'a forged token of a test');
}
