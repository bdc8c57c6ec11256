import { describe, expect, it } from 'vitest';
import { StoreError, TokenRequestError } from '../../src/core/errors.ts';
import type { ReissueCause } from '../../src/core/reissue.ts';
import { sha256 } from '../../src/core/token.ts';
import type { Reissue } from '../../src/token-acquirer/token/reissues.ts';
import type { Admission } from '../../src/token-acquirer/token/token-requests.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, specification, start } from '../support/acquirer.ts';

const allowed: Admission = () => Promise.resolve(undefined);

function present(started: Started): string {
  return started.only().cycle.held.token?.sha256 ?? '';
}

/** Requests a successor of the current token, or of `rejected`, and waits for it. */
async function reissue(started: Started, rejected = present(started), admission = allowed): Promise<Reissue> {
  return because(started, undefined, { rejected, admission });
}

async function because(
  started: Started,
  cause: ReissueCause | undefined,
  { rejected = present(started), admission = allowed } = {},
): Promise<Reissue> {
  const answer = started.only().reissues.reissue(rejected, admission, { cause });
  await started.clock.advance(seconds(1));
  return answer;
}

async function runningForAMinute(): Promise<Started> {
  const world = createWorld();
  world.endpoint.script(tokenResponse({ expiresIn: 3600 }));
  const running = await start(world);
  await running.clock.advance(seconds(60));
  return running;
}

describe('a reissue', () => {
  it('answers after the new token is stored, with one token request', async () => {
    const running = await runningForAMinute();
    const rejected = present(running);
    const answer = await reissue(running);
    expect(answer).toMatchObject({ result: 'reissued', stored: true });
    expect(running.endpoint.requests).toHaveLength(2);
    expect(running.stored()?.previousSha256).toEqual([rejected]);
  });

  it('is one token request for 1,000 concurrent callers', async () => {
    const running = await runningForAMinute();
    const rejected = present(running);
    running.endpoint.hold();
    const answers = Array.from({ length: 1000 }, () => running.only().reissues.reissue(rejected, allowed));
    await running.clock.settle();
    running.endpoint.release();
    await running.clock.advance(seconds(1));
    const results = (await Promise.all(answers)).map(({ result }) => result);
    expect(running.endpoint.requests).toHaveLength(2);
    expect(results.filter((result) => result === 'reissued')).toHaveLength(1);
    expect(results.filter((result) => result === 'coalesced')).toHaveLength(999);
  });

  it('of an older token is answered with the newer one, without a request', async () => {
    const running = await runningForAMinute();
    const old = present(running);
    await reissue(running);
    expect(await reissue(running, old)).toMatchObject({ result: 'newer' });
    expect(running.endpoint.requests).toHaveLength(2);
  });

  it('of an unknown token is answered with the current one, without a request', async () => {
    const running = await runningForAMinute();
    expect(await reissue(running, sha256('stranger'))).toMatchObject({ result: 'newer' });
    expect(running.endpoint.requests).toHaveLength(1);
  });

  it('joins a renewal in flight', async () => {
    const running = await start(createWorld());
    const rejected = present(running);
    running.endpoint.hold();
    await running.clock.advance(seconds(41));
    const answer = running.only().reissues.reissue(rejected, allowed);
    await running.clock.settle();
    running.endpoint.release();
    await running.clock.advance(seconds(1));
    expect(await answer).toMatchObject({ result: 'coalesced' });
    expect(running.endpoint.requests).toHaveLength(2);
  });

  it('comes no sooner than 1 s after the previous request', async () => {
    const running = await start(createWorld());
    const answer = running.only().reissues.reissue(present(running), allowed);
    await running.clock.advance(900);
    expect(running.endpoint.requests).toHaveLength(1);
    await running.clock.advance(200);
    expect(await answer).toMatchObject({ result: 'reissued' });
  });

  it('is served while suspended, and counts as a sign of life', async () => {
    const world = createWorld();
    const running = await start(world, { specifications: [specification({ clientApp: { pidFile: '/run/app.pid' } })] });
    running.execution.set('stopped');
    await running.clock.advance(minutes(5));
    expect(running.endpoint.requests).toHaveLength(1);
    expect(await reissue(running)).toMatchObject({ result: expect.stringMatching(/reissued|coalesced/) });
    expect(running.only().cycle.status.get('Suspended')?.status).toBe(false);
    await running.clock.advance(minutes(5));
    expect(running.only().cycle.status.get('Suspended')?.status).toBe(true);
  });

  it('is answered as not stored while the store is unavailable', async () => {
    const running = await runningForAMinute();
    running.store.fail(new StoreError('The store is unavailable.'));
    expect(await reissue(running)).toMatchObject({ result: 'reissued', stored: false });
  });
});

