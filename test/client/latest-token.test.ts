import { describe, expect, it } from 'vitest';
import { LatestToken } from '../../src/client/latest-token.ts';
import type { Token } from '../../src/core/token.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { failure } from '../support/failure.ts';
import { MINUTE, NOON } from '../support/token-source.ts';
import { buildToken } from '../support/tokens.ts';

const HOUR = 60 * MINUTE;

function holding(token: Token | undefined, now = NOON): LatestToken {
  const held = new LatestToken('dynamics', createFakeClock({ now }));
  if (token !== undefined) held.offer(token);
  return held;
}

describe('which token is held', () => {
  const held = { issuedAt: NOON, expiresAt: NOON + HOUR, generation: 7 };
  it.each<[string, { before: Partial<Token>; offered: Partial<Token>; taken: boolean }]>([
    ['the one issued later', { before: held, offered: { ...held, issuedAt: NOON + 1 }, taken: true }],
    [
      'the higher generation, though a clock that was set back issued it',
      { before: held, offered: { ...held, issuedAt: NOON - 1, generation: 8 }, taken: true },
    ],
    [
      'not a lower generation that claims to be issued later',
      { before: held, offered: { ...held, issuedAt: NOON + 1, generation: 6 }, taken: false },
    ],
    [
      'of two of one generation not the one issued earlier',
      { before: held, offered: { ...held, issuedAt: NOON - 1 }, taken: false },
    ],
    ['of two issued at once the later generation', { before: held, offered: { ...held, generation: 8 }, taken: true }],
    ['not the earlier generation', { before: held, offered: { ...held, generation: 6 }, taken: false }],
    ['the one it has, where they are equal', { before: held, offered: held, taken: false }],
    [
      'a live one rather than an expired one that was issued later',
      {
        before: { issuedAt: NOON - 10, expiresAt: NOON - 1 },
        offered: { issuedAt: NOON - 20, expiresAt: NOON + 1 },
        taken: true,
      },
    ],
    [
      'not an expired one, though it was issued later',
      {
        before: { issuedAt: NOON - 20, expiresAt: NOON + 1 },
        offered: { issuedAt: NOON - 10, expiresAt: NOON },
        taken: false,
      },
    ],
  ])('%s', (_, { before, offered, taken }) => {
    const [first, second] = [buildToken(before), buildToken(offered)];
    const token = holding(first);
    token.offer(second);
    expect(token.last?.sha256).toBe(taken ? second.sha256 : first.sha256);
  });

  it('an expired one where there is no other, but it is not live', () => {
    const token = holding(buildToken({ issuedAt: NOON - HOUR, expiresAt: NOON }));
    expect(token.last).toBeDefined();
    expect(token.live()).toBeUndefined();
  });
});

describe('what the token-acquirer gave for a rejected token', () => {
  const rejected = buildToken({ issuedAt: NOON });
  const older = buildToken({ issuedAt: NOON - MINUTE, expiresAt: NOON + HOUR });

  it('is held though its clock says that it is older', () => {
    const held = holding(rejected);
    held.acceptInstead(rejected.sha256, older);
    expect(held.live()?.sha256).toBe(older.sha256);
  });

  it('is not driven out by the rejected one, which the volume still has', () => {
    const held = holding(rejected);
    held.acceptInstead(rejected.sha256, older);
    held.offer(rejected);
    expect(held.live()?.sha256).toBe(older.sha256);
  });

  it('gives way to the next one', () => {
    const held = holding(rejected);
    const next = buildToken({ issuedAt: NOON + MINUTE });
    held.acceptInstead(rejected.sha256, older);
    held.offer(next);
    expect(held.live()?.sha256).toBe(next.sha256);
  });

  it('does not drive out a newer one that came meanwhile', () => {
    const held = holding(rejected);
    const next = buildToken({ issuedAt: NOON + MINUTE });
    held.offer(next);
    held.acceptInstead(rejected.sha256, older);
    expect(held.live()?.sha256).toBe(next.sha256);
  });
});

