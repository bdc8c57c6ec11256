import { afterEach, describe, expect, it } from 'vitest';
import { createTokenReviewAuthenticator } from '../../../src/adapters/kubernetes/callers/token-review-authenticator.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { describeCallerAuthenticator } from '../../contract/caller-authenticator.ts';
import { ATTACKS } from '../../support/attacks.ts';
import { type CallerFixture, callersUnderTest, STRANGER, startCallers } from '../../support/caller-fixture.ts';
import { failure } from '../../support/failure.ts';
import type { Behavior } from '../../support/review-server.ts';
import { AUDIENCE, POD, TokenIssuer } from '../../support/token-issuer.ts';

const NAME = 'system:serviceaccount:billing:billing-app';
const KEPT = 10_000;

describeCallerAuthenticator('A TokenReview', () =>
  callersUnderTest(createTokenReviewAuthenticator, 'seen by a review'),
);

describe('the check by TokenReview', () => {
  let callers: CallerFixture;
  afterEach(async () => callers.server.stop());

  async function start(given: { issuer?: string; alg?: string } = {}): Promise<CallerFixture> {
    const { issuer, alg } = given;
    callers = await startCallers(
      (api, options) => createTokenReviewAuthenticator(api, { ...options, ...(issuer !== undefined && { issuer }) }),
      alg,
    );
    return callers;
  }

  /** Waits until the server has received this many reviews. */
  async function reviewed(count: number): Promise<void> {
    await expect.poll(() => callers.server.asked.review, { interval: 5, timeout: 5000 }).toBe(count);
  }

  /** Forged tokens with correct claims, signed with unknown keys. */
  async function forged(count: number): Promise<string[]> {
    const stranger = await TokenIssuer.start({ issuer: callers.issuer.issuer });
    return Promise.all(Array.from({ length: count }, () => stranger.mint({ now: callers.clock.now() })));
  }

  it.each(['RS256', 'ES256'])('knows a caller and its pod by a token signed with %s', async (alg) => {
    const { authenticator, mint, server } = await start({ alg });
    expect(await authenticator.authenticate(new Redacted(await mint()))).toEqual({ name: NAME, instance: POD });
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 1 });
  });

  it.each(ATTACKS)('rejects $name without a review', async ({ make, because }) => {
    const { clock, issuer, who, refusals, server } = await start();
    expect(await who(await make(issuer, clock.now()))).toBeUndefined();
    expect(refusals).toEqual([expect.stringContaining(because)]);
    expect(server.asked.review).toBe(0);
  });

  it.each<{ name: string; gone: string }>([
    { name: 'pod', gone: POD },
    { name: 'ServiceAccount', gone: NAME },
  ])('rejects a good token whose $name was deleted', async ({ gone }) => {
    const { mint, who, server, refusals } = await start();
    server.gone.add(gone);
    expect(await who(await mint())).toBeUndefined();
    expect(refusals).toEqual([expect.stringContaining('its pod or ServiceAccount was deleted')]);
  });

  it('notices a deleted pod after at most ten seconds', async () => {
    const { mint, who, server, clock } = await start();
    const token = await mint();
    expect(await who(token)).toBe(NAME);
    server.gone.add(POD);
    await clock.advance(KEPT - 1);
    expect(await who(token)).toBe(NAME);
    await clock.advance(1);
    expect(await who(token)).toBeUndefined();
    expect(server.asked.review).toBe(2);
  });

  it('rejects a token after its end, although the answer is recent', async () => {
    const { mint, who, server, clock } = await start();
    const token = await mint({ lifetime: 4000 });
    expect(await who(token)).toBe(NAME);
    await clock.advance(4000);
    expect(await who(token)).toBeUndefined();
    expect(server.asked.review).toBe(1);
  });

  it('does not keep a negative answer', async () => {
    const { mint, who, server } = await start();
    const token = await mint();
    server.gone.add(token);
    expect([await who(token), await who(token)]).toEqual([undefined, undefined]);
    server.gone.delete(token);
    expect(await who(token)).toBe(NAME);
    expect(server.asked.review).toBe(3);
  });

  it('keeps a thousand answers', async () => {
    const { mint, who, server } = await start();
    const first = await mint();
    await who(first);
    const others = await Promise.all(Array.from({ length: 999 }, () => mint()));
    await Promise.all(others.map(who));
    await who(first);
    expect(server.asked.review).toBe(1000);
    await who(await mint());
    expect(server.asked.review).toBe(1001);
    await who(others.at(-1) ?? '');
    expect(server.asked.review).toBe(1001);
    await who(first);
    expect(server.asked.review).toBe(1002);
  });

  it('makes one review for one token, however many callers bring it together', async () => {
    const { mint, who, server } = await start();
    const token = await mint();
    expect(new Set(await Promise.all(Array.from({ length: 300 }, () => who(token))))).toEqual(new Set([NAME]));
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 1 });
  });

  it('fails for all concurrent callers of one token, and makes another review for the next', async () => {
    const { mint, who, server } = await start();
    const token = await mint();
    server.behavior.review = { status: 500 };
    const errors = await Promise.all([failure(who(token)), failure(who(token))]);
    expect(errors[0]).toBeInstanceOf(StoreError);
    expect(errors[1]).toBe(errors[0]);
    delete server.behavior.review;
    expect(await who(token)).toBe(NAME);
    expect(server.asked.review).toBe(2);
  });

  it.each<{ name: string; alter: CallerFixture['server']['alter'] }>([
    { name: 'no status', alter: () => undefined },
    { name: 'a yes for no audience', alter: ({ audiences: _, ...status }) => status },
    { name: 'a yes for an empty list of audiences', alter: (status) => ({ ...status, audiences: [] }) },
    { name: 'a yes for another audience', alter: (status) => ({ ...status, audiences: ['vault'] }) },
    { name: 'a yes without a user', alter: ({ user: _, ...status }) => status },
    { name: 'a yes for a user', alter: (status) => ({ ...status, user: { username: 'jane' } }) },
    { name: 'a yes for the administrator', alter: (status) => ({ ...status, user: { username: 'system:admin' } }) },
    {
      name: 'a yes for another ServiceAccount',
      alter: (status) => ({ ...status, user: { username: 'system:serviceaccount:orders:orders-app' } }),
    },
    { name: 'neither yes nor no', alter: ({ authenticated: _, ...status }) => status },
    { name: 'a no', alter: (status) => ({ ...status, authenticated: false }) },
  ])('treats $name as a no', async ({ alter }) => {
    const { mint, who, server } = await start();
    server.alter = alter;
    expect(await who(await mint())).toBeUndefined();
  });

  it.each<{ name: string; behavior: Behavior; permanent: boolean }>([
    { name: 'is unavailable', behavior: 'cut', permanent: false },
    { name: 'fails', behavior: { status: 500 }, permanent: false },
    { name: 'is overloaded', behavior: { status: 429 }, permanent: false },
    { name: 'does not allow reviews', behavior: { status: 403 }, permanent: true },
  ])(
    'reports, without quoting the token, that it cannot identify callers while the API server $name',
    async (given) => {
      const { mint, who, server } = await start();
      const token = await mint();
      expect(await who(token)).toBe(NAME);
      server.all(given.behavior);
      const other = await mint({ pod: 'another-pod' });
      const error = await failure(who(other));
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ permanent: given.permanent });
      expect(`${String(error)}${JSON.stringify(error)}${String((error as Error).stack)}`).not.toContain(other);
      expect(await who(token)).toBe(NAME);
      server.all(undefined);
      expect(await who(other)).toBe(NAME);
    },
  );

  describe('while the API server cannot be reached', () => {
    const MINUTES = 60_000;

    /** Returns a caller that a review has confirmed, with a new token that no review has seen. */
    async function confirmed(): Promise<CallerFixture & { next: string; sentences: string[] }> {
      const sentences: string[] = [];
      callers = await startCallers((api, options) =>
        createTokenReviewAuthenticator(api, { ...options, onUnreachable: (sentence) => sentences.push(sentence) }),
      );
      const { mint, who, clock } = callers;
      expect(await who(await mint())).toBe(NAME);
      await clock.advance(KEPT);
      return { ...callers, next: await mint({ lifetime: 60 * MINUTES }), sentences };
    }

    it.each<{ name: string; behavior: Behavior }>([
      { name: 'closes its connections', behavior: 'cut' },
      { name: 'does not answer', behavior: 'hang' },
    ])('admits a confirmed caller for ten minutes while it $name', async ({ behavior }) => {
      const { who, next, server, clock, sentences } = await confirmed();
      server.all(behavior);
      const answer = who(next);
      if (behavior === 'hang') {
        await reviewed(2);
        await clock.advance(2000);
      }
      expect(await answer).toBe(NAME);
      expect(sentences).toEqual([expect.stringContaining('The API server cannot be reached.')]);
      expect(await who(next)).toBe(NAME);
      await clock.advance(10 * MINUTES);
      const error = failure(who(next));
      if (behavior === 'cut') expect(await error).toBeInstanceOf(StoreError);
      server.all(undefined);
    });

    it('makes no caller wait again for two seconds, and then tries another review', async () => {
      const { who, mint, next, server, clock } = await confirmed();
      server.all('cut');
      expect(await who(next)).toBe(NAME);
      const asked = server.asked.review;
      expect(await who(await mint())).toBe(NAME);
      expect(server.asked.review).toBe(asked);
      await clock.advance(2000);
      server.all(undefined);
      expect(await who(await mint())).toBe(NAME);
      expect(server.asked.review).toBe(asked + 1);
    });

    it.each<{ name: string; token: (fixture: CallerFixture) => Promise<string> }>([
      { name: 'another pod', token: ({ mint }) => mint({ pod: 'another-pod' }) },
      { name: 'another ServiceAccount', token: ({ mint }) => mint({ serviceAccount: 'orders/orders-app' }) },
      {
        name: 'a token with a key that is unknown',
        token: async ({ issuer, clock }) =>
          (await TokenIssuer.start({ issuer: issuer.issuer })).mint({ now: clock.now() }),
      },
    ])('cannot identify $name', async ({ token }) => {
      const fixture = await confirmed();
      const bearer = await token(fixture);
      fixture.server.all('cut');
      expect(await failure(fixture.who(bearer))).toBeInstanceOf(StoreError);
    });

    it.each<{ name: string; token: (fixture: CallerFixture) => Promise<string> }>([
      {
        name: "a forgery with the name of the cluster's key",
        token: async ({ issuer, clock }) =>
          (await TokenIssuer.start({ issuer: issuer.issuer })).mint({
            now: clock.now(),
            header: { kid: issuer.key.kid },
          }),
      },
      { name: 'a token that has expired', token: ({ mint, clock }) => mint({ now: clock.now() - 60 * MINUTES }) },
      { name: 'a token for another audience', token: ({ mint }) => mint({ audiences: ['vault'] }) },
      { name: 'a token of another issuer', token: ({ mint }) => mint({ claims: { iss: 'https://other.example' } }) },
    ])('rejects $name', async ({ token }) => {
      const fixture = await confirmed();
      const bearer = await token(fixture);
      fixture.server.all('cut');
      expect(await fixture.who(bearer)).toBeUndefined();
    });

    it('rejects a token that expires during its review', async () => {
      const { who, mint, server, clock } = await confirmed();
      const bearer = await mint({ lifetime: 2000 });
      server.all('hang');
      const answer = who(bearer);
      await reviewed(2);
      await clock.advance(2000);
      expect(await answer).toBeUndefined();
    });

    it('cannot identify a caller that a review has denied since', async () => {
      const { who, next, mint, server } = await confirmed();
      server.gone.add(POD);
      expect(await who(next)).toBeUndefined();
      server.all('cut');
      expect(await failure(who(await mint()))).toBeInstanceOf(StoreError);
    });

    it.each([500, 503, 429, 403])('cannot identify a caller if it answers with HTTP %i', async (status) => {
      const { who, next, server, sentences } = await confirmed();
      server.all({ status });
      expect(await failure(who(next))).toBeInstanceOf(StoreError);
      expect(sentences).toEqual([]);
    });
  });

  describe('if the API server does not publish its keys', () => {
    async function startBlind(): Promise<CallerFixture> {
      const blind = await start();
      blind.server.behavior.discovery = { status: 403 };
      blind.server.behavior.jwks = { status: 403 };
      return blind;
    }

    it('accepts a caller', async () => {
      const { mint, who } = await startBlind();
      expect(await who(await mint())).toBe(NAME);
    });

    it('makes reviews for all tokens except obviously invalid ones', async () => {
      const { mint, who, server } = await startBlind();
      await who(await mint({ audiences: ['vault'] }));
      expect(server.asked.review).toBe(0);
      const [token = ''] = await forged(1);
      expect(await who(token)).toBeUndefined();
      expect(server.asked.review).toBe(1);
    });

    it('runs four reviews concurrently, and lets a hundred callers wait for at most two seconds', async () => {
      const { who, server, clock } = await startBlind();
      server.hold();
      const answers = (await forged(120)).map((token) => who(token).catch((error: unknown) => error));
      await reviewed(4);
      await expect.poll(() => clock.waiting(), { interval: 5 }).toBe(100);
      await clock.advance(2000);
      server.release();
      const given = await Promise.all(answers);
      expect(given.filter((answer) => answer === undefined)).toHaveLength(4);
      expect(given.filter((answer) => answer instanceof StoreError)).toHaveLength(116);
      expect(server.mostAtOnce).toBe(4);
    });
  });

  it('rejects five hundred forgeries with the name of its key without a call to the API server', async () => {
    const { mint, who, server, issuer } = await start();
    const stranger = await TokenIssuer.start({ issuer: issuer.issuer });
    const header = { kid: issuer.key.kid };
    const flood = Array.from({ length: 500 }, async () =>
      who(await stranger.mint({ now: callers.clock.now(), header })),
    );
    expect(await who(await mint())).toBe(NAME);
    expect(new Set(await Promise.all(flood))).toEqual(new Set([undefined]));
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 1 });
  });

  it('rejects a flood of tokens with invented keys without a call to the API server while the keys are fresh', async () => {
    const { mint, who, server, clock } = await start();
    expect(await who(await mint())).toBe(NAME);
    const flood = (await forged(300)).map(who);
    expect(await who(await mint())).toBe(NAME);
    expect(new Set(await Promise.all(flood))).toEqual(new Set([undefined]));
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 2 });
    await clock.advance(KEPT);
    expect(new Set(await Promise.all((await forged(300)).map(who)))).toEqual(new Set([undefined]));
    expect(server.asked).toEqual({ discovery: 2, jwks: 2, review: 2 });
  });

  it('accepts its callers in a flood of tokens with invented keys that look like new ones', async () => {
    const { mint, who, server, clock } = await start();
    expect(await who(await mint())).toBe(NAME);
    await clock.advance(KEPT);
    server.behavior.jwks = { status: 503 };
    server.hold();
    const flood = (await forged(300)).map((token) => who(token).catch((error: unknown) => error));
    await reviewed(5);
    const answer = who(await mint());
    await reviewed(6);
    server.release();
    expect(await answer).toBe(NAME);
    const given = await Promise.all(flood);
    expect(given.every((each) => each === undefined || each instanceof StoreError)).toBe(true);
    expect(server.mostAtOnce).toBeLessThanOrEqual(5);
    expect(server.asked.review).toBeLessThanOrEqual(106);
  });

  describe('for a ServiceAccount that is not a client', () => {
    const account = 'crowd/bystander';

    it('identifies it as an unknown caller without a review', async () => {
      const { authenticator, mint, server } = await start();
      const bearer = new Redacted(await mint({ serviceAccount: account }));
      expect(await authenticator.authenticate(bearer)).toEqual({ name: STRANGER, instance: POD, stranger: true });
      expect(server.asked.review).toBe(0);
    });

    it('rejects forgeries without a review', async () => {
      const { who, issuer, clock, server, refusals } = await start();
      const forger = await TokenIssuer.start({ issuer: issuer.issuer });
      const claims = { now: clock.now(), serviceAccount: account };
      expect(await who(await forger.mint(claims))).toBeUndefined();
      expect(await who(await forger.mint({ ...claims, header: { kid: issuer.key.kid } }))).toBeUndefined();
      expect(refusals).toEqual([expect.stringContaining('key'), expect.stringContaining('signature')]);
      expect(server.asked.review).toBe(0);
    });

    it('makes one review at a time if the keys cannot be read, and keeps clients out of that queue', async () => {
      const { mint, who, server } = await start();
      server.behavior.jwks = { status: 403 };
      expect(await who(await mint({ serviceAccount: account }))).toBe(STRANGER);
      server.hold();
      const tokens = await Promise.all(Array.from({ length: 50 }, () => mint({ serviceAccount: account })));
      const crowd = tokens.map((token) => who(token).catch((error: unknown) => error));
      await reviewed(2);
      const client = who(await mint());
      await reviewed(3);
      expect(server.mostAtOnce).toBe(2);
      server.release();
      expect(await client).toBe(NAME);
      const answers = await Promise.all(crowd);
      expect(answers.filter((answer) => answer === STRANGER)).toHaveLength(11);
      expect(answers.filter((answer) => answer instanceof StoreError)).toHaveLength(39);
    });

    it('answers a new client before a hundred of three thousand that came first', async () => {
      const { mint, who, server } = await start();
      const pods = Array.from({ length: 3000 }, (_, index) => mint({ serviceAccount: account, pod: `pod-${index}` }));
      const tokens = await Promise.all(pods);
      const token = await mint();
      let answered = 0;
      const crowd = tokens.map((each) => who(each).finally(() => (answered += 1)));
      expect(await who(token)).toBe(NAME);
      // A machine under load can make any delay longer, but it cannot change the order.
      expect(answered).toBeLessThan(100);
      expect(new Set(await Promise.all(crowd))).toEqual(new Set([STRANGER]));
      expect(server.asked.review).toBe(1);
    });
  });

  it('runs sixteen reviews concurrently when three hundred pods come', async () => {
    const { mint, who, server } = await start();
    await who(await mint());
    const tokens = await Promise.all(Array.from({ length: 300 }, () => mint()));
    expect(new Set(await Promise.all(tokens.map(who)))).toEqual(new Set([NAME]));
    expect(server.mostAtOnce).toBeLessThanOrEqual(16);
    expect(server.asked.review).toBe(301);
  });

  it('checks the expiry of a token again after it had to wait', async () => {
    const { mint, who, server, clock } = await start();
    await who(await mint());
    server.hold();
    const others = await Promise.all(Array.from({ length: 16 }, () => mint()));
    const before = others.map(who);
    await reviewed(17);
    const late = who(await mint({ lifetime: 2000 }));
    // Each of the 17 has its time limit, and the last one waits for its turn.
    await expect.poll(() => clock.waiting(), { interval: 5 }).toBe(18);
    await clock.advance(2000);
    server.release();
    await Promise.all(before);
    expect(await late).toBeUndefined();
    expect(server.asked.review).toBe(17);
  });

  it('accepts a caller with a new key, ten seconds after the keys were read', async () => {
    const { mint, who, issuer, clock } = await start();
    expect(await who(await mint())).toBe(NAME);
    await issuer.rotate();
    expect(await who(await mint())).toBeUndefined();
    await clock.advance(KEPT);
    expect(await who(await mint())).toBe(NAME);
  });

  it('uses a configured issuer in place of the discovered one', async () => {
    const { mint, who, issuer, server } = await start({ issuer: 'https://given.example' });
    expect(await who(await mint())).toBeUndefined();
    expect(server.asked.review).toBe(0);
    issuer.issuer = 'https://given.example';
    expect(await who(await mint())).toBe(NAME);
  });

  it('requests the audience only', async () => {
    const { mint, who, server } = await start();
    let asked: unknown;
    server.alter = (status) => {
      asked = status.audiences;
      return status;
    };
    expect(await who(await mint({ audiences: ['vault', AUDIENCE] }))).toBe(NAME);
    expect(asked).toEqual([AUDIENCE]);
  });
});
