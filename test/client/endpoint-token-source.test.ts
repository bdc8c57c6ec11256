import { afterEach, describe, expect, it } from 'vitest';
import type { Reissuer } from '../../src/ports/reissuer.ts';
import { failure } from '../support/failure.ts';
import { answered, type ClientWorld, endpointWorld, MINUTE, unreachable } from '../support/token-source.ts';

let world: ClientWorld | undefined;
afterEach(() => world?.source.close());

function start(options?: Parameters<typeof endpointWorld>[0]): ClientWorld {
  world = endpointWorld(options);
  return world;
}

/** The token-acquirer renews the token by itself. */
async function renewed({ acquirer, current }: ClientWorld): Promise<void> {
  await acquirer.reissue('dynamics', current().sha256);
  acquirer.reissues.length = 0;
}

describe('a token that is kept in memory only', () => {
  it('is fetched immediately, and once', async () => {
    const { source, clock, first, acquirer } = start();
    expect(() => source.current()).toThrow('The token-acquirer has given no valid token dynamics yet: await ready().');
    await clock.settle();
    expect(source.current().sha256).toBe(first.sha256);
    expect((await source.ready()).sha256).toBe(first.sha256);
    expect(acquirer.gets).toHaveLength(1);
  });

  it('is fetched by one call, however many callers wait for it', async () => {
    const { source, acquirer } = start();
    await Promise.all(Array.from({ length: 100 }, async () => source.ready()));
    expect(acquirer.gets).toHaveLength(1);
  });

  it('is fetched again after renew_at, and not before', async () => {
    const parts = start();
    const { source, clock, acquirer, current } = parts;
    await clock.advance(40 * MINUTE - 1);
    expect(acquirer.gets).toHaveLength(1);
    await renewed(parts);
    await clock.advance(2);
    expect(acquirer.gets).toHaveLength(2);
    expect(source.current().sha256).toBe(current().sha256);
    await clock.advance(MINUTE / 2);
    expect(acquirer.gets).toHaveLength(2);
  });

  it('is fetched soon after the machine was suspended past renew_at', async () => {
    const parts = start();
    await parts.clock.settle();
    await renewed(parts);
    parts.clock.jumpWall(45 * MINUTE);
    await parts.clock.advance(30_000);
    expect(parts.source.current().sha256).toBe(parts.current().sha256);
  });

  it('is requested less and less often while the token-acquirer is late with the renewal', async () => {
    const parts = start();
    const { clock, acquirer, source, current } = parts;
    await clock.advance(41 * MINUTE);
    const { length } = acquirer.gets;
    expect(length).toBeGreaterThan(3);
    expect(length).toBeLessThan(80);
    await renewed(parts);
    await clock.advance(MINUTE);
    expect(source.current().sha256).toBe(current().sha256);
  });

  it('stays in use while the token-acquirer is unavailable, until it expires', async () => {
    const { source, clock, acquirer, first, faults, current } = start();
    await clock.settle();
    acquirer.failure = unreachable();
    await clock.advance(60 * MINUTE - 1);
    expect(source.current().sha256).toBe(first.sha256);
    expect(faults.length).toBeGreaterThan(0);
    await clock.advance(1);
    expect(() => source.current()).toThrow('no valid token');
    const waiting = source.ready();
    acquirer.failure = undefined;
    await renewed({ acquirer, current } as ClientWorld);
    await clock.advance(MINUTE);
    expect((await waiting).sha256).toBe(current().sha256);
  });

  it('makes callers wait until it exists', async () => {
    const { source, clock, acquirer, first, faults } = start();
    acquirer.failure = answered(503, 1000);
    const waiting = source.ready();
    await clock.advance(5000);
    expect(faults.length).toBeGreaterThan(0);
    acquirer.failure = undefined;
    await clock.advance(30_000);
    expect((await waiting).sha256).toBe(first.sha256);
  });
});

describe('a rejected token that is kept in memory only', () => {
  it('is reissued once for all callers', async () => {
    const { source, clock, acquirer, first, current } = start();
    await clock.settle();
    await Promise.all(Array.from({ length: 100 }, async () => source.replace(first.sha256)));
    expect(acquirer.reissues).toHaveLength(1);
    expect(source.current().sha256).toBe(current().sha256);
  });

  it('is fetched if the answer has the generation only', async () => {
    const { source, clock, acquirer, first, current } = start({ respondWith: 'generation' });
    await clock.settle();
    expect((await source.replace(first.sha256)).sha256).toBe(current().sha256);
    expect([acquirer.reissues.length, acquirer.gets.length]).toEqual([1, 2]);
  });

  it('is renewed in time after a reissue, whose answer has no renew_at', async () => {
    const parts = start();
    const { source, clock, acquirer, first } = parts;
    await clock.settle();
    const second = await source.replace(first.sha256);
    await renewed(parts);
    await clock.advance(second.expiresAt - clock.now() - 1);
    expect(source.current().sha256).not.toBe(second.sha256);
    expect(acquirer.reissues).toEqual([]);
  });

  it('fails immediately if the token-acquirer rejects the call', async () => {
    const { source, clock, acquirer, first } = start();
    await clock.settle();
    acquirer.failure = answered(502);
    expect(await failure(source.replace(first.sha256))).toMatchObject({ status: 502 });
  });
});

describe('a clock that is ahead by more than a lifetime', () => {
  it('ends no call, because the lifetime comes from the token-acquirer', async () => {
    const parts = start({ expiresIn: 60 * MINUTE, ahead: 120 * MINUTE });
    const { source, clock, acquirer, first, current, faults } = parts;
    expect((await source.ready()).sha256).toBe(first.sha256);
    await clock.advance(40 * MINUTE - 1);
    expect(acquirer.gets).toHaveLength(1);
    await renewed(parts);
    await clock.advance(2);
    expect(source.current().sha256).toBe(current().sha256);
    expect([acquirer.gets.length, faults.length]).toEqual([2, 1]);
  });

  it('ends no call after a reissue either', async () => {
    const parts = start({ expiresIn: 60 * MINUTE, ahead: 120 * MINUTE });
    const { source, clock, acquirer, current } = parts;
    const { sha256 } = await source.ready();
    source.accepted?.(sha256);
    const second = await source.replace(sha256);
    source.replayRejected?.(second.sha256);
    await clock.advance(39 * MINUTE);
    expect([source.current().sha256, acquirer.gets.length]).toEqual([current().sha256, 1]);
    await clock.advance(2 * MINUTE);
    expect([acquirer.causes, acquirer.gets.length]).toEqual([['revoked'], 2]);
  });
});

describe('a closed source', () => {
  it('does not wait and requests no more tokens', async () => {
    const { source, clock, acquirer } = start();
    await clock.settle();
    source.close();
    await clock.advance(120 * MINUTE);
    expect([clock.waiting(), acquirer.gets.length]).toEqual([0, 1]);
    expect(await failure(source.ready())).toMatchObject({ name: 'TokenNotYetAvailable' });
    expect(() => source.current()).toThrow('its source is closed');
  });

  it('passes on a defect in the client instead of hiding it', async () => {
    const { source, clock, acquirer, first, faults } = start();
    await clock.settle();
    const fault = new TypeError('A defect in the client.');
    (acquirer as Reissuer).reissue = async () => Promise.reject(fault);
    expect(await failure(source.replace(first.sha256))).toBe(fault);
    expect(faults).toEqual([fault]);
  });
});