describe('a reissue that only tests the chain', () => {
  const tried = async (running: Started): Promise<Reissue> => {
    const answer = running.only().reissues.reissue(present(running), allowed, { test: true });
    await running.clock.advance(seconds(1));
    return answer;
  };

  it('is served while suspended, and does not count as a sign of a running client app', async () => {
    const world = createWorld();
    const running = await start(world, { specifications: [specification({ clientApp: { pidFile: '/run/app.pid' } })] });
    running.execution.set('stopped');
    await running.clock.advance(minutes(5));
    expect(await tried(running)).toMatchObject({ result: expect.stringMatching(/reissued|coalesced/), stored: true });
    await running.clock.advance(seconds(30));
    expect(running.only().cycle.status.get('Suspended')?.status).toBe(true);
    expect(running.kinds().filter((kind) => kind === 'resumed')).toEqual([]);
    // The next renewal is for a client app that runs. Until then the token expires, and its keys are removed.
    await running.clock.advance(minutes(5));
    expect(running.stored()).toBeUndefined();
  });

  it('pauses no client, because its token is replaced as soon as a client reports it', async () => {
    const running = await runningForAMinute();
    running.endpoint.script(...Array.from({ length: 5 }, () => tokenResponse({ expiresIn: 3600 })));
    expect(await tried(running)).toMatchObject({ result: 'reissued' });
    expect(await because(running, 'never_accepted')).toMatchObject({ result: 'reissued' });
  });

  it('comes 4 s after the last reissue at the earliest', async () => {
    const running = await runningForAMinute();
    expect(await tried(running)).toMatchObject({ result: 'reissued' });
    expect(await tried(running)).toMatchObject({ result: 'paused', retryAfter: seconds(3) });
    await running.clock.advance(seconds(2));
    expect(await tried(running)).toMatchObject({ result: 'reissued' });
  });
});

describe('a reissue that the server rejects', () => {
  it('has the error, and the next one is not tried before the pause is over', async () => {
    const running = await runningForAMinute();
    const error = new TokenRequestError('invalid_grant', 'The server answered invalid_grant.', {
      progress: 'answered',
    });
    running.endpoint.script(error);
    expect(await reissue(running)).toMatchObject({ result: 'failed', error: { code: 'invalid_grant' } });
    const again = await reissue(running);
    expect(again).toMatchObject({ result: 'failed' });
    expect('retryAfter' in again && again.retryAfter).toBeGreaterThan(seconds(25));
    expect(running.endpoint.requests).toHaveLength(2);
  });

  it('fails with same_token for the same token', async () => {
    const world = createWorld();
    const same = tokenResponse({ expiresIn: 3600 });
    world.endpoint.script(same, same);
    const running = await start(world);
    expect(await reissue(running)).toMatchObject({ result: 'failed', error: { code: 'same_token' } });
    expect(running.store.writes).toHaveLength(1);
  });

  it('keeps the current token', async () => {
    const running = await runningForAMinute();
    const before = running.stored()?.sha256;
    running.endpoint.script(new TokenRequestError('server_error', 'The server failed.', { progress: 'answered' }));
    await reissue(running);
    expect(running.stored()?.sha256).toBe(before);
  });
});

