import type { ApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Ms } from '../../src/core/token.ts';
import type { CallerAuthenticator } from '../../src/ports/caller-authenticator.ts';
import type { CallerAuthenticatorUnderTest } from '../contract/caller-authenticator.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { type JsonObject, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { ReviewServer } from './review-server.ts';
import { AUDIENCE, TokenIssuer, type TokenOptions } from './token-issuer.ts';

export interface AuthenticatorOptions {
  readonly audience: string;
  readonly clock: FakeClock;
  readonly isClient: (name: string) => boolean;
  readonly maxLifetime: Ms;
  readonly onRefused: (because: string) => void;
}

export type MakeAuthenticator = (api: ApiServer, options: AuthenticatorOptions) => CallerAuthenticator;

/** A token of a ServiceAccount that no `clients` names. */
export const STRANGER = 'system:serviceaccount:crowd:bystander';
const SETTINGS = { audience: AUDIENCE, isClient: (name: string) => name !== STRANGER, maxLifetime: 24 * 3_600_000 };

/** An authenticator at a cluster of one signing key. */
export interface CallerFixture {
  readonly clock: FakeClock;
  readonly issuer: TokenIssuer;
  readonly server: ReviewServer;
  readonly authenticator: CallerAuthenticator;
  /** The reasons of rejected bearers, in order. */
  readonly refusals: string[];
  mint(options?: Partial<TokenOptions>): Promise<string>;
  who(bearer: string): Promise<string | undefined>;
}

export async function startCallers(make: MakeAuthenticator, alg?: string): Promise<CallerFixture> {
  const clock = createFakeClock();
  const issuer = await TokenIssuer.start(alg === undefined ? {} : { alg });
  const server = new ReviewServer(issuer, clock);
  const refusals: string[] = [];
  const onRefused = (because: string): void => void refusals.push(because);
  const authenticator = make(await server.start(), { ...SETTINGS, clock, onRefused });
  return {
    clock,
    issuer,
    server,
    authenticator,
    refusals,
    mint: (options) => issuer.mint({ now: clock.now(), ...options }),
    who: async (bearer) => (await authenticator.authenticate(new Redacted(bearer)))?.name,
  };
}

const NAMES = ['system:serviceaccount:billing:billing-app', 'system:serviceaccount:orders:orders-app'] as const;
const LIFETIME = 600_000;
/** The maximum time for which a review's answer is kept. */
const KEPT = 10_000;

/**
 * Makes authenticators for the contract, on the fake API server. With reviews, a deleted token is noticed once the
 * answers are no longer kept. With signatures only, nothing is noticed before the token's end, which for the first
 * caller comes long before the second's.
 */
export async function callersUnderTest(
  make: MakeAuthenticator,
  revocation: 'seen by a review' | 'the end of the token',
): Promise<CallerAuthenticatorUnderTest> {
  const clock = createFakeClock();
  const issuer = await TokenIssuer.start();
  const server = await startKubernetesApi();
  server.documents.set('/.well-known/openid-configuration', { issuer: issuer.issuer });
  server.documents.set('/openid/v1/jwks', JSON.parse(JSON.stringify(issuer.jwks)) as JsonObject);
  const held = new Map<string, string>();
  const isReviewed = revocation === 'seen by a review';

  async function revoke(name: string): Promise<void> {
    const token = held.get(name);
    if (token === undefined) return;
    server.reviews.delete(token);
    if (!isReviewed) await clock.advance(LIFETIME);
  }

  return {
    authenticator: make(server.connect(), { ...SETTINGS, clock, onRefused: () => {} }),
    names: NAMES,
    async issue(name) {
      await revoke(name);
      const serviceAccount = name.split(':').slice(2).join('/');
      const lifetime = name === NAMES[0] ? LIFETIME : 3 * LIFETIME;
      const token = await issuer.mint({ now: clock.now(), serviceAccount, lifetime });
      server.reviews.set(token, { authenticated: true, audiences: [AUDIENCE], user: { username: name } });
      held.set(name, token);
      return token;
    },
    revoke,
    settle: async () => {
      if (isReviewed) await clock.advance(KEPT);
    },
    stop: () => server.stop(),
  };
}
