import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import { toVolumeData, USUAL_FORM } from '../../src/core/token-volume.ts';
import type { Reissue } from '../../src/token-acquirer/token/reissues.ts';
import type { Admission } from '../../src/token-acquirer/token/token-requests.ts';
import { FakeLeadership } from '../fakes/fake-leadership.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start } from '../support/acquirer.ts';
import { buildToken } from '../support/tokens.ts';

const IDENTITY = specification().identity;
const STAND_IN = { standsIn: true, mayRequest: true };
const READER = { standsIn: true, mayRequest: false };
const UNKNOWN = 'f'.repeat(64);
const allowed: Admission = () => Promise.resolve(undefined);

/** A replica that follows, with a token in the store. */
async function following(given: Parameters<typeof specification>[0] = {}) {
  const leadership = new FakeLeadership('following');
  const world = createWorld({ leadership });
  const { clock } = world;
  const stored = buildToken({
    issuedAt: clock.now(),
    expiresAt: clock.now() + minutes(60),
    renewAt: clock.now() + minutes(40),
  });
  world.store.edit(IDENTITY, toVolumeData('dynamics', stored, USUAL_FORM));
  world.endpoint.script(tokenResponse({ expiresIn: 3600 }), tokenResponse({ expiresIn: 3600 }));
  const started = await start(world, { specifications: [specification(given)] });
  await clock.advance(seconds(60));
  return { ...started, leadership, token: stored };
}

async function reissue(
  { only, clock }: Started,
  rejected: string,
  { manner = STAND_IN, admission = allowed }: { manner?: typeof STAND_IN; admission?: Admission } = {},
): Promise<Reissue> {
  const answer = only().reissues.reissue(rejected, admission, { manner });
  await clock.advance(seconds(1));
  return answer;
}

