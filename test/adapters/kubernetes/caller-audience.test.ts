import { afterEach, describe, expect, it } from 'vitest';
import { createJwksAuthenticator } from '../../../src/adapters/kubernetes/callers/jwks-authenticator.ts';
import { createTokenReviewAuthenticator } from '../../../src/adapters/kubernetes/callers/token-review-authenticator.ts';
import { callerAudience, formerAudienceSentence } from '../../../src/token-acquirer/configuration/caller-audience.ts';
import { type CallerFixture, STRANGER, startCallers } from '../../support/caller-fixture.ts';

const NAME = 'system:serviceaccount:billing:billing-app';
const FORMER = 'token-acquirer';
const TEAM_A = callerAudience({ audience: undefined, service: 'token-acquirer' }, 'team-a');
const TEAM_B = callerAudience({ audience: undefined, service: 'token-acquirer' }, 'team-b');

describe('the audience of callers', () => {
  it('is by default the Service with its namespace, and for one version also the former default', () => {
    expect(TEAM_A).toEqual({ audience: 'token-acquirer.team-a', formerAudience: FORMER });
    expect(callerAudience({ audience: undefined, service: 'tokens' }, 'team-a').audience).toBe('tokens.team-a');
  });

  it('is the configured one only', () => {
    expect(callerAudience({ audience: FORMER, service: 'tokens' }, 'team-a')).toEqual({ audience: FORMER });
  });

  it('is named to the owners of callers that must change it', () => {
    expect(formerAudienceSentence(NAME, TEAM_A)).toBe(
      `${NAME} calls with a token for the audience "token-acquirer", the default of version 0.1, which version 0.3 will reject. Project its token for "token-acquirer.team-a": upgrade the chart token-acquirer-client, or set serviceAccountToken.audience in the volume of its pods.`,
    );
  });
});

describe.each([
  { callers: 'token-review', create: createTokenReviewAuthenticator },
  { callers: 'jwks', create: createJwksAuthenticator },
])('with callers: $callers', ({ create }) => {
  let callers: CallerFixture;
  afterEach(async () => callers.server.stop());

  async function start(accepted: typeof TEAM_A): Promise<CallerFixture & { former: string[]; asked: unknown[] }> {
    const former: string[] = [];
    const asked: unknown[] = [];
    callers = await startCallers((api, options) =>
      create(api, { ...options, ...accepted, onFormerAudience: ({ name }) => former.push(name) }),
    );
    callers.server.alter = (status) => {
      asked.push(status.audiences);
      return status;
    };
    return { ...callers, former, asked };
  }

  it("rejects a token that was sent to another team's endpoint", async () => {
    const { mint, who, refusals, server } = await start(TEAM_B);
    expect(await who(await mint({ audiences: [TEAM_A.audience] }))).toBeUndefined();
    expect(refusals).toEqual([expect.stringContaining('another audience')]);
    expect(server.asked.review).toBe(0);
    expect(await who(await mint({ audiences: [TEAM_B.audience] }))).toBe(NAME);
  });

  it('accepts a token for the former audience, and names its caller each time', async () => {
    const { mint, who, former, asked } = await start(TEAM_A);
    const token = await mint({ audiences: [FORMER] });
    expect([await who(token), await who(token)]).toEqual([NAME, NAME]);
    expect(former).toEqual([NAME, NAME]);
    expect(asked.flat().every((audience) => audience === FORMER)).toBe(true);
  });

  it('logs nothing about a token that is also for the current audience', async () => {
    const { mint, who, former, asked } = await start(TEAM_A);
    expect(await who(await mint({ audiences: [FORMER, TEAM_A.audience] }))).toBe(NAME);
    expect(former).toEqual([]);
    expect(asked.flat().every((audience) => audience === TEAM_A.audience)).toBe(true);
  });

  it('logs nothing about a rejected token', async () => {
    const { mint, who, former } = await start(TEAM_A);
    const token = await mint({ audiences: [FORMER], header: { kid: 'unheard-of' } });
    expect(await who(token)).toBeUndefined();
    expect(former).toEqual([]);
  });

  it('rejects a token for the former audience if another one is configured', async () => {
    const { mint, who } = await start({ audience: TEAM_A.audience });
    expect(await who(await mint({ audiences: [FORMER] }))).toBeUndefined();
    expect(await who(await mint({ audiences: [TEAM_A.audience] }))).toBe(NAME);
  });
});

it('rejects a TokenReview that confirms another audience than the requested one', async () => {
  const callers = await startCallers((api, options) => createTokenReviewAuthenticator(api, { ...options, ...TEAM_A }));
  callers.server.alter = (status) => ({ ...status, audiences: [FORMER] });
  expect(await callers.who(await callers.mint({ audiences: [FORMER, TEAM_A.audience] }))).toBeUndefined();
  const stranger = await callers.mint({ audiences: [FORMER], serviceAccount: STRANGER.split(':').slice(2).join('/') });
  expect(await callers.who(stranger)).toBe(STRANGER);
  await callers.server.stop();
});
