import { afterEach, describe, expect, it } from 'vitest';
import { createTokenReviewAuthenticator } from '../../../src/adapters/kubernetes/callers/token-review-authenticator.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { describeCallerAuthenticator } from '../../contract/caller-authenticator.ts';
import { ATTACKS } from '../../support/attacks.ts';
import { type CallerFixture, callersUnderTest, STRANGER, startCallers } from '../../support/caller-fixture.ts';
import { failure } from '../../support/failure.ts';
import type { Behaviour } from '../../support/review-server.ts';
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

  /** Until the server has been asked for so many reviews. */
  async function reviewed(count: number): Promise<void> {
    await expect.poll(() => callers.server.asked.review, { interval: 5, timeout: 5000 }).toBe(count);
  }

  /** Forged tokens that say everything right and are signed with keys that nobody knows. */
  async function forged(count: number): Promise<string[]> {
    const stranger = await TokenIssuer.start({ issuer: callers.issuer.issuer });
    return Promise.all(Array.from({ length: count }, () => stranger.mint({ now: callers.clock.now() })));
  }

  it.each(['RS256', 'ES256'])('knows a caller and its pod by a token signed with %s', async (alg) => {
    const { authenticator, mint, server } = await start({ alg });
    expect(await authenticator.authenticate(new Redacted(await mint()))).toEqual({ name: NAME, instance: POD });
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 1 });
  });

  it.each(ATTACKS)('turns $name away without a review', async ({ make, because }) => {
    const { clock, issuer, who, refusals, server } = await start();
    expect(await who(await make(issuer, clock.now()))).toBeUndefined();
    expect(refusals).toEqual([expect.stringContaining(because)]);
    expect(server.asked.review).toBe(0);
  });

  it.each<{ name: string; gone: string }>([
    { name: 'pod', gone: POD },
    { name: 'ServiceAccount', gone: NAME },
  ])('turns away a good token whose $name was deleted', async ({ gone }) => {
    const { mint, who, server, refusals } = await start();
    server.gone.add(gone);
    expect(await who(await mint())).toBeUndefined();
    expect(refusals).toEqual([expect.stringContaining('its pod or ServiceAccount was deleted')]);
  });

  it('sees that a pod is gone after ten seconds at most', async () => {
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

  it('knows nobody beyond the end of the token, although the answer is young', async () => {
    const { mint, who, server, clock } = await start();
    const token = await mint({ lifetime: 4000 });
    expect(await who(token)).toBe(NAME);
    await clock.advance(4000);
    expect(await who(token)).toBeUndefined();
    expect(server.asked.review).toBe(1);
  });

  it('keeps no answer that was a no', async () => {
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

  it('makes one review for one token, however many come with it at once', async () => {
    const { mint, who, server } = await start();
    const token = await mint();
    expect(new Set(await Promise.all(Array.from({ length: 300 }, () => who(token))))).toEqual(new Set([NAME]));
    expect(server.asked).toEqual({ discovery: 1, jwks: 1, review: 1 });
  });

  it('fails for all who came with one token, and asks again for the next', async () => {
    const { mint, who, server } = await start();
    const token = await mint();
    server.behaviour.review = { status: 500 };
    const errors = await Promise.all([failure(who(token)), failure(who(token))]);
    expect(errors[0]).toBeInstanceOf(StoreError);
    expect(errors[1]).toBe(errors[0]);
    delete server.behaviour.review;
    expect(await who(token)).toBe(NAME);
    expect(server.asked.review).toBe(2);
  });

  it.each<{ name: string; alter: CallerFixture['server']['alter'] }>([
    { name: 'no status', alter: () => undefined },
    { name: 'a yes for no audience', alter: ({ audiences: _, ...status }) => status },
    { name: 'a yes for an empty list of audiences', alter: (status) => ({ ...status, audiences: [] }) },
    { name: 'a yes for another audience', alter: (status) => ({ ...status, audiences: ['vault'] }) },
    { name: 'a yes for nobody', alter: ({ user: _, ...status }) => status },
    { name: 'a yes for a user', alter: (status) => ({ ...status, user: { username: 'jane' } }) },
    { name: 'a yes for the administrator', alter: (status) => ({ ...status, user: { username: 'system:admin' } }) },
    {
      name: 'a yes for another ServiceAccount',
      alter: (status) => ({ ...status, user: { username: 'system:serviceaccount:orders:orders-app' } }),
    },
    { name: 'neither yes nor no', alter: ({ authenticated: _, ...status }) => status },
    { name: 'a no', alter: (status) => ({ ...status, authenticated: false }) },
  ])('takes $name for a no', async ({ alter }) => {
    const { mint, who, server } = await start();
    server.alter = alter;
    expect(await who(await mint())).toBeUndefined();
  });

  it.each<{ name: string; behaviour: Behaviour; permanent: boolean }>([
    { name: 'is away', behaviour: 'cut', permanent: false },
    { name: 'fails', behaviour: { status: 500 }, permanent: false },
    { name: 'is overloaded', behaviour: { status: 429 }, permanent: false },
    { name: 'does not allow reviews', behaviour: { status: 403 }, permanent: true },
  ])('says that it cannot tell, with nothing of the token, while the API server $name', async (given) => {
    const { mint, who, server } = await start();
    const token = await mint();
    expect(await who(token)).toBe(NAME);
    server.all(given.behaviour);
    const other = await mint({ pod: 'another-pod' });
    const error = await failure(who(other));
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ permanent: given.permanent });
    expect(`${String(error)}${JSON.stringify(error)}${String((error as Error).stack)}`).not.toContain(other);
    expect(await who(token)).toBe(NAME);
    server.all(undefined);
    expect(await who(other)).toBe(NAME);
  });

  describe('while the API server cannot be reached', () => {
    const MINUTES = 60_000;

    /** A caller that a review has confirmed, with a new token that no review has seen. */
    async function confirmed(): Promise<CallerFixture & { next: string; told: string[] }> {
      const told: string[] = [];
      callers = await startCallers((api, options) =>
        createTokenReviewAuthenticator(api, { ...options, onUnreachable: (sentence) => told.push(sentence) }),
      );
      const { mint, who, clock } = callers;
      expect(await who(await mint())).toBe(NAME);
      await clock.advance(KEPT);
      return { ...callers, next: await mint({ lifetime: 60 * MINUTES }), told };
    }

    it.each<{ name: string; behaviour: Behaviour }>([
      { name: 'ends its connections', behaviour: 'cut' },
      { name: 'hangs', behaviour: 'hang' },
    ])('admits a caller that was confirmed, for ten minutes: it $name', async ({ behaviour }) => {
      const { who, next, server, clock, told } = await confirmed();
      server.all(behaviour);
      const answer = who(next);
      if (behaviour === 'hang') {
        await reviewed(2);
        await clock.advance(2000);
      }
      expect(await answer).toBe(NAME);
      expect(told).toEqual([expect.stringContaining('The API server cannot be reached.')]);
      expect(await who(next)).toBe(NAME);
      await clock.advance(10 * MINUTES);
      const error = failure(who(next));
      if (behaviour === 'cut') expect(await error).toBeInstanceOf(StoreError);
      server.all(undefined);
    });

    it('keeps nobody waiting again for two seconds, and then tries another review', async () => {
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
    ])('cannot tell about $name', async ({ token }) => {
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
    ])('turns away $name', async ({ token }) => {
      const fixture = await confirmed();
      const bearer = await token(fixture);
      fixture.server.all('cut');
      expect(await fixture.who(bearer)).toBeUndefined();
    });

    it('turns away a token that expires while a review is waited for', async () => {
      const { who, mint, server, clock } = await confirmed();
      const bearer = await mint({ lifetime: 2000 });
      server.all('hang');
      const answer = who(bearer);
      await reviewed(2);
      await clock.advance(2000);
      expect(await answer).toBeUndefined();
    });

    it('cannot tell about a caller that a review has denied since', async () => {
      const { who, next, mint, server } = await confirmed();
      server.gone.add(POD);
      expect(await who(next)).toBeUndefined();
      server.all('cut');
      expect(await failure(who(await mint()))).toBeInstanceOf(StoreError);
    });

    it.each([500, 503, 429, 403])('cannot tell where it answers, with HTTP %i', async (status) => {
      const { who, next, server, told } = await confirmed();
      server.all({ status });
      expect(await failure(who(next))).toBeInstanceOf(StoreError);
      expect(told).toEqual([]);
    });
  });

  describe('where the API server does not show its keys', () => {
    async function startBlind(): Promise<CallerFixture> {
      const blind = await start();
      blind.server.behaviour.discovery = { status: 403 };
      blind.server.behaviour.jwks = { status: 403 };
      return blind;
    }

    it('knows a caller', async () => {
      const { mint, who } = await startBlind();
      expect(await who(await mint())).toBe(NAME);
    });

    it('leaves what is wrong on its face unasked, and the rest to reviews', async () => {
      const { mint, who, server } = await startBlind();
      await who(await mint({ audiences: ['vault'] }));
      expect(server.asked.review).toBe(0);
      const [token = ''] = await forged(1);
      expect(await who(token)).toBeUndefined();
      expect(server.asked.review).toBe(1);
    });

    it('has four reviews at once, lets a hundred wait and two seconds at most', async () => {
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

  it('costs the API server nothing to turn away five hundred forgeries with the name of its key', async () => {
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

  it('costs the API server nothing to turn away a flood of tokens with invented keys while the keys are fresh', async () => {
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

  it('knows its callers in a flood of tokens with invented keys that cannot be told from new ones', async () => {
    const { mint, who, server, clock } = await start();
    expect(await who(await mint())).toBe(NAME);
    await clock.advance(KEPT);
    server.behaviour.jwks = { status: 503 };
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

  describe('for a ServiceAccount that is in no clients', () => {
    const account = 'crowd/bystander';

    it('says who it is, and that it is a stranger, without a review', async () => {
      const { authenticator, mint, server } = await start();
      const bearer = new Redacted(await mint({ serviceAccount: account }));
      expect(await authenticator.authenticate(bearer)).toEqual({ name: STRANGER, instance: POD, stranger: true });
      expect(server.asked.review).toBe(0);
    });

    it('turns forgeries away without a review', async () => {
      const { who, issuer, clock, server, refusals } = await start();
      const forger = await TokenIssuer.start({ issuer: issuer.issuer });
      const claims = { now: clock.now(), serviceAccount: account };
      expect(await who(await forger.mint(claims))).toBeUndefined();
      expect(await who(await forger.mint({ ...claims, header: { kid: issuer.key.kid } }))).toBeUndefined();
      expect(refusals).toEqual([expect.stringContaining('key'), expect.stringContaining('signature')]);
      expect(server.asked.review).toBe(0);
    });

    it('reviews one at a time where the keys cannot be read, and keeps clients out of that queue', async () => {
      const { mint, who, server } = await start();
      server.behaviour.jwks = { status: 403 };
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
      // A machine under load makes any number of milliseconds long, but no order another.
      expect(answered).toBeLessThan(100);
      expect(new Set(await Promise.all(crowd))).toEqual(new Set([STRANGER]));
      expect(server.asked.review).toBe(1);
    });
  });

  it('has sixteen reviews at once when three hundred pods come', async () => {
    const { mint, who, server } = await start();
    await who(await mint());
    const tokens = await Promise.all(Array.from({ length: 300 }, () => mint()));
    expect(new Set(await Promise.all(tokens.map(who)))).toEqual(new Set([NAME]));
    expect(server.mostAtOnce).toBeLessThanOrEqual(16);
    expect(server.asked.review).toBe(301);
  });

  it('looks again at the end of a token that had to wait', async () => {
    const { mint, who, server, clock } = await start();
    await who(await mint());
    server.hold();
    const others = await Promise.all(Array.from({ length: 16 }, () => mint()));
    const before = others.map(who);
    await reviewed(17);
    const late = who(await mint({ lifetime: 2000 }));
    // Each of the 17 has its patience, and the last one waits for its turn.
    await expect.poll(() => clock.waiting(), { interval: 5 }).toBe(18);
    await clock.advance(2000);
    server.release();
    await Promise.all(before);
    expect(await late).toBeUndefined();
    expect(server.asked.review).toBe(17);
  });

  it('knows a caller by a new key, ten seconds after the keys were read', async () => {
    const { mint, who, issuer, clock } = await start();
    expect(await who(await mint())).toBe(NAME);
    await issuer.rotate();
    expect(await who(await mint())).toBeUndefined();
    await clock.advance(KEPT);
    expect(await who(await mint())).toBe(NAME);
  });

  it('takes an issuer that it is given in place of the discovered one', async () => {
    const { mint, who, issuer, server } = await start({ issuer: 'https://given.example' });
    expect(await who(await mint())).toBeUndefined();
    expect(server.asked.review).toBe(0);
    issuer.issuer = 'https://given.example';
    expect(await who(await mint())).toBe(NAME);
  });

  it('asks for the audience alone', async () => {
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
