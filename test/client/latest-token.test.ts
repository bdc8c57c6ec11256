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

describe('the held token', () => {
  const held = { issuedAt: NOON, expiresAt: NOON + HOUR, generation: 7 };
  it.each<[string, { before: Partial<Token>; offered: Partial<Token>; taken: boolean }]>([
    [
      'is replaced by a token that was issued later',
      { before: held, offered: { ...held, issuedAt: NOON + 1 }, taken: true },
    ],
    [
      'is replaced by a higher generation, though a clock that was set back issued it',
      { before: held, offered: { ...held, issuedAt: NOON - 1, generation: 8 }, taken: true },
    ],
    [
      'stays against a lower generation that claims to be issued later',
      { before: held, offered: { ...held, issuedAt: NOON + 1, generation: 6 }, taken: false },
    ],
    [
      'stays against a token of its generation that was issued earlier',
      { before: held, offered: { ...held, issuedAt: NOON - 1 }, taken: false },
    ],
    [
      'is replaced by a later generation of the same instant',
      { before: held, offered: { ...held, generation: 8 }, taken: true },
    ],
    ['stays against the earlier generation', { before: held, offered: { ...held, generation: 6 }, taken: false }],
    ['stays against an equal token', { before: held, offered: held, taken: false }],
    [
      'is replaced by a live token, if it was issued later but has expired',
      {
        before: { issuedAt: NOON - 10, expiresAt: NOON - 1 },
        offered: { issuedAt: NOON - 20, expiresAt: NOON + 1 },
        taken: true,
      },
    ],
    [
      'stays against an expired token, though that was issued later',
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

  it('can be an expired one without another, but is not live', () => {
    const token = holding(buildToken({ issuedAt: NOON - HOUR, expiresAt: NOON }));
    expect(token.last).toBeDefined();
    expect(token.live()).toBeUndefined();
  });
});

describe('the token that the token-acquirer returned for a rejected one', () => {
  const rejected = buildToken({ issuedAt: NOON });
  const older = buildToken({ issuedAt: NOON - MINUTE, expiresAt: NOON + HOUR });

  it('is held though its time of issue is earlier', () => {
    const held = holding(rejected);
    held.acceptInstead(rejected.sha256, older);
    expect(held.live()?.sha256).toBe(older.sha256);
  });

  it('is not replaced by the rejected one, which the volume still has', () => {
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

  it('does not replace a newer one that came in the meantime', () => {
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

  it('gives way to any other token, though its generation is higher', () => {
    const { held, first } = world();
    expect(held.reject(first.sha256, true)).toBeUndefined();
    const lower = buildToken({ issuedAt: NOON - MINUTE, generation: 0 });
    held.offer(lower);
    expect(held.live()?.sha256).toBe(lower.sha256);
    held.offer(first);
    expect(held.live()?.sha256).toBe(lower.sha256);
  });

  it('is sent as long as no other exists, and may be accepted again', () => {
    const { held, first, second } = world();
    held.accepted(first.sha256);
    held.reject(first.sha256, true);
    expect(held.live()?.sha256).toBe(first.sha256);
    expect(held.liveOtherThan(second.sha256)).toBeUndefined();
    held.accepted(first.sha256);
    expect(held.liveOtherThan(second.sha256)?.sha256).toBe(first.sha256);
  });

  it('is replaced by the previous token for a second if no gateway accepted it yet', async () => {
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

  it('is not replaced by the previous token if its caller does not report accepted tokens', () => {
    const { held, first, second } = world();
    held.offer(second);
    expect(held.reject(second.sha256, false)).toBeUndefined();
    expect(held.complaintOf(second.sha256)).toEqual({ hash: second.sha256, cause: 'never_accepted' });
    expect(first.sha256).not.toBe(held.last?.sha256);
  });

  it('is not replaced by the previous token once that has expired, or was rejected', async () => {
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

  it('is dropped together with the one that stands in for it, and reported itself', () => {
    const { held, first, second } = world();
    held.accepted(first.sha256);
    held.offer(second);
    held.reject(second.sha256, true);
    expect(held.reject(first.sha256, true)).toBeUndefined();
    expect(held.complaintOf(first.sha256)).toEqual({ hash: second.sha256, cause: 'never_accepted' });
  });

  it('counts as revoked if it was accepted, unless a replay with it was rejected', () => {
    const { held, first } = world();
    held.accepted(first.sha256);
    expect(held.complaintOf(first.sha256).cause).toBe('revoked');
    held.reject(first.sha256, true);
    expect(held.complaintOf(first.sha256).cause).toBe('revoked');
    held.replayRejected(first.sha256);
    expect(held.complaintOf(first.sha256).cause).toBe('never_accepted');
  });

  it('does not change the held token if it is another one', () => {
    const { held, first, second, third } = world();
    held.offer(second);
    held.accepted(first.sha256);
    held.replayRejected(first.sha256);
    expect(held.reject(third.sha256, true)?.sha256).toBe(second.sha256);
    held.accepted(second.sha256);
    expect(held.complaintOf(second.sha256).cause).toBe('revoked');
  });
});

describe('the lifetime that the token-acquirer reports', () => {
  const expired = buildToken({ issuedAt: NOON - 3 * HOUR, expiresAt: NOON - 2 * HOUR, generation: 7 });
  const expiry = { wall: NOON + MINUTE, monotonic: MINUTE };

  it('keeps a token live that looks expired, until its end', async () => {
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

  it('applies to the token that comes after it, and to no other generation', () => {
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

describe('a caller that waits', () => {
  it('gets the held token immediately', async () => {
    const token = buildToken();
    expect((await holding(token).next(undefined)).sha256).toBe(token.sha256);
  });

  it('gets the next token that is not the rejected one', async () => {
    const [first, second] = [buildToken({ issuedAt: NOON }), buildToken({ issuedAt: NOON + 1 })];
    const held = holding(first);
    const waiting = held.next(first.sha256);
    held.offer(first);
    held.offer(second);
    expect((await waiting).sha256).toBe(second.sha256);
  });

  it('does not get an expired token', async () => {
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