describe('a gateway that rejects every new token', () => {
  it('leads to pauses of 1 s doubling to 5 min', async () => {
    const running = await runningForAMinute();
    running.endpoint.script(...Array.from({ length: 30 }, () => tokenResponse({ expiresIn: 36_000 })));
    const pauses: number[] = [];
    await reissue(running);
    for (let round = 0; round < 10; round += 1) {
      const answer = await reissue(running);
      const pause = 'retryAfter' in answer ? answer.retryAfter : 0;
      pauses.push(pause / 1000);
      await running.clock.advance(pause);
      expect((await reissue(running)).result).toBe('reissued');
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
  });

  it('is forgotten by the next scheduled renewal', async () => {
    const running = await runningForAMinute();
    await reissue(running);
    expect(await reissue(running)).toMatchObject({ result: 'paused' });
    await running.clock.advance(minutes(60));
    expect(await reissue(running)).toMatchObject({ result: 'reissued' });
  });

  it('is forgotten when a token was accepted for 10 s', async () => {
    const running = await runningForAMinute();
    await reissue(running);
    await running.clock.advance(seconds(10));
    expect(await reissue(running)).toMatchObject({ result: 'reissued' });
  });
});

describe('the report of a client on a token', () => {
  it('leads to a replacement 3 s after each reissue, without a pause, if it was accepted before', async () => {
    const running = await runningForAMinute();
    const results = new Set<string>();
    for (let revocations = 0; revocations < 100; revocations += 1) {
      results.add((await because(running, 'revoked')).result);
      await running.clock.advance(seconds(2));
    }
    expect([...results]).toEqual(['reissued']);
    expect(running.endpoint.requests).toHaveLength(101);
  });

  it('leads to growing pauses if it was never accepted', async () => {
    const running = await runningForAMinute();
    await because(running, 'never_accepted');
    await running.clock.advance(seconds(2));
    expect(await because(running, 'never_accepted')).toMatchObject({ result: 'paused', retryAfter: seconds(1) });
  });

  it('leads to the same token if only the clock of the client calls it expired', async () => {
    const running = await runningForAMinute();
    const before = present(running);
    const answer = await because(running, 'expired');
    expect(answer).toMatchObject({ result: 'newer', token: { sha256: before } });
    expect(running.endpoint.requests).toHaveLength(1);
  });

  it('leads to another token if it expires within a second', async () => {
    const running = await start(createWorld());
    running.endpoint.script(
      new TokenRequestError('unreachable', 'The server is unavailable.', { progress: 'not-sent' }),
    );
    await running.clock.advance(seconds(40));
    running.endpoint.hold();
    await running.clock.advance(running.only().cycle.held.remaining() - 500);
    const answer = running.only().reissues.reissue(present(running), allowed, { cause: 'expired' });
    running.endpoint.release();
    await running.clock.advance(seconds(1));
    expect((await answer).result).not.toBe('newer');
  });
});

describe('a caller above its limit of starts', () => {
  const refused: Admission = () => Promise.resolve({ retryAfter: seconds(30) });

  it('gets the time at which it may start the next', async () => {
    const running = await runningForAMinute();
    expect(await reissue(running, present(running), refused)).toMatchObject({
      result: 'rate_limited',
      retryAfter: seconds(30),
    });
    expect(running.endpoint.requests).toHaveLength(1);
  });

  it('does not block another caller', async () => {
    const running = await runningForAMinute();
    const rejected = present(running);
    const answers = [
      running.only().reissues.reissue(rejected, refused),
      running.only().reissues.reissue(rejected, allowed),
    ];
    await running.clock.advance(seconds(2));
    expect((await Promise.all(answers)).map(({ result }) => result)).toEqual(['rate_limited', 'reissued']);
  });
});