describe('a token that was rejected', () => {
  const world = () => {
    const clock = createFakeClock({ now: NOON });
    const held = new LatestToken('dynamics', clock);
    const tokens = Array.from({ length: 4 }, (_, at) => buildToken({ issuedAt: NOON + at, generation: at + 1 }));
    const [first, second, third] = tokens as [Token, Token, Token];
    held.offer(first);
    return { clock, held, first, second, third };
  };

  it('gives way to any other one, though its generation is higher', () => {
    const { held, first } = world();
    expect(held.reject(first.sha256, true)).toBeUndefined();
    const lower = buildToken({ issuedAt: NOON - MINUTE, generation: 0 });
    held.offer(lower);
    expect(held.live()?.sha256).toBe(lower.sha256);
    held.offer(first);
    expect(held.live()?.sha256).toBe(lower.sha256);
  });

  it('is sent as long as there is no other, and may be accepted again', () => {
    const { held, first, second } = world();
    held.accepted(first.sha256);
    held.reject(first.sha256, true);
    expect(held.live()?.sha256).toBe(first.sha256);
    expect(held.liveOtherThan(second.sha256)).toBeUndefined();
    held.accepted(first.sha256);
    expect(held.liveOtherThan(second.sha256)?.sha256).toBe(first.sha256);
  });

  it('is replaced by the one before for a second, where nobody accepted it yet', async () => {
    const { held, clock, first, second } = world();
    held.accepted(first.sha256);
    held.offer(second);
    expect(held.live()?.sha256).toBe(second.sha256);
    expect(held.reject(second.sha256, true)?.sha256).toBe(first.sha256);
    await clock.advance(999);
    expect(held.live()?.sha256).toBe(first.sha256);
    expect(held.reject(second.sha256, true)?.sha256).toBe(first.sha256);
    await clock.advance(1);
    expect(held.live()?.sha256).toBe(second.sha256);
    held.accepted(second.sha256);
    expect(held.reject(second.sha256, true)).toBeUndefined();
  });

  it('is not replaced by the one before where its caller does not tell what is accepted', () => {
    const { held, first, second } = world();
    held.offer(second);
    expect(held.reject(second.sha256, false)).toBeUndefined();
    expect(held.complaintOf(second.sha256)).toEqual({ hash: second.sha256, cause: 'never_accepted' });
    expect(first.sha256).not.toBe(held.last?.sha256);
  });

  it('is not replaced by the one before once that has expired, or was rejected', async () => {
    const { held, clock, first, second, third } = world();
    held.offer(second);
    held.reject(first.sha256, true);
    expect(held.reject(second.sha256, true)).toBeUndefined();
    held.acceptInstead(second.sha256, third);
    expect(held.reject(third.sha256, true)).toBeUndefined();
    const expiring = world();
    expiring.held.offer(buildToken({ generation: 2, issuedAt: NOON, expiresAt: NOON + 2 * HOUR }));
    await expiring.clock.advance(HOUR);
    expect(expiring.held.reject(expiring.held.last?.sha256 ?? '', true)).toBeUndefined();
    expect(clock.waiting()).toBe(0);
  });

  it('is given up together with the one that stands in for it, and reported itself', () => {
    const { held, first, second } = world();
    held.accepted(first.sha256);
    held.offer(second);
    held.reject(second.sha256, true);
    expect(held.reject(first.sha256, true)).toBeUndefined();
    expect(held.complaintOf(first.sha256)).toEqual({ hash: second.sha256, cause: 'never_accepted' });
  });

  it('counts as revoked where it was accepted, unless a replay with it was rejected', () => {
    const { held, first } = world();
    held.accepted(first.sha256);
    expect(held.complaintOf(first.sha256).cause).toBe('revoked');
    held.reject(first.sha256, true);
    expect(held.complaintOf(first.sha256).cause).toBe('revoked');
    held.replayRejected(first.sha256);
    expect(held.complaintOf(first.sha256).cause).toBe('never_accepted');
  });

  it('that is not the held one leaves the held one as it is', () => {
    const { held, first, second, third } = world();
    held.offer(second);
    held.accepted(first.sha256);
    held.replayRejected(first.sha256);
    expect(held.reject(third.sha256, true)?.sha256).toBe(second.sha256);
    held.accepted(second.sha256);
    expect(held.complaintOf(second.sha256).cause).toBe('revoked');
  });
});

