import { afterEach, describe, expect, it } from 'vitest';
import { createJwksAuthenticator } from '../../../src/adapters/kubernetes/callers/jwks-authenticator.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { describeCallerAuthenticator } from '../../contract/caller-authenticator.ts';
import { ATTACKS } from '../../support/attacks.ts';
import { type CallerFixture, callersUnderTest, startCallers } from '../../support/caller-fixture.ts';
import { failure } from '../../support/failure.ts';
import type { Behavior, Endpoint } from '../../support/review-server.ts';
import { POD, TokenIssuer, type TokenOptions } from '../../support/token-issuer.ts';

const NAME = 'system:serviceaccount:billing:billing-app';
const COOLDOWN = 10_000;
const OLD = 300_000;
const DAY = 24 * 3_600_000;

describeCallerAuthenticator('The public keys of the cluster', () =>
  callersUnderTest(createJwksAuthenticator, 'the end of the token'),
);

describe('the check with the public keys', () => {
  let callers: CallerFixture;
  afterEach(async () => callers.server.stop());

  async function start(alg?: string): Promise<CallerFixture> {
    callers = await startCallers(createJwksAuthenticator, alg);
    return callers;
  }

  it.each(['RS256', 'ES256', 'ES384', 'ES512'])('knows a caller whose token is signed with %s', async (alg) => {
    const { authenticator, mint, server } = await start(alg);
    expect(await authenticator.authenticate(new Redacted(await mint()))).toEqual({ name: NAME, instance: POD });
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 0 });
  });

  it.each(ATTACKS)('rejects $name', async ({ make, because }) => {
    const { clock, issuer, who, refusals } = await start();
    expect(await who(await make(issuer, clock.now()))).toBeUndefined();
    expect(refusals).toEqual([expect.stringContaining(because)]);
  });

  it('rejects a token of a weaker algorithm although the key would fit', async () => {
    const { issuer, mint, who } = await start('RS512');
    expect(await who(await mint())).toBeUndefined();
    await issuer.rotate('PS256');
    expect(await who(await mint())).toBeUndefined();
  });

  it('does not call the API server for an obviously invalid token', async () => {
    const { mint, who, server, clock } = await start();
    await who(await mint({ audiences: ['vault'] }));
    await who(await mint({ now: clock.now() - 600_000 }));
    await who('garbage');
    expect(server.asked).toEqual({ discovery: 0, jwks: 0, review: 0 });
  });

  it('calls the API server once for many concurrent callers', async () => {
    const { mint, who, server } = await start();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => mint()));
    expect(await Promise.all(tokens.map(who))).toEqual(tokens.map(() => NAME));
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 0 });
  });

  it('accepts tokens of a new key immediately, and those of the old one as long as it exists', async () => {
    const { mint, who, issuer, clock } = await start();
    const old = await mint({ lifetime: 3_600_000 });
    expect(await who(old)).toBe(NAME);
    await clock.advance(COOLDOWN);
    await issuer.rotate();
    expect(await who(await mint())).toBe(NAME);
    expect(await who(old)).toBe(NAME);
    issuer.retire();
    await clock.advance(OLD);
    expect(await who(old)).toBeUndefined();
    expect(await who(await mint())).toBe(NAME);
  });

  it('looks up invented keys once in ten seconds', async () => {
    const { mint, who, server, clock } = await start();
    expect(await who(await mint())).toBe(NAME);
    const flood = async (): Promise<void> => {
      const tokens = await Promise.all(
        Array.from({ length: 30 }, (_, index) => mint({ header: { kid: `k${index}` } })),
      );
      expect(new Set(await Promise.all(tokens.map(who)))).toEqual(new Set([undefined]));
    };
    await flood();
    expect(server.asked.jwks).toBe(1);
    await clock.advance(COOLDOWN);
    await flood();
    expect(server.asked.jwks).toBe(2);
    await flood();
    expect(server.asked.jwks).toBe(2);
  });

  it('follows a new issuer, and accepts tokens of the previous one until their end', async () => {
    const { mint, who, issuer, clock } = await start();
    const old = await mint({ lifetime: 3_600_000 });
    expect(await who(old)).toBe(NAME);
    await clock.advance(COOLDOWN);
    issuer.issuer = 'https://new.example';
    expect(await who(await mint())).toBe(NAME);
    expect(await who(old)).toBe(NAME);
    await clock.advance(3_600_000);
    expect(await who(old)).toBeUndefined();
  });

  it.each<{ name: string; behavior: Behavior }>([
    { name: 'is overloaded', behavior: { status: 503 } },
    { name: 'limits requests', behavior: { status: 429 } },
    { name: 'forbids it', behavior: { status: 403 } },
    { name: 'cuts the connection', behavior: 'cut' },
    { name: 'returns no keys', behavior: { body: { keys: [] } } },
    { name: 'returns another document', behavior: { body: '<html>' } },
  ])('uses the old keys while the API server $name', async ({ behavior }) => {
    const { mint, who, server, clock, issuer } = await start();
    const token = await mint({ lifetime: 3_600_000 });
    expect(await who(token)).toBe(NAME);
    server.all(behavior);
    await clock.advance(OLD);
    expect(await who(token)).toBe(NAME);
    expect(server.asked.jwks).toBe(2);
    await issuer.rotate();
    const fresh = await mint();
    expect(await who(fresh)).toBeUndefined();
    server.all(undefined);
    await clock.advance(COOLDOWN);
    expect([await who(fresh), await who(token)]).toEqual([NAME, NAME]);
  });

  it('does not wait long for an API server that does not answer', async () => {
    const { mint, authenticator, server, clock } = await start();
    const token = new Redacted(await mint({ lifetime: 3_600_000 }));
    await authenticator.authenticate(token);
    server.all('hang');
    await clock.advance(OLD);
    const answer = authenticator.authenticate(token);
    await clock.advance(3000);
    expect(await answer).toMatchObject({ name: NAME });
    expect(clock.waiting()).toBe(0);
  });

  it.each<{ name: string; endpoint: Endpoint; behavior: Behavior; permanent: boolean; words: string }>([
    { name: 'is unavailable', endpoint: 'jwks', behavior: 'cut', permanent: false, words: 'API server' },
    { name: 'is overloaded', endpoint: 'discovery', behavior: { status: 503 }, permanent: false, words: '503' },
    {
      name: 'does not publish its keys',
      endpoint: 'jwks',
      behavior: { status: 403 },
      permanent: true,
      words: 'system:service-account-issuer-discovery',
    },
    {
      name: 'has no discovery document',
      endpoint: 'discovery',
      behavior: { status: 404 },
      permanent: true,
      words: 'token-review',
    },
    { name: 'has no issuer', endpoint: 'discovery', behavior: { body: {} }, permanent: false, words: 'no issuer' },
    { name: 'has no keys', endpoint: 'jwks', behavior: { body: { keys: [] } }, permanent: false, words: 'no issuer' },
  ])('reports that it cannot identify callers while the API server $name, and recovers', async (given) => {
    const { mint, who, server, clock } = await start();
    server.behavior[given.endpoint] = given.behavior;
    const token = await mint();
    const error = await failure(who(token));
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ permanent: given.permanent });
    expect(String(error)).toContain(given.words);
    expect(String(error)).not.toContain(token);
    server.all(undefined);
    expect(await failure(who(token))).toBe(error);
    await clock.advance(1000);
    expect(await who(token)).toBe(NAME);
  });

  it('reports that it cannot identify callers if the API server never answered', async () => {
    const { mint, who, server, clock } = await start();
    server.all('hang');
    const error = failure(who(await mint()));
    await clock.advance(3000);
    expect(String(await error)).toContain('within 3 s');
  });

  it.each<{ name: string; token: Partial<TokenOptions>; known: boolean }>([
    { name: 'accepts a token with the maximum lifetime', token: { lifetime: DAY }, known: true },
    { name: 'rejects a token with a longer lifetime', token: { lifetime: DAY + 1000 }, known: false },
    { name: 'rejects a token with a lifetime of a year', token: { lifetime: 365 * DAY }, known: false },
    { name: 'rejects a token without a time of issue', token: { claims: { iat: undefined } }, known: false },
  ])('$name', async ({ token, known }) => {
    const { mint, who, refusals, server } = await start();
    expect(await who(await mint(token))).toBe(known ? NAME : undefined);
    expect(refusals).toEqual(known ? [] : [expect.stringContaining('maxCallerTokenLifetime')]);
    if (!known) expect(server.asked.jwks).toBe(0);
  });

  it('accepts the token of a deleted pod until it expires', async () => {
    const { mint, who, server, clock } = await start();
    const token = await mint();
    server.gone.add(POD);
    expect(await who(token)).toBe(NAME);
    await clock.advance(600_000);
    expect(await who(token)).toBeUndefined();
  });

  it('does not confuse two clusters', async () => {
    const { who, clock, issuer } = await start();
    const other = await TokenIssuer.start({ issuer: issuer.issuer });
    expect(await who(await other.mint({ now: clock.now() }))).toBeUndefined();
  });
});