describe('a replica that stands in', () => {
  it('does nothing before it is called', async () => {
    const { store, endpoint, kinds } = await following();
    expect([store.reads, store.writes, endpoint.requests, kinds()]).toEqual([0, [], [], []]);
  });

  it('answers with the stored token if that is not the rejected one', async () => {
    const replica = await following();
    const answer = await reissue(replica, UNKNOWN);
    expect(answer).toMatchObject({ result: 'newer', stored: true, token: { sha256: replica.token.sha256 } });
    expect(replica.endpoint.requests).toHaveLength(0);
    expect(replica.store.writes).toHaveLength(0);
    expect(replica.kinds()).toEqual([]);
  });

  it('requests a token if the stored one is rejected, and stores it', async () => {
    const replica = await following();
    const answer = await reissue(replica, replica.token.sha256);
    expect(answer).toMatchObject({ result: 'reissued', stored: true });
    expect(replica.stored()?.previousSha256).toEqual([replica.token.sha256]);
    expect(replica.endpoint.requests).toHaveLength(1);
  });

  it('knows the rejected token by its first digits', async () => {
    const replica = await following();
    const answer = await reissue(replica, replica.token.sha256.slice(0, 8));
    expect(answer).toMatchObject({ result: 'reissued', rejected: replica.token.sha256, current: true });
  });

  it('makes one request and one read for 1,000 callers', async () => {
    const replica = await following();
    const answers = Array.from({ length: 1000 }, () =>
      replica.only().reissues.reissue(replica.token.sha256, allowed, { manner: STAND_IN }),
    );
    await replica.clock.advance(seconds(2));
    const results = (await Promise.all(answers)).map(({ result }) => result);
    expect(results.filter((result) => result === 'reissued')).toHaveLength(1);
    expect(results.filter((result) => result === 'coalesced')).toHaveLength(999);
    expect(replica.endpoint.requests).toHaveLength(1);
    expect(replica.store.reads).toBe(1);
  });

  it('keeps nothing, and reads again for the next call', async () => {
    const replica = await following();
    await reissue(replica, UNKNOWN);
    expect(replica.only().cycle.held.token).toBeUndefined();
    const next = buildToken({ issuedAt: replica.clock.now(), expiresAt: replica.clock.now() + minutes(60) });
    replica.store.edit(IDENTITY, toVolumeData('dynamics', next, USUAL_FORM));
    expect(await reissue(replica, replica.token.sha256)).toMatchObject({
      result: 'newer',
      token: { sha256: next.sha256 },
    });
    expect(replica.store.reads).toBe(2);
    expect(replica.endpoint.requests).toHaveLength(0);
  });

  it('requests nothing that it may not request', async () => {
    const replica = await following({ grant: 'refresh_token' });
    const answer = await reissue(replica, replica.token.sha256, { manner: READER });
    expect(answer).toMatchObject({ result: 'leader_unavailable', retryAfter: seconds(5) });
    expect(await reissue(replica, UNKNOWN, { manner: READER })).toMatchObject({ result: 'newer' });
    expect(replica.endpoint.requests).toHaveLength(0);
  });

  it('counts each start against its caller', async () => {
    const replica = await following();
    const admission = () => Promise.resolve({ retryAfter: seconds(30) });
    expect(await reissue(replica, replica.token.sha256, { admission })).toMatchObject({ result: 'rate_limited' });
  });

  it('drops its token if another replica has stored one in the meantime', async () => {
    const replica = await following();
    const winner = buildToken({
      issuedAt: replica.clock.now() + seconds(1),
      expiresAt: replica.clock.now() + minutes(60),
    });
    replica.endpoint.hold();
    const answer = replica.only().reissues.reissue(replica.token.sha256, allowed, { manner: STAND_IN });
    await replica.clock.settle();
    replica.store.edit(IDENTITY, toVolumeData('dynamics', winner, USUAL_FORM));
    replica.store.fail(new StoreError('Another process changed the Secret.'), 1);
    replica.endpoint.release();
    await replica.clock.advance(seconds(2));
    expect(await answer).toMatchObject({ result: 'newer', stored: true, token: { sha256: winner.sha256 } });
    expect(replica.stored()?.sha256).toBe(winner.sha256);
    expect(replica.endpoint.requests).toHaveLength(1);
  });

  it('keeps a token that it cannot store, gives it to all, and stores it with a later call', async () => {
    const replica = await following();
    replica.endpoint.hold();
    const first = replica.only().reissues.reissue(replica.token.sha256, allowed, { manner: STAND_IN });
    await replica.clock.settle();
    replica.store.fail(new StoreError('The API server cannot be reached.'));
    replica.endpoint.release();
    await replica.clock.advance(seconds(3));
    expect(await first).toMatchObject({ result: 'reissued', stored: false });
    expect(await reissue(replica, replica.token.sha256)).toMatchObject({ result: 'newer', stored: false });
    expect(replica.endpoint.requests).toHaveLength(1);
    replica.store.heal();
    expect(await reissue(replica, replica.token.sha256)).toMatchObject({ result: 'newer', stored: true });
    expect(replica.stored()?.previousSha256).toEqual([replica.token.sha256]);
    expect(replica.endpoint.requests).toHaveLength(1);
    expect(replica.only().cycle.held.token).toBeUndefined();
  });

  it('renews the token from what is stored once it leads', async () => {
    const replica = await following();
    await reissue(replica, UNKNOWN);
    replica.leadership.become('leading');
    await replica.clock.advance(seconds(1));
    expect(replica.only().cycle.held.token?.sha256).toBe(replica.token.sha256);
    expect(replica.endpoint.requests).toHaveLength(0);
  });

  it('waits for the stored token when it leads for the second time', async () => {
    const replica = await following();
    replica.leadership.become('leading');
    await replica.clock.advance(seconds(1));
    replica.leadership.become('following');
    await replica.clock.advance(seconds(1));
    replica.leadership.become('leading');
    const answer = replica.only().reissues.reissue(UNKNOWN, allowed);
    await replica.clock.advance(seconds(1));
    expect(await answer).toMatchObject({ result: 'newer', token: { sha256: replica.token.sha256 } });
    expect(replica.endpoint.requests).toHaveLength(0);
  });
});
