import { describe, expect, it } from 'vitest';
import { Redacted } from '../../src/core/redacted.ts';
import type { TokenResponse } from '../../src/ports/token-endpoint.ts';
import type { Reissue } from '../../src/token-acquirer/token/reissues.ts';
import { tokenResponse } from '../fakes/fake-token-endpoint.ts';
import { createWorld, minutes, type Started, seconds, start, type World } from '../support/acquirer.ts';
import { unsignedJwt } from '../support/jwt.ts';

/** Makes a token that the gateway accepts this long after it was issued. */
function laterBy(world: World, ahead: number, more: Partial<TokenResponse> = {}): TokenResponse {
  const accessToken = new Redacted(unsignedJwt({ nbf: (world.clock.now() + ahead) / 1000 }));
  return tokenResponse({ accessToken, expiresIn: 60, ...more });
}

/** With a token of a minute, whose renewal after 40.2 s brings one that is valid only later. */
async function renewed(ahead: number, more: (world: World) => Partial<TokenResponse> = () => ({})): Promise<Started> {
  const world = createWorld();
  const started = await start(world);
  await started.clock.advance(seconds(40));
  // The request is sent 0.2 s later.
  world.endpoint.script(laterBy(world, ahead + 200, more(world)));
  return started;
}

function reissue(started: Started): Promise<Reissue> {
  const { cycle, reissues } = started.only();
  return reissues.reissue(cycle.held.token?.sha256 ?? '', async () => undefined);
}

describe('an access token with nbf ahead', () => {
  it('is published when it is due, and the previous one stays until then', async () => {
    const started = await renewed(seconds(3));
    const { clock, stored, store, only } = started;
    const first = stored()?.sha256;
    await clock.advance(seconds(3));
    expect(started.endpoint.requests).toHaveLength(2);
    expect(stored()?.sha256).toBe(first);
    expect(only().cycle.held.token?.sha256).toBe(first);
    await clock.advance(500);
    expect(stored()?.sha256).not.toBe(first);
    expect(store.writes).toHaveLength(2);
    expect(started.endpoint.requests).toHaveLength(2);
  });

  it('still counts its lifetime from the request', async () => {
    const { clock, stored } = await renewed(seconds(3));
    const sentAt = clock.now() + 200;
    await clock.advance(seconds(5));
    expect(stored()?.issuedAt).toBe(sentAt);
    expect(stored()?.expiresAt).toBe(sentAt + seconds(60));
  });

  it('is published while the previous one is still valid', async () => {
    const { clock, stored } = await renewed(minutes(60));
    const first = stored();
    await clock.advance(seconds(9));
    expect(stored()?.sha256).toBe(first?.sha256);
    await clock.advance(seconds(2));
    expect(stored()?.sha256).not.toBe(first?.sha256);
    expect(clock.now()).toBeLessThan(first?.expiresAt ?? 0);
  });

  it('is published immediately if no other is valid', async () => {
    const world = createWorld();
    world.endpoint.script(laterBy(world, seconds(30)));
    const { stored } = await start(world);
    expect(stored()).toBeDefined();
  });

  it('reaches a client whose token was rejected when it is due', async () => {
    const started = await start(createWorld());
    await started.clock.advance(seconds(20));
    started.endpoint.script(laterBy(started, seconds(3)));
    let answer: Reissue | undefined;
    void reissue(started).then((result) => (answer = result));
    await started.clock.advance(seconds(2.9));
    expect(answer).toBeUndefined();
    await started.clock.advance(200);
    expect(answer).toMatchObject({ result: 'reissued', stored: true });
  });

  it('reaches a client whose token was rejected after 5 s at the latest', async () => {
    const started = await start(createWorld());
    await started.clock.advance(seconds(5));
    started.endpoint.script(laterBy(started, seconds(20)));
    let answer: Reissue | undefined;
    void reissue(started).then((result) => (answer = result));
    await started.clock.advance(seconds(5));
    expect(answer).toMatchObject({ result: 'reissued', stored: true });
  });

  it('reaches a client that comes while it is kept back 5 s later at the latest', async () => {
    const started = await renewed(seconds(9.5));
    await started.clock.advance(seconds(2));
    let answer: Reissue | undefined;
    void reissue(started).then((result) => (answer = result));
    await started.clock.advance(seconds(4.9));
    expect(answer).toBeUndefined();
    await started.clock.advance(200);
    expect(answer).toMatchObject({ result: 'coalesced', stored: true });
  });

  it('reaches a client that comes before the answer 5 s after that at the latest', async () => {
    const started = await renewed(seconds(9.5));
    started.endpoint.hold();
    await started.clock.advance(seconds(1));
    let answer: Reissue | undefined;
    void reissue(started).then((result) => (answer = result));
    await started.clock.settle();
    started.endpoint.release();
    await started.clock.advance(seconds(4.9));
    expect(answer).toBeUndefined();
    await started.clock.advance(200);
    expect(answer).toMatchObject({ result: 'coalesced', stored: true });
  });

  it('is kept back again if a client waited for the previous token', async () => {
    const started = await renewed(seconds(9.5));
    await started.clock.advance(seconds(2));
    void reissue(started);
    await started.clock.advance(seconds(6));
    const second = started.stored()?.sha256;
    started.endpoint.script(laterBy(started, seconds(34.2 + 9.5)));
    await started.clock.advance(seconds(34.2 + 6));
    expect(started.endpoint.requests).toHaveLength(3);
    expect(started.stored()?.sha256).toBe(second);
  });

  it('is published by a stop that came before the answer', async () => {
    const started = await renewed(seconds(9));
    started.endpoint.hold();
    await started.clock.advance(seconds(1));
    const first = started.stored()?.sha256;
    const stopped = started.acquirer.stop();
    await started.clock.settle();
    started.endpoint.release();
    await started.clock.settle();
    expect(started.stored()?.sha256).not.toBe(first);
    await stopped;
  });

  it('is published by a stop, so that it is not lost', async () => {
    const started = await renewed(seconds(9));
    await started.clock.advance(seconds(1));
    const first = started.stored()?.sha256;
    const stopped = started.acquirer.stop();
    await started.clock.settle();
    await stopped;
    expect(started.stored()?.sha256).not.toBe(first);
    expect(started.clock.waiting()).toBe(0);
  });

  it('is not kept back if the clock is known to be behind', async () => {
    const { clock, stored } = await renewed(minutes(60), (world) => ({
      serverDate: world.clock.now() + minutes(60),
    }));
    const first = stored()?.sha256;
    await clock.advance(seconds(1));
    expect(stored()?.sha256).not.toBe(first);
  });

  it.each([
    ['an opaque token', 'opaque'],
    ['a token that only looks like a JWT', 'one.two.three'],
  ])('is not %s', async (_sentence, accessToken) => {
    const started = await start(createWorld());
    const first = started.stored()?.sha256;
    started.endpoint.script(tokenResponse({ accessToken: new Redacted(accessToken) }));
    await started.clock.advance(seconds(41));
    expect(started.stored()?.sha256).not.toBe(first);
  });
});