describe('what the token-acquirer says of the life of a token', () => {
  const expired = buildToken({ issuedAt: NOON - 3 * HOUR, expiresAt: NOON - 2 * HOUR, generation: 7 });
  const expiry = { wall: NOON + MINUTE, monotonic: MINUTE };

  it('makes the token live that looks expired, until then', async () => {
    const clock = createFakeClock({ now: NOON });
    const held = new LatestToken('dynamics', clock);
    held.offer(expired);
    expect(held.live()).toBeUndefined();
    const waiting = held.next(undefined);
    held.confirm(7, expiry);
    expect((await waiting).sha256).toBe(expired.sha256);
    await clock.advance(MINUTE - 1);
    expect(held.live()?.sha256).toBe(expired.sha256);
    await clock.advance(1);
    expect(held.live()).toBeUndefined();
  });

  it('counts for the token that comes after it, and for no other generation', () => {
    const held = new LatestToken('dynamics', createFakeClock({ now: NOON }));
    held.confirm(7, expiry);
    held.offer(buildToken({ issuedAt: expired.issuedAt, expiresAt: expired.expiresAt, generation: 6 }));
    expect(held.live()).toBeUndefined();
    held.offer(expired);
    expect(held.live()?.sha256).toBe(expired.sha256);
  });

  it.each([
    ['the wall clock', async (clock: FakeClock) => clock.jumpWall(MINUTE)],
    ['the monotonic clock', async (clock: FakeClock) => clock.advance(MINUTE)],
  ])('ends by %s', async (_, pass) => {
    const clock = createFakeClock({ now: NOON });
    const held = new LatestToken('dynamics', clock);
    held.confirm(7, expiry);
    held.offer(expired);
    await pass(clock);
    expect(held.live()).toBeUndefined();
  });
});

describe('who waits', () => {
  it('has at once what is there', async () => {
    const token = buildToken();
    expect((await holding(token).next(undefined)).sha256).toBe(token.sha256);
  });

  it('has the next one that is not the rejected one', async () => {
    const [first, second] = [buildToken({ issuedAt: NOON }), buildToken({ issuedAt: NOON + 1 })];
    const held = holding(first);
    const waiting = held.next(first.sha256);
    held.offer(first);
    held.offer(second);
    expect((await waiting).sha256).toBe(second.sha256);
  });

  it('is not given an expired one', async () => {
    const held = holding(undefined);
    const waiting = held.next(undefined);
    held.offer(buildToken({ issuedAt: NOON - HOUR, expiresAt: NOON }));
    const live = buildToken({ issuedAt: NOON });
    held.offer(live);
    expect((await waiting).sha256).toBe(live.sha256);
  });

  it('fails with the reason of the signal', async () => {
    const stop = new AbortController();
    const waiting = failure(holding(undefined).next(undefined, stop.signal));
    stop.abort(new Error('Enough.'));
    expect(await waiting).toMatchObject({ message: 'Enough.' });
    expect(await failure(holding(undefined).next(undefined, stop.signal))).toMatchObject({ message: 'Enough.' });
  });

  it('fails once the source is closed', async () => {
    const held = holding(undefined);
    const waiting = failure(held.next(undefined));
    held.close();
    expect(await waiting).toMatchObject({ name: 'TokenNotYetAvailable' });
    expect(await failure(held.next(undefined))).toMatchObject({ message: 'The source of token dynamics is closed.' });
  });
});
